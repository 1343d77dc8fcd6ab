/**
 * A series of segments that facts are appended to, bounded by age and by size.
 * Written in the background, at most a second late. What cannot be written is
 * lost, with one warning, and tried again with what comes later: a history may
 * have gaps, and whoever tells it something never waits and never fails.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import { denoFiles, type WritableFile } from "../queue/files.ts";
import { messageOf } from "../queue/storage_error.ts";
import { Batch } from "./batch.ts";
import { dayOf, Segment } from "./segment.ts";
import type { StoryFact } from "./story.ts";

/** What the segments are written with; a test double fails where it is told to. */
export interface SegmentWriter {
  /** Opens a file to be written from `size` on, made when it is not there; what stands behind `size` is cut off. */
  open(path: string, size: number): Promise<WritableFile>;
  /** Octets that may still be written on the file system of a directory. */
  freeSpace(directory: string): Promise<number>;
}

/** What a series is. */
export interface FactFilesOptions {
  /** Where it is; made when it is not there. */
  readonly directory: string;
  /** Its name, lower-case letters. */
  readonly series: string;
  /** How long facts are kept, ms. */
  readonly keep: number;
  /** What it may take on the disk, octets. */
  readonly size: number;
  /** With less free space than this nothing is added, and the oldest segments go. Octets. */
  readonly reserve: number;
  readonly clock: Clock;
  readonly writer: SegmentWriter;
}

/** The segment being written. */
interface Current {
  readonly segment: Segment;
  readonly file: WritableFile;
}

/** How long facts wait for company, ms. */
const DELAY = 1000;
/** The same after something could not be written. */
const DELAY_IN_TROUBLE = 10_000;
/** How often what is too old is looked for, ms. */
const SWEEP_INTERVAL = 3_600_000;
/** From this size on a batch does not wait, octets. */
const FULL_BATCH = 256 * 1024;
/** What may wait while the disk is slow or in trouble, octets; of a small series no more than this share of it. */
const MOST_WAITING = 4 * 1024 * 1024;
const WAITING_SHARE = 0.25;
/** A series has about as many segments as this. */
const SEGMENTS = 64;
const SMALLEST_SEGMENT = 16 * 1024;
const LARGEST_SEGMENT = 64 * 1024 * 1024;

/** The machine's own files. */
export const denoWriter: SegmentWriter = {
  async open(path, size) {
    const file = await Deno.open(path, { write: true, create: true, mode: 0o600 });
    await file.truncate(size);
    await file.seek(size, Deno.SeekMode.Start);
    return {
      async write(bytes) {
        for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      },
      syncData: () => file.syncData(),
      truncate: (length) => file.truncate(length),
      close: () => file.close(),
    };
  },
  freeSpace: (directory) => denoFiles.freeSpace(directory),
};

/** A series of segments. */
export class FactFiles {
  readonly #options: FactFilesOptions;
  readonly #segmentSize: number;
  readonly #mostWaiting: number;
  /** Oldest first. */
  readonly #segments: Segment[];
  #current: Current | undefined;
  #nextNumber: number;
  #batch = new Batch();
  #spare = new Batch();
  /** What is done to the files is done one after the other; ends when the last of it has. */
  #turn: Promise<void> = Promise.resolve();
  #writeIsDue = false;
  #cancelWrite: (() => void) | undefined;
  #cancelSweep: (() => void) | undefined;
  #inTrouble = false;
  #lost = 0;

  private constructor(options: FactFilesOptions, segments: Segment[]) {
    this.#options = options;
    this.#segments = segments;
    const size = Math.floor(options.size / SEGMENTS);
    this.#mostWaiting = Math.min(MOST_WAITING, options.size * WAITING_SHARE);
    this.#nextNumber = (segments.at(-1)?.number ?? 0) + 1;
    this.#segmentSize = Math.min(Math.max(size, SMALLEST_SEGMENT), LARGEST_SEGMENT);
  }

  /** Finds what is there. A directory that cannot be read has nothing. */
  static async open(options: FactFilesOptions): Promise<FactFiles> {
    const names = await namesIn(options.directory);
    const found = await Promise.all(
      names.map((name) => Segment.found(options.directory, options.series, name)),
    );
    const segments = found.filter((segment) => segment !== undefined);
    const files = new FactFiles(options, segments.sort((a, b) => a.number - b.number));
    await files.#inTurn(() => files.#sweep());
    return files;
  }

  /** What it takes on the disk, octets. */
  get octets(): number {
    return this.#segments.reduce((sum, { octets }) => sum + octets, 0);
  }

  /** How many facts could not be written. */
  get lost(): number {
    return this.#lost;
  }

