/**
 * Puts the framing of DATA on content that is sent (RFC 5321 §4.5.2): doubles dots
 * at line starts, and makes every CR or LF that stands alone a CRLF, so that no
 * receiver, however lenient, sees an end of data that is not ours. Nothing here
 * fails.
 *
 * @module
 */
import { type Bytes, CR, DOT, encode, LF } from "../base/bytes.ts";

/** Where in a line the last octet was; `cr`: an LF is still owed to it. */
type Place = "line-start" | "in-line" | "cr";

const END: Record<Place, string> = {
  "line-start": ".\r\n",
  "in-line": "\r\n.\r\n",
  "cr": "\n.\r\n",
};

/** Frames the content of one DATA command. */
export class DotStuffer {
  #place: Place = "line-start";
  /** What was rewritten last. Kept, because such buffers would pile up faster than the runtime collects them. */
  #wire: Bytes = new Uint8Array(0);

  /**
   * The octets on the wire for the next piece of content, good until the call after
   * this one; the piece itself when nothing in it has to change.
   */
  encode(content: Uint8Array): Uint8Array {
    const unchanged = this.#scan(content);
    return unchanged === content.length ? content : this.#rewrite(content, unchanged);
  }

  /** What ends the data: `CRLF "." CRLF`, or as much of it as the content has not brought already. */
  end(): Bytes {
    return encode(END[this.#place]);
  }

  /** Passes over what can go out as it is; gives where something has to be put in, or the length. */
  #scan(content: Uint8Array): number {
    const end = content.length;
    let place = this.#place;
    let i = 0;
    for (; i < end; i++) {
      const octet = content[i]!;
      if (place === "cr" ? octet !== LF : octet === LF) break;
      if (place === "line-start" && octet === DOT) break;
      place = placeAfter(octet);
      if (place === "in-line") { while (i + 1 < end && content[i + 1]! > CR) i++; }
    }
    this.#place = place;
    return i;
  }

  /** Copies content of which the first `unchanged` octets are scanned, putting in what is missing. */
  #rewrite(content: Uint8Array, unchanged: number): Uint8Array {
    // Each octet brings one other at most, and an LF may be owed to the piece before.
    const most = 2 * content.length + 1;
    const wire = this.#wire.length < most ? this.#wire = new Uint8Array(most) : this.#wire;
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
