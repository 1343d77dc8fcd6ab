/**
 * One file of the history and the index beside it. Whatever cannot be read of it
 * counts as not there: a segment may be removed while somebody looks into it, and
 * a torn line is none.
 *
 * @module
 */
import { FactIndex, findInFile, readHead } from "./fact_index.ts";
import { headOf, readFact } from "./fact_text.ts";
import { takeKeys } from "./keys.ts";
import { eachLine, LineReader } from "./line_reader.ts";
import type { StoryFact } from "./story.ts";

/** `mail-000017-2026-11-23.jsonl`: the series, the segment's number, the day it was begun. */
const NAME = /^([a-z]+)-(\d{6,})-(\d{4}-\d\d-\d\d)\.jsonl$/;

const DAY = 86_400_000;

/** The day of a time in UTC, as in the names of segments. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, "2026-11-23".length);
}

/** The first and the last time in a segment, ms since 1970. */
type Times = Pick<FactIndex, "first" | "last">;

/** A file of facts. */
export class Segment {
  /** Later segments have higher numbers. */
  readonly number: number;
  /** The day it was begun, UTC. */
  readonly day: string;
  /** Its file. */
  readonly path: string;
  /** Octets that count: whole lines. */
  size: number;
  /** Octets of the index, in memory or beside it. */
  #indexSize = 0;
  /** The first and the last time in it, ms since 1970, as far as is known. */
  #first = -Infinity;
  #last: number;
  /** The index while it is in memory. */
  #index: FactIndex | undefined;
  #reading: Promise<FactIndex> | undefined;

  private constructor(directory: string, name: string, size: number) {
    const [, , number, day] = NAME.exec(name)!;
    this.number = Number(number);
    this.day = day!;
    this.path = `${directory}/${name}`;
    this.size = size;
    this.#last = Date.parse(day!) + DAY;
  }

  /** One that is to be begun. */
  static begin(directory: string, series: string, number: number, now: number): Segment {
    const name = `${series}-${String(number).padStart(6, "0")}-${dayOf(now)}.jsonl`;
    const segment = new Segment(directory, name, 0);
    segment.#index = new FactIndex();
    return segment;
  }

  /** The one of this name; undefined when the name is of no segment of the series, or the file is gone. */
  static async found(
    directory: string,
    series: string,
    name: string,
  ): Promise<Segment | undefined> {
    if (NAME.exec(name)?.[1] !== series) return undefined;
    const info = await Deno.stat(`${directory}/${name}`).catch(() => undefined);
    if (!info?.isFile) return undefined;
    const segment = new Segment(directory, name, info.size);
    const head = await readHead(segment.indexPath);
    segment.#indexSize = head?.fileSize ?? 0;
    if (head?.size === info.size) segment.#know(head);
    return segment;
  }

  /** The file of its index. */
  get indexPath(): string {
    return this.path.replace(/jsonl$/, "idx");
  }

  /** All that it takes on the disk, the index included. Octets. */
  get octets(): number {
    return this.size + (this.#index?.fileSize ?? this.#indexSize);
  }

  /** Whether facts of these times may be in it, ms since 1970. */
  mayHold(since: number, until: number): boolean {
    if (this.#index !== undefined) return this.#index.last >= since && this.#index.first < until;
    return this.#last >= since && this.#first < until;
  }

  /** Has the index in memory from now on, to be added to. */
  async load(): Promise<void> {
    this.#index ??= await FactIndex.read(this.indexPath, this.size) ?? await this.#rebuilt();
  }

  /** Takes over the index of a batch that was written at the segment's end. */
  grow(batch: { readonly size: number; readonly index: FactIndex }): void {
    this.#index?.append(batch.index, this.size);
    this.size += batch.size;
  }

  /** Writes the index beside it and forgets it; when that fails it is made anew whenever it is needed. */
  async close(): Promise<void> {
    const index = this.#index;
    if (index === undefined) return;
    try {
      await this.#store(index);
    } finally {
      this.#know(index);
      this.#index = undefined;
    }
  }

  /** Removes it. */
  async remove(): Promise<void> {
    for (const path of [this.path, this.indexPath]) {
      await Deno.remove(path).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
  }

  /** Where facts with all of these keys stand, at least one of them, in rising order. */
  async places(keys: readonly number[]): Promise<number[]> {
    const [first = [], ...others] = await this.#placesByKey(keys);
    const sets = others.map((places) => new Set(places));
    return first.filter((place) => sets.every((set) => set.has(place)));
  }

  /** Where facts of one kind and of these times stand, in rising order. Times in ms since 1970. */
  async placesOfKind(kind: StoryFact["kind"], since: number, until: number): Promise<number[]> {
    const places: number[] = [];
    await eachLine(this.path, this.size, ({ at, bytes }) => {
      const head = headOf(bytes);
      if (head.kind === kind && head.at >= since && head.at < until) places.push(at);
    });
    return places;
  }

  /** For reading facts; undefined when the file is gone. */
  async reader(): Promise<LineReader | undefined> {
    return await LineReader.open(this.path, this.size);
  }

  async #placesByKey(keys: readonly number[]): Promise<number[][]> {
    if (this.#index === undefined) {
      const found = await findInFile(this.indexPath, this.size, keys).catch(() => undefined);
      if (found !== undefined) return found;
    }
    const index = this.#index ?? await this.#rebuilt();
    return keys.map((key) => index.find(key));
  }

  /** The index made from the lines, once for all who ask meanwhile, and stored if that can be done. */
  #rebuilt(): Promise<FactIndex> {
    this.#reading ??= this.#read()
      .then(async (index) => {
        await this.#store(index).catch(() => {});
        return index;
      })
      .finally(() => this.#reading = undefined);
    return this.#reading;
  }

  /** Makes the index from the lines. What stands behind the last whole line does not count. */
  async #read(): Promise<FactIndex> {
    const index = new FactIndex();
    let end = 0;
    await eachLine(this.path, this.size, ({ at, bytes }) => {
      end = at + bytes.length + 1;
      const fact = readFact(bytes);
      if (fact === undefined) return;
      takeKeys(fact, at, index);
      index.note(fact.at);
    });
    this.size = end;
    this.#know(index);
    return index;
  }

  async #store(index: FactIndex): Promise<void> {
    const bytes = index.toBytes(this.size);
    const path = `${this.indexPath}.tmp`;
    {
      using file = await Deno.open(path, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      // Under its name there is never less than all of it, whatever the power does.
      await file.syncData();
    }
    await Deno.rename(path, this.indexPath);
    this.#indexSize = bytes.length;
  }

  #know({ first, last }: Times): void {
    if (first > last) return;
    this.#first = first;
    this.#last = last;
  }
}
