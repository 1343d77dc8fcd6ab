/**
 * The disk side of the file queue: takes each message through its durable forms,
 * journal record, message file, gone, in the order that `docs/queue.md` argues.
 * The numbers in brackets are the rows of its table.
 *
 * @module
 */
import { decode, encode } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { ConcurrencyLimit } from "../base/concurrency_limit.ts";
import { log } from "../base/log.ts";
import type { MaybePromise } from "../base/maybe_promise.ts";
import { fileContent, memoryContent } from "./content.ts";
import type { SealedContent } from "./file_draft.ts";
import type { Files } from "./files.ts";
import type { Journal, Position, Segment } from "./journal.ts";
import type { MessageFile, MessageFiles } from "./message_files.ts";
import type { Content, QueuedMessage } from "./queue.ts";
import { contentFileName, queuedText, readRecord } from "./record.ts";
import { IN_FILE, type Place, SpoolEntry, type Stored } from "./spool_entry.ts";
import { messageOf, storageError } from "./storage_error.ts";

/** A message cannot be used: it, or its content, is damaged or gone. Trying again is pointless. */
export class DamagedMessage extends Error {}

/** What a store is made of. */
export interface SpoolStoreParts {
  /** The file operations. */
  readonly files: Files;
  /** Where the time comes from. */
  readonly clock: Clock;
  /** The spool's journal. */
  readonly journal: Journal;
  /** The spool's message files. */
  readonly messageFiles: MessageFiles;
  /** The most octets of messages that are kept in memory to save reading them again. */
  readonly contentBudget: number;
}

/** What a message in memory costs besides its content and recipients, octets; roughly. */
const MESSAGE_COST = 1024;
/** What a recipient in memory costs, octets; roughly. */
const RECIPIENT_COST = 256;

/** The files of how many messages are removed at a time: mail that comes in waits for no more than these. */
const REMOVED_AT_ONCE = 8;

/** The durable forms of messages. */
export class SpoolStore {
  readonly #parts: SpoolStoreParts;
  /** What is kept in memory within the budget, and what each costs, octets. */
  readonly #kept = new Map<SpoolEntry, number>();
  /** All of that. */
  #cost = 0;
  /** Finished messages whose files could not be removed. */
  readonly #uncleaned = new Set<string>();
  readonly #removing = new ConcurrencyLimit(REMOVED_AT_ONCE);
  readonly #cleaning = new Set<Promise<void>>();

  /** Makes one. */
  constructor(parts: SpoolStoreParts) {
    this.#parts = parts;
  }

  /** [M3, M5] Makes a message durable: in the journal, or when it is held in its file. */
  async commit(message: QueuedMessage, { inline }: SealedContent): Promise<SpoolEntry> {
    const { journal, messageFiles, clock } = this.#parts;
    if (message.held) {
      await messageFiles.write(message, inline?.text);
      return new SpoolEntry(message, clock.now(), IN_FILE);
    }
    const position = await journal.append(message.id, queuedText(message, inline?.text));
    const place: Place = { kind: "journal", position, hasFiles: inline === undefined };
    const entry = new SpoolEntry(message, clock.now(), place);
    this.#keep(entry, { message, content: inline?.bytes });
    return entry;
  }

  /**
   * A message as it stands, from memory or disk.
   *
   * @throws {DamagedMessage} when it can never be read.
   */
  load(entry: SpoolEntry): MaybePromise<Stored> {
    return entry.stored ?? this.#read(entry);
  }

  /** The content of a message that was loaded. */
  content({ message, content }: Stored): Content {
    if (content !== undefined) return memoryContent(content);
    const { files, messageFiles } = this.#parts;
    return fileContent(files, messageFiles.contentPath(message.id), message.size);
  }

  /** [M5] Files a message as it stands; after that the journal no longer counts. One call at a time for each entry. */
  async file(entry: SpoolEntry, { message, content }: Stored): Promise<void> {
    const { journal, messageFiles } = this.#parts;
    entry.unrecorded = false;
    if (entry.place.kind === "journal") entry.place.hasFiles = true;
    try {
      await messageFiles.write(message, content && decode(content));
    } catch (error) {
      entry.unrecorded = true;
      throw storageError(error, `filing message ${entry.id}`);
    }
    if (entry.place.kind === "journal") {
      const { segment } = entry.place.position;
      entry.place = IN_FILE;
      journal.noteFiled(entry.id);
      journal.release(segment, entry.id);
    }
    this.#unkeep(entry);
  }

