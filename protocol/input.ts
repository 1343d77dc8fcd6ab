/**
 * Octets that have come from the transport and are not used up yet. Views are
 * given out without copying; whoever holds one past the step must copy it. What
 * bounds the buffer is its readers: they take all but the rest of a short line.
 *
 * @module
 */
import { concat } from "../base/bytes.ts";

const NOTHING = new Uint8Array(0);

/** The input of a session. */
export class Input {
  #octets: Uint8Array = NOTHING;
  #at = 0;

  /** Adds octets behind what is left. The chunk itself is used, and must not change until `keep`. */
  append(chunk: Uint8Array): void {
    this.#octets = this.length === 0 ? chunk : concat([this.rest(), chunk]);
    this.#at = 0;
  }

  /** Octets left. */
  get length(): number {
    return this.#octets.length - this.#at;
  }

  /** A view of all that is left. */
  rest(): Uint8Array {
    return this.#at === 0 ? this.#octets : this.#octets.subarray(this.#at);
  }

  /** Uses up the first `count` octets. */
  skip(count: number): void {
    this.#at += count;
  }

  /** Copies what is left, so that the chunk it came in may be reused. */
  keep(): void {
    this.#octets = this.length === 0 ? NOTHING : this.#octets.slice(this.#at);
    this.#at = 0;
  }

  /** Forgets everything. */
  clear(): void {
    this.#octets = NOTHING;
    this.#at = 0;
  }
}
