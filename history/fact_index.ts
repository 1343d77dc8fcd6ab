/**
 * Where facts stand in a segment of the history, by key: in memory while the
 * segment grows, in a file beside it when it is closed. The file is worth nothing
 * by itself: one that is missing, torn or of another length is made anew.
 *
 * @module
 */
import type { Bytes } from "../base/bytes.ts";
import type { KeyTaker } from "./keys.ts";

/** Marks an index of this form; read on a machine of the other octet order it is another number. */
const MAGIC = 0x48495832;
/** Keys are put in order by as many of their upper bits as tell this many buckets apart. */
const BUCKET_BITS = 10;
const BUCKETS = 1 << BUCKET_BITS;
const BUCKET_SHIFT = 32 - BUCKET_BITS;
/** In the head: the mark, the entries, and three numbers of eight octets. */
const HEAD_SIZE = 32;
const TABLE_SIZE = (BUCKETS + 1) * 4;
/** A key and a place. */
const ENTRY_SIZE = 8;
const FIRST_ENTRIES = 128;

/** What the head of an index says of its segment. */
export interface IndexHead {
  /** The segment's size, octets. */
  readonly size: number;
  /** The first and the last of its facts' times, ms since 1970. */
  readonly first: number;
  readonly last: number;
  /** The index's own size, octets. */
  readonly fileSize: number;
}

/** An index in memory. */
export class FactIndex implements KeyTaker {
  /** Keys and places, by turns, in the order they came. */
  #entries = new Uint32Array(2 * FIRST_ENTRIES);
  #used = 0;
  /** The first and the last time noted, ms since 1970. */
  #first = Infinity;
  #last = -Infinity;

  /** The index in a file; undefined when that is none of a segment of `size` octets. */
  static async read(path: string, size: number): Promise<FactIndex | undefined> {
    using file = await opened(path);
    const head = file && await headOf(file);
    if (file === undefined || head?.size !== size) return undefined;
    const bytes = await readAt(file, 0, head.fileSize).catch(() => undefined);
    if (bytes === undefined) return undefined;
    const index = new FactIndex();
    index.#entries = partsOf(bytes).entries.slice();
    index.#used = index.#entries.length;
    index.note(head.first);
    index.note(head.last);
    return index;
  }

  /** How large its file is going to be, octets. */
  get fileSize(): number {
    return HEAD_SIZE + TABLE_SIZE + this.#used * 4;
  }

  /** The first time noted, ms since 1970; Infinity when none is. */
  get first(): number {
    return this.#first;
  }

  /** The last time noted, ms since 1970; -Infinity when none is. */
  get last(): number {
    return this.#last;
  }