  /** [M6] A message is finished: notes it, and removes its files once the note is durable. */
  finish(entry: SpoolEntry): void {
    const { journal } = this.#parts;
    if (entry.place.hasFiles) this.#cleanUp(entry.id);
    else journal.noteDone(entry.id);
    if (entry.place.kind === "journal") journal.release(entry.place.position.segment, entry.id);
    entry.unrecorded = false;
    this.#unkeep(entry);
  }

  /** [M8] Moves what there is of a message that cannot be used into `corrupt/`. Throws when that fails. */
  async setAside(entry: SpoolEntry): Promise<void> {
    const { journal, messageFiles } = this.#parts;
    if (entry.place.kind === "journal") {
      const record = await journal.read(entry.place.position);
      await messageFiles.keepCorrupt(`${entry.id}.jsonl`, record);
    }
    await messageFiles.setAside(`${entry.id}.json`);
    await messageFiles.setAside(contentFileName(entry.id));
    this.finish(entry);
  }

  /** Tries again to remove the files of finished messages that keep a segment from going. */
  cleanUpAgain(segment: Segment): void {
    for (const id of [...this.#uncleaned]) if (segment.needed.has(id)) this.#cleanUp(id, segment);
  }

  /** Drops a message from memory that is neither claimed nor to be kept there. */
  forget(entry: SpoolEntry): void {
    if (!entry.claimed && !this.#kept.has(entry) && !entry.unrecorded) entry.stored = undefined;
  }

  /** Resolves when every note so far is durable. @throws {QueueError} */
  flush(): Promise<void> {
    return this.#parts.journal.flush();
  }

  /** Ends the journal, and what it started. Never rejects. */
  async close(): Promise<void> {
    await this.#parts.journal.flush().catch(() => {});
    await Promise.all(this.#cleaning);
    await this.#parts.journal.close();
  }

  async #read(entry: SpoolEntry): Promise<Stored> {
    while (true) {
      const place = entry.place;
      try {
        return await this.#readFrom(place, entry.id);
      } catch (error) {
        // It may have been filed, and its segment removed, meanwhile.
        if (entry.place !== place) continue;
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        throw new DamagedMessage(messageOf(error));
      }
    }
  }

  async #readFrom(place: Place, id: string): Promise<Stored> {
    const { messageFiles } = this.#parts;
    const found = place.kind === "file"
      ? await messageFiles.read(id)
      : await this.#readRecord(place.position);
    if (found === undefined) throw new DamagedMessage("its record is damaged");
    const { message, content } = found;
    if (content !== undefined) return { message, content: encode(content) };
    if (await messageFiles.hasContent(id, message.size)) return { message };
    throw new DamagedMessage("its content is missing or damaged");
  }

  async #readRecord(position: Position): Promise<MessageFile | undefined> {
    const found = readRecord(await this.#parts.journal.read(position), 0);
    return found?.record.type === "queued" ? found.record : undefined;
  }

  /** Removes a finished message's files after the note; until then, the note's segment stays. */
  #cleanUp(id: string, before?: Segment): void {
    this.#uncleaned.delete(id);
    this.#parts.journal.noteDone(id, (segment) => {
      if (before !== undefined) this.#parts.journal.release(before, id);
      const cleaning = this.#removeFiles(id, segment);
      this.#cleaning.add(cleaning);
      void cleaning.finally(() => this.#cleaning.delete(cleaning));
    });
  }

  async #removeFiles(id: string, segment: Segment): Promise<void> {
    try {
      await this.#removing.run(() => this.#parts.messageFiles.remove(id));
      this.#parts.journal.release(segment, id);
    } catch (error) {
      this.#uncleaned.add(id);
      const message = "The files of a finished message cannot be removed";
      log("queue").error(message, { id, error: messageOf(error) });
    }
  }

  #keep(entry: SpoolEntry, stored: Stored): void {
    const { message, content } = stored;
    const cost = MESSAGE_COST + RECIPIENT_COST * message.recipients.length + (content?.length ?? 0);
    if (this.#cost + cost > this.#parts.contentBudget) return;
    this.#cost += cost;
    this.#kept.set(entry, cost);
    entry.stored = stored;
  }

  #unkeep(entry: SpoolEntry): void {
    this.#cost -= this.#kept.get(entry) ?? 0;
    this.#kept.delete(entry);
    this.forget(entry);
  }
}
