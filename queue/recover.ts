/**
 * What a spool holds when it is opened: first the journal's unfinished messages,
 * which must be known before new mail is taken, then the message files, each
 * message once. Leftovers are removed; what is damaged is moved to `corrupt/` and
 * reported. The first part throws the system's errors, the second logs them.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import { forEachLimited } from "./concurrency.ts";
import type { Files } from "./files.ts";
import { isId } from "./id.ts";
import type { Segment } from "./journal.ts";
import type { MessageFile, MessageFiles } from "./message_files.ts";
import { contentFileName } from "./record.ts";
import { type Replayed, replayJournal } from "./replay.ts";
import { messageOf } from "./storage_error.ts";
import { IN_FILE, type Place, SpoolEntry } from "./spool_entry.ts";

/** How many message files are read at a time: enough to keep a core busy, few enough to let mail in between. */
const READ_AT_ONCE = 8;

/** What recovery needs. */
export interface RecoverOptions {
  /** The file operations. */
  readonly files: Files;
  /** The spool's message files. */
  readonly messageFiles: MessageFiles;
  /** Where the time comes from. */
  readonly clock: Clock;
  /** The spool. */
  readonly directory: string;
  /** Its journal. */
  readonly journalDirectory: string;
}

/** What was found. */
export interface Recovered {
  /** The messages of the journal that are not finished. */
  readonly entries: readonly SpoolEntry[];
  /** The journal's segments, oldest first, each marked with what needs it. */
  readonly segments: readonly Segment[];
  /** The ids of the message files that were not read yet; nothing else of these messages is on disk. */
  readonly unread: ReadonlySet<string>;
  /**
   * Reads these files, and after the last one removes what nothing names. Ends early,
   * after those that are being read, when the signal is aborted. Never rejects.
   */
  readRest(take: TakeEntry, signal: AbortSignal): Promise<void>;
  /** Reads one of these files now, unless it was read before. Never rejects. */
  readNow(id: string, take: TakeEntry): Promise<void>;
}

/** Takes in a message that was found. */
type TakeEntry = (entry: SpoolEntry) => void;

/** The ids of the files in the spool, by what they are. */
interface Listing {
  readonly messages: Set<string>;
  readonly contents: Set<string>;
  readonly temporary: Set<string>;
}

function sortNames(names: readonly string[]): Listing {
  const listing: Listing = { messages: new Set(), contents: new Set(), temporary: new Set() };
  for (const name of names) {
    const dot = name.indexOf(".");
    const id = name.slice(0, dot);
    if (!isId(id)) continue;
    const kind = name.slice(dot);
    if (kind === ".json") listing.messages.add(id);
    else if (kind === ".eml") listing.contents.add(id);
    else if (kind === ".json.tmp") listing.temporary.add(id);
  }
  return listing;
}

class Recovery {
  readonly #options: RecoverOptions;
  readonly #replayed: Replayed;
  readonly #listing: Listing;
  readonly #now: number;
  /** Content files that somebody needs. */
  readonly #named = new Set<string>();
  /** What is being read of the message files that are left, by id. */
  readonly #reading = new Map<string, Promise<void>>();
  /** Whether a record is lost that may have named a content file. */
  #damaged: boolean;

  constructor(options: RecoverOptions, replayed: Replayed, listing: Listing) {
    this.#options = options;
    this.#replayed = replayed;
    this.#listing = listing;
    this.#now = options.clock.now();
    this.#damaged = replayed.damaged;
  }

  /** What the journal has to say; what must be removed under one of its records is gone, durably. */
  async begin(): Promise<Recovered> {
    await this.#removeLeftovers();
    const { journaled, segments } = this.#replayed;
    const { messages } = this.#listing;
    const entries: SpoolEntry[] = [];
    const take = (entry: SpoolEntry) => entries.push(entry);
    for (const id of [...journaled.keys()]) if (messages.delete(id)) await this.#takeFile(id, take);
    for (const id of journaled.keys()) await this.#takeJournaled(id, take);
    await this.#options.messageFiles.syncNames();
    const readRest: Recovered["readRest"] = (take, signal) => this.#readRest(take, signal);
    const readNow: Recovered["readNow"] = (id, take) => this.#readOnce(id, take);
    return { entries, segments, unread: messages, readRest, readNow };
  }

