/**
 * What there is to tell of sessions: each has an id, and tells what was refused in it
 * as it happens, and what it came to when it is over. A session of which there is
 * nothing to tell yet keeps some 80 octets for this. Nothing here fails.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Decision, RefusedFact, SessionFact, StoryTaker } from "../history/story.ts";
import type { ClientInfo } from "../message/envelope.ts";
import { replyText, type SmtpReply } from "../protocol/reply.ts";
import type { BoundAddress } from "./listen.ts";

/** How many messages a session names. */
const MOST_IDS = 10;

/** What was done in a session. */
interface Deeds {
  messages: number;
  readonly ids: string[];
  refusals: number;
  refusal: string | undefined;
  /** Who said for whom the connection is made, and by which rule that was believed. */
  readonly introductions: Decision[];
}

/** What is known of one session while it lasts. */
export class SessionRecord {
  /** Where it came. */
  readonly listener: BoundAddress;
  /** Which one it is of those of this process. */
  readonly number: number;
  /** When it began, ms since 1970. */
  readonly at: number;
  /** Octets of the conversation, without those of TLS. */
  received = 0;
  /** Likewise. */
  sent = 0;
  #deeds: Deeds | undefined;

  /** Made by {@linkcode SessionStories.begin}. */
  constructor(listener: BoundAddress, number: number, at: number) {
    this.listener = listener;
    this.number = number;
    this.at = at;
  }

  /** A message was accepted. */
  accepted(id: string): void {
    const deeds = this.#made();
    if (deeds.messages++ < MOST_IDS) deeds.ids.push(id);
  }

  /** A proxy that is trusted said who the client is. */
  introduced(rule: string): void {
    this.#made().introductions.push({ about: "connection", rule });
  }

  /** Something was refused, with this reply or by hanging up. */
  refused(reply: string | undefined): void {
    const deeds = this.#made();
    deeds.refusals++;
    deeds.refusal ??= reply;
  }

  /** By which rules others were believed who the client is. */
  get introductions(): readonly Decision[] {
    return this.#deeds?.introductions ?? [];
  }

  /** What was done in it. */
  get summary(): Pick<SessionFact, "messages" | "ids" | "refusals" | "refusal"> {
    const { messages = 0, ids = [], refusals = 0, refusal } = this.#deeds ?? {};
    return { messages, ids, refusals, refusal };
  }

  #made(): Deeds {
    return this.#deeds ??= {
      ...{ messages: 0, ids: [], refusals: 0, refusal: undefined },
      introductions: [],
    };
  }
}

/** What was refused, and why. */
export interface Refusal extends Pick<RefusedFact, "from" | "to" | "decision"> {
  /** Our reply; absent where the client is only hung up on. */
  readonly reply?: SmtpReply;
}

/** How a session ended. */
export interface SessionEnd {
  /** The client, as it was known at last. */
  readonly client: ClientInfo;
  /** How. */
  readonly end: SessionFact["end"];
  /** What broke it off. */
  readonly error?: string;
}

/** Tells of all the sessions of a process. */
export class SessionStories {
  readonly #stories: StoryTaker;
  readonly #clock: Clock;
  /** What the ids begin with: no two processes with one spool begin at the same time. */
  readonly #prefix: string;
  #begun = 0;

  /** Tells them to this taker. */
  constructor(stories: StoryTaker, clock: Clock) {
    this.#stories = stories;
    this.#clock = clock;
    this.#prefix = clock.now().toString(36);
  }

  /** A session begins at a listener. */
  begin(listener: BoundAddress): SessionRecord {
    return new SessionRecord(listener, ++this.#begun, this.#clock.now());
  }

  /** The id of a session: unique, and made only where there is something to tell. */
  id({ number }: SessionRecord): string {
    return `${this.#prefix}-${number.toString(36)}`;
  }

  /** Tells what was refused. */
  refused(
    record: SessionRecord,
    { address, port, helo, user }: RefusedFact["client"],
    { reply, decision, from, to }: Refusal,
  ): void {
    const text = reply && replyText(reply);
    record.refused(text);
    this.#stories.take({
      kind: "refused",
      at: this.#clock.now(),
      id: this.id(record),
      client: { address, port, helo, user },
      from,
      to,
      reply: text,
      decision,
    });
  }

  /** Tells what a session came to. */
  ended(record: SessionRecord, { client, end, error }: SessionEnd): void {
    const { listener, at, received, sent } = record;
    this.#stories.take({
      kind: "session",
      at,
      id: this.id(record),
      took: this.#clock.now() - at,
      client,
      listener: String(listener),
      role: listener.role,
      ...record.summary,
      received,
      sent,
      end,
      error,
    });
  }
}
