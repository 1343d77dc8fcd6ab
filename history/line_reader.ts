/**
 * Reads lines of a segment: one after the other, or the one that stands at a
 * place. A line without an end is none. What cannot be read is not there.
 *
 * @module
 */
import { type Bytes, LF } from "../base/bytes.ts";

/** Octets read at once; most lines that are asked for one after the other stand near each other. */
const CHUNK = 64 * 1024;

/** A line without its end, and where it begins, octets. Its octets are good until the next one is asked for. */
export interface Line {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Has `visit` look at every whole line of a file's first `size` octets. None when it cannot be read. */
export async function eachLine(
  path: string,
  size: number,
  visit: (line: Line) => void,
): Promise<void> {
  using reader = await LineReader.open(path, size);
  for (let at = 0; reader !== undefined;) {
    // One wait for a chunk: one for each line would take longer than the lines.
    const bytes = reader.lineAtHand(at) ?? await reader.line(at);
    if (bytes === undefined) return;
    visit({ at, bytes });
    at += bytes.length + 1;
  }
}

/** Reads lines of one file. Dispose of it. */
export class LineReader implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #size: number;
  #chunk: Bytes = new Uint8Array(CHUNK);
  /** Where the chunk begins, and how much of it is filled. */
  #start = 0;
  #filled = 0;

  private constructor(file: Deno.FsFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** Opens a file, of which `size` octets count; undefined when it cannot be opened. */
  static async open(path: string, size: number): Promise<LineReader | undefined> {
    try {
      return new LineReader(await Deno.open(path, { read: true }), size);
    } catch {
      return undefined;
    }
  }

  /** The line that begins at `at` when all of it was read with another one, good until the next call. */
  lineAtHand(at: number): Uint8Array | undefined {
    if (at < this.#start || at >= this.#start + this.#filled) return undefined;
    const end = this.#endOf(at);
    return end < 0 ? undefined : this.#chunk.subarray(at - this.#start, end);
  }

  /** The line that begins at `at`, good until the next call; undefined when none ends behind it, or it cannot be read. */
  async line(at: number): Promise<Uint8Array | undefined> {
    for (let most = CHUNK; this.lineAtHand(at) === undefined; most *= 2) {
      await this.#fill(at, most);
      if (this.#filled < most) break;
    }
    return this.lineAtHand(at);
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  /** The place of the line's end in the chunk; -1 when it is not in it. */
  #endOf(at: number): number {
    return this.#chunk.subarray(0, this.#filled).indexOf(LF, at - this.#start);
  }

  /** Fills the chunk from `at`, up to `most` octets. */
  async #fill(at: number, most: number): Promise<void> {
    const size = Math.max(0, Math.min(most, this.#size - at));
    if (size > this.#chunk.length) this.#chunk = new Uint8Array(size);
    this.#start = at;
    this.#filled = 0;
    try {
      await this.#file.seek(at, Deno.SeekMode.Start);
      while (this.#filled < size) {
        const read = await this.#file.read(this.#chunk.subarray(this.#filled, size));
        if (read === null) return;
        this.#filled += read;
      }
    } catch {
      this.#filled = 0;
    }
  }
}
