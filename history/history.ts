/**
 * The history: what became of every message, kept on disk after it is gone, and
 * found again by its id, sender, recipient or Message-ID. Refusals and sessions
 * have files and a bound of their own, so that nobody flushes the story of the
 * mail out by being refused. Nothing that goes wrong here touches mail.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { ConcurrencyLimit } from "../base/concurrency_limit.ts";
import { log } from "../base/log.ts";
import { Pace } from "../base/slices.ts";
import { denoWriter, FactFiles, type SegmentWriter } from "./fact_files.ts";
import type { FactQuery } from "./keys.ts";
import { type Findings, findMessages, type MessageFilter } from "./messages.ts";
import { newest, storyOf } from "./search.ts";
import type { RefusedFact, SessionFact, StoryFact, StoryTaker } from "./story.ts";

/** What a history is. */
export interface HistoryOptions {
  /** Where it is; made when it is not there. */
  readonly directory: string;
  /** How long facts are kept, ms. */
  readonly keep: number;
  /** What all of it may take on the disk, octets. */
  readonly size: number;
  readonly clock: Clock;
  /** With less free space than this nothing is written, and the oldest goes; default 128 MiB, twice what the queue keeps free. Octets. */
  readonly reserve?: number;
  /** How many messages a search looks at before it ends; default 2,000. */
  readonly mostLooks?: number;
  /** What files are written with; the machine's by default. */
  readonly writer?: SegmentWriter;
}

/** What messages are looked for. */
export type MessageQuery = MessageFilter & {
  /** How many to give at most. */
  readonly limit: number;
};

/** What refusals and sessions are looked for. */
export type SessionQuery = Omit<FactQuery, "messageId"> & {
  /** How many to give at most. */
  readonly limit: number;
};

/** The share of the size that refusals and sessions have. */
const SESSIONS_SHARE = 0.25;
/** A look takes about a millisecond. */
const MOST_LOOKS = 2000;
/** Searches that go on at once; others wait. */
const SEARCHES = 2;
const RESERVE = 128 * 1024 * 1024;

/** The history on disk. */
export class History implements StoryTaker {
  readonly #mail: FactFiles;
  readonly #sessions: FactFiles;
  readonly #options: HistoryOptions;
  readonly #searches = new ConcurrencyLimit(SEARCHES);
  #failed = false;

  private constructor(options: HistoryOptions, mail: FactFiles, sessions: FactFiles) {
    this.#options = options;
    this.#mail = mail;
    this.#sessions = sessions;
  }

  /** Opens the history in a directory. Never rejects: what cannot be read is not there. */
  static async open(options: HistoryOptions): Promise<History> {
    const { size, reserve = RESERVE, writer = denoWriter } = options;
    const series = (name: string, share: number) =>
      FactFiles.open({ ...options, reserve, writer, series: name, size: Math.floor(size * share) });
    const mail = await series("mail", 1 - SESSIONS_SHARE);
    return new History(options, mail, await series("sessions", SESSIONS_SHARE));
  }

  /** What it takes on the disk, octets. */
  get octets(): number {
    return this.#mail.octets + this.#sessions.octets;
  }

  /** How many facts could not be written since the start. */
  get lost(): number {
    return this.#mail.lost + this.#sessions.lost;
  }

  take(fact: StoryFact): void {
    const files = fact.kind === "refused" || fact.kind === "session" ? this.#sessions : this.#mail;
    try {
      files.add(fact);
    } catch (error) {
      // A fact that cannot be put in words is a bug; once is enough to hear of it.
      if (!this.#failed) log("history").error("a fact could not be kept", { error });
      this.#failed = true;
    }
  }

  /** What happened to a message, in order; nothing when it is not known. */
  async story(id: string): Promise<StoryFact[]> {
    return await storyOf(this.#mail, id);
  }

  /** Accepted messages, the newest first, each with what became of it. */
  find({ limit, ...filter }: MessageQuery, signal?: AbortSignal): Promise<Findings> {
    const { mostLooks = MOST_LOOKS } = this.#options;
    return this.#searches.run(() =>
      findMessages(this.#mail, filter, { limit, most: mostLooks, pace: new Pace(signal) })
    );
  }

  /** What was refused, the newest first. */
  refusals(query: SessionQuery, signal?: AbortSignal): Promise<RefusedFact[]> {
    const isOne = (fact: StoryFact) => fact.kind === "refused";
    return this.#searches.run(() => this.#sessionFacts(query, "refused", isOne, signal));
  }

  /** Sessions that are over, the newest first; of these no sender or recipient is known. */
  sessions(
    query: Omit<SessionQuery, "from" | "to">,
    signal?: AbortSignal,
  ): Promise<SessionFact[]> {
    const isOne = (fact: StoryFact) => fact.kind === "session";
    return this.#searches.run(() => this.#sessionFacts(query, "session", isOne, signal));
  }

  async #sessionFacts<F extends StoryFact>(
    { limit, ...query }: SessionQuery,
    kind: F["kind"],
    isOne: (fact: StoryFact) => fact is F,
    signal?: AbortSignal,
  ): Promise<F[]> {
    const found: F[] = [];
    const pace = new Pace(signal);
    for await (const fact of newest(this.#sessions, query, kind)) {
      await pace.keep();
      if (found.length >= limit) break;
      if (isOne(fact)) found.push(fact);
    }
    return found;
  }

  /** Writes what waits, and ends. Never rejects. */
  async close(): Promise<void> {
    await Promise.all([this.#mail.close(), this.#sessions.close()]);
  }
}
