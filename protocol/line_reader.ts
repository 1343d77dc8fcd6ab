/**
 * Command lines out of the input (RFC 5321 §2.3.8): CRLF ends a line, and nothing
 * else does. A line over the bound is skipped to its end without being kept, and
 * reported by its beginning.
 *
 * @module
 */
import { CR, LF } from "../base/bytes.ts";
import type { Input } from "./input.ts";

/** A line, without its CRLF. */
export interface Line {
  /** Its octets; of an overlong line, those within the bound. A view: decode it before the step ends. */
  readonly octets: Uint8Array;
  /** Whether it was longer than the bound. */
  readonly overlong: boolean;
}

/** Reads the lines of one session. */
export class LineReader {
  readonly #bound: number;
  /** The beginning of a line that is over the bound, while its end is looked for. */
  #skipping: Uint8Array | undefined;

  /** Begins at the start of a line. @param bound octets of a line, CRLF included */
  constructor(bound: number) {
    this.#bound = bound;
  }

  /** Takes the next line out of the input; undefined when its end is not there yet. */
  next(input: Input): Line | undefined {
    const rest = input.rest();
    const end = findCrlf(rest);
    if (end < 0) {
      this.#hold(input, rest);
      return undefined;
    }
    input.skip(end + 2);
    const beginning = this.#skipping;
    this.#skipping = undefined;
    if (beginning !== undefined) return { octets: beginning, overlong: true };
    const overlong = end + 2 > this.#bound;
    return { octets: rest.subarray(0, overlong ? this.#bound : end), overlong };
  }

  /** Leaves an unfinished line in the input, unless it is over the bound already. */
  #hold(input: Input, rest: Uint8Array): void {
    if (this.#skipping === undefined) {
      if (rest.length <= this.#bound) return;
      this.#skipping = rest.slice(0, this.#bound);
    }
    // The last octet may be the CR of the CRLF that ends the line.
    const keep = rest.at(-1) === CR ? 1 : 0;
    input.skip(rest.length - keep);
  }
}

/** Where the first CRLF is, or -1. */
function findCrlf(octets: Uint8Array): number {
  let lf = octets.indexOf(LF);
  while (lf >= 0 && octets[lf - 1] !== CR) lf = octets.indexOf(LF, lf + 1);
  return lf - (lf < 0 ? 0 : 1);
}
