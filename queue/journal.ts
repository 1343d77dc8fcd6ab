/**
 * The journal: segments that only grow, and group commit. Everything that waits
 * is written with one write and made durable with one fdatasync. A segment that
 * fails is abandoned and never synced again; the next batch gets a new one.
 *
 * @module
 */
import type { Bytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import { SharedTask } from "./concurrency.ts";
import type { Files, WritableFile } from "./files.ts";
import { QueueError } from "./queue.ts";
import { cutText, doneText, filedText, roomFor, sealInto } from "./record.ts";
import { messageOf, storageError } from "./storage_error.ts";

/** One file of the journal. */
export interface Segment {
  /** Later segments have higher numbers. */
  readonly number: number;
  /** Its file. */
  readonly path: string;
  /** Octets that are durable. */
  size: number;
  /** The ids of messages for which a record in it is still needed. */
  readonly needed: Set<string>;
}

/** Where a record is. Octets. */
export interface Position {
  /** Its segment. */
  readonly segment: Segment;
  /** Where it begins in the segment. */
  readonly at: number;
  /** How long it is. */
  readonly size: number;
}

/** What a journal needs. */
export interface JournalOptions {
  /** The file operations. */
  readonly files: Files;
  /** Where the segments are; must exist. */
  readonly directory: string;
  /** Where the time comes from. */
  readonly clock: Clock;
  /** From this size on, octets, a segment gets a successor. */
  readonly segmentSize: number;
  /** The segments that are there, oldest first. */
  readonly segments: readonly Segment[];
  /** Called when something could not be written. */
  onFailed(error: QueueError): void;
  /** Called when there are too many full segments: what {@linkcode Journal.surplus} are needed for is to be filed. */
  onCrowded(): void;
  /** Makes durable whatever a record may have asked to be removed; awaited before a segment goes. */
  beforeRemoval(): Promise<void>;
}

/** A record on its way. One without `failed` is kept for the next batch when its own fails. */
interface Pending {
  /** The record's JSON text; `""` for the mere wish that what stands before it be durable. */
  readonly text: string;
  /** The message that needs the record. */
  readonly neededBy?: string;
  readonly durable?: (position: Position) => void;
  readonly failed?: (error: QueueError) => void;
}

/** What is written at once. Octets. */
interface Batch {
  readonly items: readonly {
    readonly pending: Pending;
    readonly at: number;
    readonly end: number;
  }[];
  readonly bytes: Bytes;
}

/** The segment being written. */
interface Current {
  readonly segment: Segment;
  readonly file: WritableFile;
}

/** The octets of a batch, as long as its first record is not larger. */
const BATCH_SIZE = 2 * 1024 * 1024;
/** How long a record that nobody waits for waits for company, ms: a delivery not yet noted comes twice when the process is killed. */
const NOTE_DELAY = 100;
/** The same after the journal could not be written, ms. */
const RETRY_DELAY = 1000;
/** Of more full segments than this, the oldest are emptied. */
const MOST_FULL_SEGMENTS = 3;

/** The name of a segment's file. */
export function segmentName(number: number): string {
  return `${String(number).padStart(8, "0")}.jsonl`;
}

/** The journal of one spool. */
export class Journal {
  readonly #options: JournalOptions;
  readonly #segments: Segment[];
  readonly #sweeping = new SharedTask(() => this.#removeUnneeded());
  #nextNumber: number;
  #current: Current | undefined;
  #pending: Pending[] = [];
  /** How many of the pending are waited for. */
  #urgent = 0;
  #running: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #buffer: Bytes = new Uint8Array(BATCH_SIZE);
  /** A segment that is in memory because much of it is read back. */
  #whole: { readonly segment: Segment; readonly bytes: Bytes } | undefined;
  /** The JSON texts that say where abandoned segments end; each leads every batch until one is durable. */
  #cuts: string[] = [];

  /** Makes one; the first batch begins a new segment. */
  constructor(options: JournalOptions) {
    this.#options = options;
    this.#segments = [...options.segments];
    this.#nextNumber = (this.#segments.at(-1)?.number ?? 0) + 1;
  }

  /**
   * Appends a message's record; its segment is needed until {@linkcode release}.
   *
   * @returns where it is, once it is durable.
   * @throws {QueueError} when it is not.
   */
  append(id: string, text: string): Promise<Position> {
    return new Promise((durable, failed) => this.#enqueue({ text, neededBy: id, durable, failed }));
  }

  /** Notes that a message's file counts from now on. Written soon, with the next batch or a tenth of a second later. */
  noteFiled(id: string): void {
    this.#enqueue({ text: filedText(id) });
  }

  /**
   * Notes that a message is finished. With `durable`, which is called once the
   * note is, its segment is needed until {@linkcode release}.
   */
  noteDone(id: string, durable?: (segment: Segment) => void): void {
    const text = doneText(id);
    if (durable === undefined) return this.#enqueue({ text });
    this.#enqueue({ text, neededBy: id, durable: (position) => durable(position.segment) });
  }

  /** Says that a message no longer needs its record in a segment. */
  release(segment: Segment, id: string): void {
    segment.needed.delete(id);
    if (segment.needed.size === 0) this.sweep();
  }

  /** Resolves when everything noted so far is durable. @throws {QueueError} */
  flush(): Promise<void> {
    if (this.#pending.length === 0 && this.#running === undefined) return Promise.resolve();
    return new Promise((resolve, failed) =>
      this.#enqueue({ text: "", durable: () => resolve(), failed })
    );
  }

  /** How many segments there are, and what they take, octets. */
  get footprint(): { readonly segments: number; readonly octets: number } {
    const octets = this.#segments.reduce((sum, { size }) => sum + size, 0);
    return { segments: this.#segments.length, octets };
  }

  /**
   * Looks for the segment being written under its name. Where somebody has moved or
   * removed it, or mounted something over it, every write still succeeds, and what it
   * made durable would not be found at the next start.
   *
   * @throws the system's error, or an {@linkcode Error} when it is not there in full
   */
  async verify(): Promise<void> {
    const current = this.#current;
    if (current === undefined) return;
    const { path, size } = current.segment;
    try {
      if (await this.#options.files.size(path) < size) throw new Error(`${path} was cut short`);
    } catch (error) {
      // It may have been ended meanwhile, and its file be gone by right.
      if (this.#current === current) throw error;
    }
  }

  /** Begins to remove segments that nobody needs. */
  sweep(): void {
    if (this.#removable() !== undefined) void this.#sweeping.run();
  }

  /** The full segments that are too many, oldest first. */
  surplus(): readonly Segment[] {
    const full = this.#segments.filter((segment) => segment !== this.#current?.segment);
    return full.slice(0, Math.max(0, full.length - MOST_FULL_SEGMENTS));
  }

  /** The octets of a record. */
  async read({ segment, at, size }: Position): Promise<Bytes> {
    if (segment === this.#whole?.segment) return this.#whole.bytes.subarray(at, at + size);
    return await this.#options.files.readAt(segment.path, at, size);
  }

  /** Has a segment in memory while `work`, which reads back much of it; one at a time. When it cannot be read as a whole, each record is read by itself. */
  async withWhole(segment: Segment, work: () => Promise<void>): Promise<void> {
    const bytes = await this.#options.files.read(segment.path).catch(() => undefined);
    this.#whole = bytes && { segment, bytes };
    try {
      await work();
    } finally {
      this.#whole = undefined;
    }
  }

  /** Writes what is noted, gives up the segments that nobody needs, and ends. Never rejects. */
  async close(): Promise<void> {
    await this.flush().catch((error) => {
      log("queue").warn("The journal could not be completed", { error: messageOf(error) });
    });
    await this.#running;
    this.#cancelTimer?.();
    this.#endSegment();
    await this.#sweeping.run();
  }

  #enqueue(pending: Pending): void {
    this.#pending.push(pending);
    if (pending.failed === undefined) return this.#startTimer(NOTE_DELAY);
    this.#urgent++;
    this.#running ??= this.#run();
  }

  #startTimer(delay: number): void {
    this.#cancelTimer ??= this.#options.clock.after(delay, () => {
      this.#cancelTimer = undefined;
      // A failure has been logged, and started the timer again.
      this.flush().catch(() => {});
    });
  }

  async #run(): Promise<void> {
    // Whoever commits in the same turn of the event loop is in the first batch.
    await Promise.resolve();
    while (this.#urgent > 0) await this.#commit(this.#takeBatch());
    this.#running = undefined;
  }

  /** Encodes what is pending, as far as it fits. */
  #takeBatch(): Batch {
    let end = 0;
    for (const cut of this.#cuts) end = this.#encode(cut, end);
    const items = [];
    for (const pending of this.#pending) {
      if (items.length > 0 && end + roomFor(pending.text) > this.#buffer.length) break;
      const at = end;
      if (pending.text !== "") end = this.#encode(pending.text, at);
      if (pending.failed !== undefined) this.#urgent--;
      items.push({ pending, at, end });
    }
    this.#pending.splice(0, items.length);
    return { items, bytes: this.#buffer.subarray(0, end) };
  }

  #encode(text: string, at: number): number {
    const room = at + roomFor(text);
    if (room > this.#buffer.length) {
      const larger = new Uint8Array(room);
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
    }
    return sealInto(text, this.#buffer, at);
  }

  async #commit(batch: Batch): Promise<void> {
    try {
      this.#current ??= await this.#openSegment();
      if (batch.bytes.length > 0) {
        await this.#current.file.write(batch.bytes);
        await this.#current.file.syncData();
      }
    } catch (error) {
      return await this.#abandon(batch, error);
    }
    this.#acknowledge(batch, this.#current.segment);
  }

  #acknowledge(batch: Batch, segment: Segment): void {
    const start = segment.size;
    segment.size += batch.bytes.length;
    this.#cuts = [];
    for (const { pending, at, end } of batch.items) {
      if (pending.neededBy !== undefined) segment.needed.add(pending.neededBy);
      pending.durable?.({ segment, at: start + at, size: end - at });
    }
    if (segment.size < this.#options.segmentSize) return;
    this.#endSegment();
    this.sweep();
    if (this.surplus().length > 0) this.#options.onCrowded();
  }

  /**
   * Opens the next segment; its name is durable before a record in it can be. It is
   * the current one from the moment that it is in the list: a sweep is free to
   * remove any other that nobody needs, and nobody needs it yet.
   */
  async #openSegment(): Promise<Current> {
    const { files, directory } = this.#options;
    const number = this.#nextNumber;
    const path = `${directory}/${segmentName(number)}`;
    const file = await files.create(path);
    try {
      await files.syncDirectory(directory);
    } catch (error) {
      file.close();
      throw error;
    }
    const segment = { number, path, size: 0, needed: new Set<string>() };
    this.#nextNumber++;
    this.#segments.push(segment);
    return this.#current = { segment, file };
  }

  #endSegment(): void {
    this.#current?.file.close();
    this.#current = undefined;
  }

  /** A batch was not made durable: whoever waits for it is told; what nobody waits for goes with the next one. */
  async #abandon(batch: Batch, cause: unknown): Promise<void> {
    const error = storageError(cause, "writing the journal");
    log("queue").error("The journal could not be written", { error: error.message });
    this.#options.onFailed(error);
    await this.#disown();
    const kept: Pending[] = [];
    for (const { pending } of batch.items) {
      if (pending.failed === undefined) kept.push(pending);
      else pending.failed(error);
    }
    this.#pending.unshift(...kept);
    if (this.#pending.length > 0) this.#startTimer(RETRY_DELAY);
  }

  /**
   * Gives up the current segment after a failure: what its last batch left behind
   * shall not count. It stays the current one until that is done, lest a sweep
   * removes it at the same time, or another that has its number by then.
   */
  async #disown(): Promise<void> {
    if (this.#current === undefined) return;
    const { segment, file } = this.#current;
    await file.truncate(segment.size).catch(() => {});
    file.close();
    const isGone = segment.size === 0 && await this.#unmake(segment);
    if (!isGone) this.#cuts.push(cutText(segment.number, segment.size));
    this.#current = undefined;
  }

  /** Removes a segment in which nothing was ever durable; its number is used again. */
  async #unmake(segment: Segment): Promise<boolean> {
    try {
      await this.#options.files.remove(segment.path);
    } catch {
      return false;
    }
    this.#segments.pop();
    this.#nextNumber = segment.number;
    return true;
  }

  /**
   * Removes segments that nobody needs, oldest first and each durably before the
   * next: a later segment may say that what an earlier one holds is done.
   */
  async #removeUnneeded(): Promise<void> {
    const { files, directory, beforeRemoval } = this.#options;
    try {
      for (let oldest = this.#removable(); oldest !== undefined; oldest = this.#removable()) {
        await beforeRemoval();
        await files.remove(oldest.path);
        await files.syncDirectory(directory);
        this.#segments.shift();
      }
    } catch (error) {
      log("queue").warn("A journal segment could not be removed", { error: messageOf(error) });
    }
  }

  #removable(): Segment | undefined {
    const oldest = this.#segments[0];
    const unneeded = oldest !== this.#current?.segment && oldest?.needed.size === 0;
    return unneeded ? oldest : undefined;
  }
}
