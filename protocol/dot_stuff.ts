/**
 * Puts the framing of DATA on content that is sent (RFC 5321 §4.5.2): doubles dots
 * at line starts, and makes every CR or LF that stands alone a CRLF, so that no
 * receiver, however lenient, sees an end of data that is not ours. Nothing here
 * fails.
 *
 * @module
 */
import { type Bytes, CR, DOT, encode, LF } from "../base/bytes.ts";
import { nextUpToCr, viewOf } from "../base/scan.ts";

/** Where in a line the last octet was; `cr`: an LF is still owed to it. */
type Place = "line-start" | "in-line" | "cr";

const END: Record<Place, Bytes> = {
  "line-start": encode(".\r\n"),
  "in-line": encode("\r\n.\r\n"),
  "cr": encode("\n.\r\n"),
};

/** Frames the content of one DATA command after the other. */
export class DotStuffer {
  #place: Place = "line-start";
  /** What was put together last. Kept, because such buffers would pile up faster than the runtime collects them. */
  #wire: Bytes = new Uint8Array(0);

  /** The octets on the wire for content that is there whole, with its end; good until the next call. */
  frame(content: Uint8Array): Uint8Array {
    const body = this.encode(content);
    const end = this.end();
    const length = body.length + end.length;
    if (body.buffer !== this.#wire.buffer || length > this.#wire.length) {
      this.#reserve(length).set(body);
    }
    this.#wire.set(end, body.length);
    return this.#wire.subarray(0, length);
  }

  /**
   * The octets on the wire for the next piece of content, good until the call after
   * this one; the piece itself when nothing in it has to change.
   */
  encode(content: Uint8Array): Uint8Array {
    const unchanged = this.#scan(content);
    return unchanged === content.length ? content : this.#rewrite(content, unchanged);
  }

  /** What ends the data: `CRLF "." CRLF`, or as much of it as the content has not brought already. What comes next is of another DATA. */
  end(): Bytes {
    const end = END[this.#place];
    this.#place = "line-start";
    return end;
  }

  /** A buffer for that many octets at least; what is in it is arbitrary. */
  #reserve(length: number): Bytes {
    if (this.#wire.length < length) {
      this.#wire = new Uint8Array(Math.max(length, 2 * this.#wire.length));
    }
    return this.#wire;
  }

  /** Passes over what can go out as it is; gives where something has to be put in, or the length. */
  #scan(content: Uint8Array): number {
    const end = content.length;
    const view = viewOf(content);
    let place = this.#place;
    let i = 0;
    for (; i < end; i++) {
      const octet = content[i]!;
      if (place === "cr" ? octet !== LF : octet === LF) break;
      if (place === "line-start" && octet === DOT) break;
      place = placeAfter(octet);
      if (place === "in-line") i = nextUpToCr(view, i + 1) - 1;
    }
    this.#place = place;
    return i;
  }

  /** Copies content of which the first `unchanged` octets are scanned, putting in what is missing. */
  #rewrite(content: Uint8Array, unchanged: number): Uint8Array {
    // Each octet brings one other at most, and an LF may be owed to the piece before.
    const wire = this.#reserve(2 * content.length + 1);
    wire.set(content.subarray(0, unchanged));
    let length = unchanged;
    let place = this.#place;
    for (let i = unchanged; i < content.length; i++) {
      const octet = content[i]!;
      if (place === "cr" && octet !== LF) {
        wire[length++] = LF;
        place = "line-start";
      }
      if (octet === LF && place !== "cr") wire[length++] = CR;
      if (octet === DOT && place === "line-start") wire[length++] = DOT;
      wire[length++] = octet;
      place = placeAfter(octet);
      if (place === "in-line") {
        while (i + 1 < content.length && content[i + 1]! > CR) wire[length++] = content[++i]!;
      }
    }
    this.#place = place;
    return wire.subarray(0, length);
  }
}

/** Where an octet on the wire leaves us; an LF always ends a line here. */
function placeAfter(octet: number): Place {
  if (octet === LF) return "line-start";
  return octet === CR ? "cr" : "in-line";
}
