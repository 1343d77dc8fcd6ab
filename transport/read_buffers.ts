/**
 * Buffers to read into. An idle connection waits with a small one, so that
 * thousands of them cost little; content is read with large ones, which are
 * shared by turns.
 *
 * @module
 */
import type { Bytes } from "../base/bytes.ts";

/** Octets: a few pipelined commands. */
const SMALL = 2048;
/** Octets: a usual message, or a block of a large one. */
const LARGE = 64 * 1024;
/** How many buffers of a size are kept for the next reader. */
const KEPT = 64;

/** Lends buffers. What is in one when it is lent is arbitrary. */
export class ReadBuffers {
  #small: Bytes[] = [];
  #large: Bytes[] = [];

  /** A buffer for content (`large`) or for commands, in exchange for the one held before, which is kept if it fits. */
  exchange(held: Bytes | undefined, large: boolean): Bytes {
    const size = large ? LARGE : SMALL;
    if (held?.length === size) return held;
    if (held) this.give(held);
    return (large ? this.#large : this.#small).pop() ?? new Uint8Array(size);
  }

  /** Takes a buffer back; its lender must not use it any more. */
  give(buffer: Bytes): void {
    const shelf = buffer.length === SMALL ? this.#small : this.#large;
    if (shelf.length < KEPT) shelf.push(buffer);
  }
}
