/**
 * Takes the framing off the content of DATA (RFC 5321 §4.1.1.4, §4.5.2): only
 * CRLF "." CRLF ends it, and a dot at the start of a line is dropped. A bare CR
 * or LF never begins a line and is noted; what to do about it is the session's
 * decision. NUL is content like any other octet.
 *
 * @module
 */
import { CR, DOT, LF } from "../base/bytes.ts";
import { nextUpToCr, viewOf } from "../base/scan.ts";
import type { ContentReader, ContentRun } from "./framing.ts";

/**
 * Where in a line the reader is.
 * - `line-start`: after CRLF, or at the beginning of all
 * - `in-line`: after any other octet
 * - `cr`: after a CR; an LF now ends the line
 * - `dot`: after a dot at the start of a line, which was dropped
 * - `dot-cr`: after that and a CR, which is held back; an LF now ends the data
 */
type Place = "line-start" | "in-line" | "cr" | "dot" | "dot-cr";

/** Reads the content of one DATA command. */
export class DataReader implements ContentReader {
  #place: Place = "line-start";
  #bare = false;

  /** Whether a bare CR or LF was in the content so far. */
  get bare(): boolean {
    return this.#bare;
  }

  /** Reads up to the next dot at the start of a line, or past it, or past the first bare line end, or all. */
  read(input: Uint8Array): ContentRun {
    const place = this.#place;
    const atDot = place === "dot" || place === "dot-cr" ||
      place === "line-start" && input[0] === DOT;
    if (atDot) return this.#readDot(input);
    const used = this.#scan(input);
    const content = used === input.length ? input : input.subarray(0, used);
    return { content, used, ended: false };
  }

  /** Reads a dot at the start of a line, and whether the data end with it. */
  #readDot(input: Uint8Array): ContentRun {
    const content = input.subarray(0, 0);
    let used = 0;
    for (; used < input.length; used++) {
      const octet = input[used];
      if (this.#place === "line-start") this.#place = "dot";
      else if (this.#place === "dot" && octet === CR) this.#place = "dot-cr";
      else if (this.#place === "dot-cr" && octet === LF) {
        return { content, used: used + 1, ended: true };
      } else {
        // The line goes on after all. A CR that was held back is bare, as `#scan` will find.
        this.#place = this.#place === "dot-cr" ? "cr" : "in-line";
        break;
      }
    }
    return { content, used, ended: false };
  }

  /** Passes over content up to a dot at the start of a line, or past the first bare line end; gives where that is, or the input's length. */
  #scan(input: Uint8Array): number {
    const end = input.length;
    const view = viewOf(input);
    let place = this.#place;
    let i = 0;
    while (i < end) {
      const octet = input[i]!;
      if (place === "line-start" && octet === DOT) break;
      i++;
      const bare = (place === "cr") !== (octet === LF);
      if (octet === CR) place = "cr";
      else place = octet === LF && !bare ? "line-start" : "in-line";
      if (bare && !this.#bare) {
        this.#bare = true;
        break;
      }
      if (place === "in-line") i = nextUpToCr(view, i);
    }
    this.#place = place;
    return i;
  }
}