  add(key: number, at: number): void {
    if (this.#used === this.#entries.length) this.#reserve(2 * this.#used + 2 * FIRST_ENTRIES);
    this.#entries[this.#used++] = key;
    this.#entries[this.#used++] = at;
  }

  /** Notes the time of a fact. */
  note(time: number): void {
    if (time < this.#first) this.#first = time;
    if (time > this.#last) this.#last = time;
  }

  /** Takes over the entries of another, whose places are counted from `base`. */
  append(other: FactIndex, base: number): void {
    const needed = this.#used + other.#used;
    if (needed > this.#entries.length) this.#reserve(Math.max(needed, this.#entries.length * 2));
    for (let i = 0; i < other.#used; i += 2) {
      this.#entries[this.#used++] = other.#entries[i]!;
      this.#entries[this.#used++] = other.#entries[i + 1]! + base;
    }
    this.note(other.#first);
    this.note(other.#last);
  }

  /** Forgets everything. */
  clear(): void {
    this.#used = 0;
    this.#first = Infinity;
    this.#last = -Infinity;
  }

  /** The places with this key, each once, in rising order. */
  find(key: number): number[] {
    return placesOf(this.#entries.subarray(0, this.#used), key);
  }

  /** The index of a segment of `size` octets as its file holds it: the entries by bucket, in one the order they came in. */
  toBytes(size: number): Bytes {
    const bytes = new Uint8Array(this.fileSize);
    const { table, entries } = partsOf(bytes);
    const next = this.#bucketStarts(table);
    for (let i = 0; i < this.#used; i += 2) {
      const to = 2 * next[this.#entries[i]! >>> BUCKET_SHIFT]!++;
      entries[to] = this.#entries[i]!;
      entries[to + 1] = this.#entries[i + 1]!;
    }
    new Uint32Array(bytes.buffer, 0, 2).set([MAGIC, this.#used / 2]);
    new Float64Array(bytes.buffer, 8, 3).set([size, this.#first, this.#last]);
    return bytes;
  }

  /** Writes the table of where each bucket begins, and gives a copy to count up in. */
  #bucketStarts(table: Uint32Array): Uint32Array {
    for (let i = 0; i < this.#used; i += 2) table[(this.#entries[i]! >>> BUCKET_SHIFT) + 1]!++;
    for (let bucket = 0; bucket < BUCKETS; bucket++) table[bucket + 1]! += table[bucket]!;
    return table.slice();
  }

  #reserve(length: number): void {
    const larger = new Uint32Array(length);
    larger.set(this.#entries.subarray(0, this.#used));
    this.#entries = larger;
  }
}

function partsOf(bytes: Bytes): { table: Uint32Array; entries: Uint32Array } {
  return {
    table: new Uint32Array(bytes.buffer, HEAD_SIZE, BUCKETS + 1),
    entries: new Uint32Array(bytes.buffer, HEAD_SIZE + TABLE_SIZE),
  };
}

function placesOf(entries: Uint32Array, key: number): number[] {
  const places: number[] = [];
  for (let i = 0; i < entries.length; i += 2) {
    const place = entries[i + 1]!;
    if (entries[i] === key && place !== places.at(-1)) places.push(place);
  }
  return places;
}

/** The head of an index file; undefined when it is none, or is not whole. */
export async function readHead(path: string): Promise<IndexHead | undefined> {
  using file = await opened(path);
  return file && await headOf(file);
}

/** For each key the places with it in an index file, in rising order; undefined when the file is not that of a segment of `size` octets. */
export async function findInFile(
  path: string,
  size: number,
  keys: readonly number[],
): Promise<number[][] | undefined> {
  using file = await opened(path);
  if (file === undefined || (await headOf(file))?.size !== size) return undefined;
  const places: number[][] = [];
  for (const key of keys) {
    const bucket = await bucketOf(file, key >>> BUCKET_SHIFT);
    if (bucket === undefined) return undefined;
    places.push(placesOf(bucket, key));
  }
  return places;
}

/** The file; undefined when it cannot be opened, as one that is not there cannot. */
async function opened(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path, { read: true });
  } catch {
    return undefined;
  }
}

async function headOf(file: Deno.FsFile): Promise<IndexHead | undefined> {
  const bytes = await readAt(file, 0, HEAD_SIZE);
  if (bytes === undefined) return undefined;
  const [magic, entries] = new Uint32Array(bytes.buffer, 0, 2);
  const [size, first, last] = new Float64Array(bytes.buffer, 8, 3);
  const fileSize = HEAD_SIZE + TABLE_SIZE + entries! * ENTRY_SIZE;
  if (magic !== MAGIC || (await file.stat()).size !== fileSize) return undefined;
  return { size: size!, first: first!, last: last!, fileSize };
}

async function bucketOf(file: Deno.FsFile, bucket: number): Promise<Uint32Array | undefined> {
  const bounds = await readAt(file, HEAD_SIZE + bucket * 4, 8);
  if (bounds === undefined) return undefined;
  const [begin, end] = new Uint32Array(bounds.buffer);
  const size = (end! - begin!) * ENTRY_SIZE;
  const bytes = await readAt(file, HEAD_SIZE + TABLE_SIZE + begin! * ENTRY_SIZE, size);
  return bytes && new Uint32Array(bytes.buffer);
}

/** `size` octets from `at`; undefined when there are not as many. */
async function readAt(file: Deno.FsFile, at: number, size: number): Promise<Bytes | undefined> {
  if (size < 0) return undefined;
  await file.seek(at, Deno.SeekMode.Start);
  const bytes = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const read = await file.read(bytes.subarray(filled));
    if (read === null) return undefined;
    filled += read;
  }
  return bytes;
}