  /** Takes a fact, to be written soon. Throws nothing that writing may cost. */
  add(fact: StoryFact): void {
    const batch = this.#batch;
    if (batch.size >= this.#mostWaiting) return void this.#lost++;
    batch.add(fact);
    if (this.#writeIsDue) return;
    if (batch.size >= FULL_BATCH && !this.#inTrouble) return void this.#write();
    this.#cancelWrite ??= this.#options.clock.after(
      this.#inTrouble ? DELAY_IN_TROUBLE : DELAY,
      () => void this.#write(),
    );
  }

  /** The segments that may hold facts of these times, oldest first, with all that was added. Times in ms since 1970. */
  async segments(since = -Infinity, until = Infinity): Promise<Segment[]> {
    await this.#write();
    return this.#segments.filter((segment) => segment.mayHold(since, until));
  }

  /** Writes what waits, completes the segment, and ends. Never rejects. */
  async close(): Promise<void> {
    await this.#write();
    await this.#inTurn(() => this.#endSegment());
    this.#cancelSweep?.();
    this.#cancelWrite?.();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work);
    return this.#turn;
  }

  /** Resolves when everything added so far is written, or lost. */
  #write(): Promise<void> {
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    this.#writeIsDue = true;
    return this.#inTurn(async () => {
      const batch = this.#batch;
      this.#writeIsDue = false;
      if (batch.facts === 0) return;
      this.#batch = this.#spare;
      await this.#append(batch);
      batch.clear();
      this.#spare = batch;
    });
  }

  async #append(batch: Batch): Promise<void> {
    try {
      await this.#makeRoom(batch.size);
      const { segment, file } = await this.#openSegment();
      await file.write(batch.bytes);
      segment.grow(batch);
      this.#sayRecovered();
    } catch (error) {
      this.#lose(batch.facts, error);
    }
  }

  /** The segment to append to. A new one when the last is full, or of another day. */
  async #openSegment(): Promise<Current> {
    const { directory, series, clock, writer } = this.#options;
    if (this.#current !== undefined && this.#isOver(this.#current.segment)) {
      await this.#endSegment();
    }
    if (this.#current !== undefined) return this.#current;
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    const last = this.#segments.at(-1);
    const segment = last === undefined || this.#isOver(last)
      ? Segment.begin(directory, series, this.#nextNumber++, clock.now())
      : last;
    await segment.load();
    const file = await writer.open(segment.path, segment.size);
    if (segment !== last) this.#segments.push(segment);
    return this.#current = { segment, file };
  }

  #isOver({ size, day }: Segment): boolean {
    return size >= this.#segmentSize || day !== dayOf(this.#options.clock.now());
  }

  /** Closes the segment being written. On an error its index is made anew when it is needed. */
  async #endSegment(): Promise<void> {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    try {
      await current.file.syncData();
      await current.segment.close();
    } catch (error) {
      this.#warn(error);
    } finally {
      current.file.close();
    }
  }

  /** Removes the oldest segments until there is room for so many octets more. @throws {Error} when even that is not enough. */
  async #makeRoom(more: number): Promise<void> {
    const { directory, size, reserve, writer } = this.#options;
    // Where the free space cannot be had there is taken to be enough, as for the queue.
    const free = await writer.freeSpace(directory).catch(() => Infinity);
    const octets = this.octets;
    const allowed = Math.min(size, octets + free - reserve) - more;
    let left = octets;
    while (left > allowed && this.#segments.length > (this.#current === undefined ? 0 : 1)) {
      const oldest = this.#segments.shift()!;
      left -= oldest.octets;
      await oldest.remove();
    }
    if (left > allowed && free < reserve + more) throw new Error("space is low");
  }

  /** Removes what is too old, every hour. */
  async #sweep(): Promise<void> {
    const { clock, keep } = this.#options;
    this.#cancelSweep = clock.after(SWEEP_INTERVAL, () => void this.#inTurn(() => this.#sweep()));
    const oldest = clock.now() - keep;
    if (this.#current && this.#isOver(this.#current.segment)) await this.#endSegment();
    try {
      while (this.#segments.length > 0 && this.#segments[0] !== this.#current?.segment) {
        if (this.#segments[0]!.mayHold(oldest, Infinity)) return;
        await this.#segments.shift()!.remove();
      }
    } catch (error) {
      this.#warn(error);
    }
  }

  /** The segment goes on later at the end of what was written whole. */
  #lose(facts: number, error: unknown): void {
    this.#lost += facts;
    this.#current?.file.close();
    this.#current = undefined;
    this.#warn(error);
    this.#inTrouble = true;
  }

  #warn(error: unknown): void {
    if (this.#inTrouble) return;
    const { directory, series } = this.#options;
    const message = "The history cannot be written: mail goes on without it";
    log("history").warn(message, { directory, series, error: messageOf(error) });
  }

  #sayRecovered(): void {
    if (!this.#inTrouble) return;
    this.#inTrouble = false;
    log("history").info("The history is written again", { lost: this.#lost });
  }
}

/** The names in a directory, without those of indexes that were never completed, which are removed. */
async function namesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(directory)) names.push(name);
  } catch {
    return [];
  }
  const unfinished = names.filter((name) => name.endsWith(".idx.tmp"));
  await Promise.all(unfinished.map((name) => Deno.remove(`${directory}/${name}`).catch(() => {})));
  return names;
}