  async #readRest(take: TakeEntry, signal: AbortSignal): Promise<void> {
    const { messages } = this.#listing;
    const rest = takeWhile(messages, () => !signal.aborted);
    try {
      await forEachLimited(rest, READ_AT_ONCE, (id) => this.#readOnce(id, take));
      await Promise.all(this.#reading.values());
      if (signal.aborted) return;
      await this.#removeUnnamed();
      await this.#options.messageFiles.syncNames();
    } catch (error) {
      const fields = { error: messageOf(error) };
      log("queue").error("The spool could not be read to its end; the next start will", fields);
    }
  }

  /** Reads one of the files that are left, once for all who want it now. Never rejects. */
  #readOnce(id: string, take: TakeEntry): Promise<void> {
    const { messages } = this.#listing;
    if (!messages.has(id)) return Promise.resolve();
    // It must not be counted twice, not even for the moment in which it is taken in.
    const takeUnread: TakeEntry = (entry) => {
      messages.delete(entry.id);
      take(entry);
    };
    const reading = this.#reading.get(id) ??
      this.#takeFile(id, takeUnread).catch((error) => this.#leave(id, error)).finally(() => {
        messages.delete(id);
        this.#reading.delete(id);
      });
    this.#reading.set(id, reading);
    return reading;
  }

  /** Files never finished, and files of messages that are. */
  async #removeLeftovers(): Promise<void> {
    const { files, messageFiles } = this.#options;
    const { messages, contents, temporary } = this.#listing;
    for (const id of temporary) await files.remove(`${messageFiles.path(id)}.tmp`);
    for (const id of this.#replayed.done) {
      if (messages.delete(id) || contents.has(id)) await messageFiles.remove(id);
      contents.delete(id);
    }
  }

  /** A message file: it is newer than the journal's record of the message. */
  async #takeFile(id: string, take: TakeEntry): Promise<void> {
    let found: MessageFile | undefined;
    try {
      found = await this.#options.messageFiles.read(id);
    } catch (error) {
      return this.#leave(id, error);
    }
    if (found === undefined) return await this.#setAside(id, "A message file is damaged");
    const contentInFile = found.content === undefined;
    this.#replayed.journaled.delete(id);
    if (contentInFile && !this.#listing.contents.has(id)) {
      return await this.#setAside(id, "A message's content is missing");
    }
    if (contentInFile) this.#named.add(id);
    take(new SpoolEntry(found.message, this.#now, IN_FILE));
  }

  /** A message that is in the journal only. */
  async #takeJournaled(id: string, take: TakeEntry): Promise<void> {
    const { message, position, contentInFile } = this.#replayed.journaled.get(id)!;
    if (contentInFile && !this.#listing.contents.has(id)) {
      return await this.#keepRecord(id);
    }
    if (contentInFile) this.#named.add(id);
    position.segment.needed.add(id);
    const place: Place = { kind: "journal", position, hasFiles: contentInFile };
    take(new SpoolEntry(message, this.#now, place));
  }

  /** Removes content that nothing names; where a record was lost that may have named it, it is kept aside. */
  async #removeUnnamed(): Promise<void> {
    const { files, messageFiles } = this.#options;
    for (const id of this.#listing.contents) {
      if (this.#named.has(id)) continue;
      if (this.#damaged) await messageFiles.setAside(contentFileName(id));
      else await files.remove(messageFiles.contentPath(id));
    }
  }

  /** One unreadable file is no reason not to start; it is not damaged either, so it stays. */
  #leave(id: string, error: unknown): void {
    this.#named.add(id);
    log("queue").error(
      "A message file cannot be read; it stays where it is, until the next start",
      {
        id,
        error: messageOf(error),
      },
    );
  }

  async #setAside(id: string, what: string): Promise<void> {
    this.#damaged = true;
    log("queue").error(`${what}; it is kept in corrupt/`, { id });
    await this.#options.messageFiles.setAside(`${id}.json`);
  }

  async #keepRecord(id: string): Promise<void> {
    const { files, messageFiles } = this.#options;
    const { segment, at, size } = this.#replayed.journaled.get(id)!.position;
    log("queue").error("A message's content is missing; its record is kept in corrupt/", { id });
    await messageFiles.keepCorrupt(`${id}.jsonl`, await files.readAt(segment.path, at, size));
  }
}

function* takeWhile<T>(items: Iterable<T>, goOn: () => boolean): Generator<T> {
  for (const item of items) {
    if (!goOn()) return;
    yield item;
  }
}

/** Reads what must be known of a spool before it takes mail. Its directories must exist and be locked. */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const { files, messageFiles, directory, journalDirectory } = options;
  const replayed = await replayJournal(
    files,
    journalDirectory,
    (name, bytes) => messageFiles.keepCorrupt(name, bytes),
  );
  const listing = sortNames(await files.list(directory));
  return await new Recovery(options, replayed, listing).begin();
}
