/**
 * Buffers to read into, of the size that suits what is waited for: thousands of
 * connections that wait must cost little, and content that pours in must not be
 * taken in small portions. Those not in use are shared by turns.
 *
 * @module
 */
import type { Bytes } from "../base/bytes.ts";

/**
 * What is waited for.
 * - `commands`
 * - `content`, which may be short, or never come; or commands, of which a whole buffer came the last time
 * - `more content`, of which a whole buffer came the last time
 */
export type Awaited = "commands" | "content" | "more content";

/** Octets: a few pipelined commands, a usual message, a block of a large one. */
const SIZES: Readonly<Record<Awaited, number>> = {
  "commands": 1024,
  "content": 8 * 1024,
  "more content": 64 * 1024,
};

/** How many buffers of a size are kept for the next reader. */
const KEPT = 64;

/** Lends buffers. What is in one when it is lent is arbitrary. */
export class ReadBuffers {
  /** Those not in use, by size. */
  readonly #shelves = new Map(Object.values(SIZES).map((size) => [size, [] as Bytes[]]));

  /** A buffer for what is awaited, in exchange for the one held before, which is kept if it fits. */
  exchange(held: Bytes | undefined, awaited: Awaited): Bytes {
    const size = SIZES[awaited];
    if (held?.length === size) return held;
    if (held) this.give(held);
    return this.#shelves.get(size)!.pop() ?? new Uint8Array(size);
  }

  /** Takes a buffer back; its lender must not use it any more. */
  give(buffer: Bytes): void {
    const shelf = this.#shelves.get(buffer.length)!;
    if (shelf.length < KEPT) shelf.push(buffer);
  }
}
