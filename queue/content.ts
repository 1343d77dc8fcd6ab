/**
 * Content on its way in and out: the buffer that gathers a draft, and the
 * {@linkcode Content} of a message in memory or in a file. Reading a file that
 * is gone or has changed its size throws a {@linkcode QueueError}.
 *
 * @module
 */
import type { Bytes } from "../base/bytes.ts";
import { CHUNK_SIZE, type Files } from "./files.ts";
import { type Content, QueueError } from "./queue.ts";
import { storageError } from "./storage_error.ts";

/** The smallest buffer a draft begins with, octets. */
const FIRST_CAPACITY = 4096;

/** Gathers octets up to a limit. */
export class ContentBuffer {
  readonly #limit: number;
  #buffer: Bytes = new Uint8Array(0);
  #size = 0;

  /** Makes one for at most `limit` octets. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Octets gathered. */
  get size(): number {
    return this.#size;
  }

  /** Copies a chunk in; false, and nothing done, when it does not fit. */
  add(chunk: Uint8Array): boolean {
    const size = this.#size + chunk.length;
    if (size > this.#limit) return false;
    if (size > this.#buffer.length) this.#grow(size);
    this.#buffer.set(chunk, this.#size);
    this.#size = size;
    return true;
  }

  /** What was gathered, as a view that the next `add` may outdate. */
  bytes(): Bytes {
    return this.#buffer.subarray(0, this.#size);
  }

  /** Forgets what was gathered; the next `add` may overwrite it. */
  clear(): void {
    this.#size = 0;
  }

  /** Gives what was gathered, over a buffer no larger than that, and is empty again. */
  take(): Bytes {
    const whole = this.#size === this.#buffer.length ? this.#buffer : this.bytes().slice();
    this.#buffer = new Uint8Array(0);
    this.clear();
    return whole;
  }

  #grow(size: number): void {
    // A message that comes in one chunk gets a buffer that fits it exactly.
    const doubled = this.#size === 0
      ? size
      : Math.max(size, 2 * this.#buffer.length, FIRST_CAPACITY);
    const grown = new Uint8Array(Math.min(doubled, this.#limit));
    grown.set(this.bytes());
    this.#buffer = grown;
  }
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_SIZE) yield bytes.subarray(at, at + CHUNK_SIZE);
}

/** Content that is in memory. */
export function memoryContent(bytes: Uint8Array): Content {
  return { size: bytes.length, bytes, stream: () => chunksOf(bytes) };
}

async function* chunksOfFile(
  files: Files,
  path: string,
  size: number,
  tail: Uint8Array,
  into?: Bytes,
): AsyncGenerator<Uint8Array> {
  let left = size - tail.length;
  try {
    for await (const chunk of files.stream(path, into)) {
      left -= chunk.length;
      if (left < 0) break;
      yield chunk;
    }
  } catch (error) {
    throw storageError(error, `reading ${path}`);
  }
  if (left !== 0) throw new QueueError("storage", `${path} is not ${size} octets long`);
  yield* chunksOf(tail);
}

/** Content of `size` octets that is in a file, except for its tail, where one is given. */
export function fileContent(
  files: Files,
  path: string,
  size: number,
  tail: Uint8Array = new Uint8Array(0),
): Content {
  return { size, stream: (into) => chunksOfFile(files, path, size, tail, into) };
}
