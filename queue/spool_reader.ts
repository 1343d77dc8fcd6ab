/**
 * Reads the messages of a spool: those that wait in files, in the background after
 * a start; one at once when somebody asks for it; and each that is claimed. One that
 * is damaged is set aside and logged; what cannot be read for now is tried again.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import type { Recovered } from "./recover.ts";
import type { SpoolEntry, Stored } from "./spool_entry.ts";
import { DamagedMessage, type SpoolStore } from "./spool_store.ts";
import { messageOf, storageError } from "./storage_error.ts";
import type { WaitingList } from "./waiting_list.ts";

/** When a message that cannot be read for now is looked at again, ms. */
const READ_AGAIN = 60_000;

/** What a reader needs. */
export interface SpoolReaderParts {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** The durable forms of the messages. */
  readonly store: SpoolStore;
  /** What is known of them; what is read is added. */
  readonly list: WaitingList<SpoolEntry>;
  /** What was found at the start. */
  readonly recovered: Recovered;
}

/** Reads what is in a spool. */
export class SpoolReader {
  readonly #parts: SpoolReaderParts;
  readonly #stop = new AbortController();
  /** Resolves when every waiting message is known, or the reader was stopped. Never rejects. */
  readonly allRead: Promise<void>;

  /** Begins to read what waits in files. */
  constructor(parts: SpoolReaderParts) {
    this.#parts = parts;
    this.allRead = this.#readRest();
  }

  /** The ids of the message files that were not read yet. */
  get unread(): ReadonlySet<string> {
    return this.#parts.recovered.unread;
  }

  /** Ends the reading of what waits in files. Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.allRead;
  }

  /** Waits for what is still to become of a message: it may be known by name only, or be released and not yet recorded. */
  async settled(id: string): Promise<void> {
    if (this.#isUnread(id)) await this.#readNow(id);
    await this.#parts.list.get(id)?.givingBack;
  }

  /** A message as it stands, whoever has it; undefined when it is not there. @throws {QueueError} */
  async find(id: string): Promise<Stored | undefined> {
    const { list, store } = this.#parts;
    if (this.#isUnread(id)) await this.#readNow(id);
    const entry = list.get(id);
    if (entry === undefined) return undefined;
    try {
      return await store.load(entry);
    } catch (error) {
      // It may have been finished, or set aside, meanwhile.
      if (list.get(id) === undefined || error instanceof DamagedMessage) return undefined;
      throw storageError(error, `reading message ${id}`);
    }
  }

  /** Reads a claimed message; undefined when it cannot be read, and nobody has it any more. */
  async read(entry: SpoolEntry): Promise<Stored | undefined> {
    try {
      return await this.#parts.store.load(entry);
    } catch (error) {
      await this.#cannotRead(entry, error);
      return undefined;
    }
  }

  #isUnread(id: string): boolean {
    return this.unread.has(id) && !this.#stop.signal.aborted;
  }

  #readNow(id: string): Promise<void> {
    const { recovered, list } = this.#parts;
    return recovered.readNow(id, (entry) => list.add(entry));
  }

  /** Sets a damaged message aside; one that cannot be read for now is tried later. */
  async #cannotRead(entry: SpoolEntry, error: unknown): Promise<void> {
    const { store, list, clock } = this.#parts;
    log("queue").error("A message cannot be read", { id: entry.id, error: messageOf(error) });
    try {
      if (error instanceof DamagedMessage) {
        await store.setAside(entry);
        return list.remove(entry);
      }
    } catch (failure) {
      const fields = { id: entry.id, error: messageOf(failure) };
      log("queue").error("A damaged message cannot be moved to corrupt/", fields);
    }
    if (entry.claimed) list.postpone(entry, clock.now() + READ_AGAIN);
  }

  async #readRest(): Promise<void> {
    const { recovered, list, clock } = this.#parts;
    const begun = clock.now();
    const files = this.unread.size;
    const { signal } = this.#stop;
    await recovered.readRest((entry) => list.add(entry), signal);
    if (signal.aborted || files === 0) return;
    log("queue").info("all waiting mail is known", { files, took: clock.now() - begun });
  }
}
