/**
 * Takes the framing off the content of BDAT (RFC 3030 §2): chunks of a counted
 * length, one after another. Line ends are only looked at; a bare CR or LF is
 * noted, also across chunks, because such content could not be relayed by DATA.
 *
 * @module
 */
import { CR, LF } from "../base/bytes.ts";
import { nextUpToCr, viewOf } from "../base/scan.ts";
import type { ContentReader, ContentRun } from "./framing.ts";
import { type Parsed, parsed } from "./parsed.ts";
import { BAD_CHUNK } from "./replies.ts";

/** The argument of BDAT. */
export interface ChunkCommand {
  /** Octets of the chunk. */
  readonly size: number;
  /** Whether it is the message's last. */
  readonly last: boolean;
}

/** chunk-size and end-marker (RFC 3030 §2). */
const CHUNK = /^([0-9]{1,20})( +LAST)?$/i;

/** Reads the argument of BDAT, which has to say where the chunk ends. */
export function parseChunk(argument: string): Parsed<ChunkCommand> {
  const match = CHUNK.exec(argument);
  const size = Number(match?.[1]);
  if (match === null || !Number.isSafeInteger(size)) return { ok: false, reply: BAD_CHUNK };
  return parsed({ size, last: match[2] !== undefined });
}

/** Reads the chunks of one message. */
export class ChunkReader implements ContentReader {
  #left = 0;
  #last = false;
  #afterCr = false;
  #bare = false;
  readonly #binary: boolean;

  /** Reads no chunk yet. @param binary whether a CR or LF may be anywhere (RFC 3030 §3) */
  constructor(binary = false) {
    this.#binary = binary;
  }

  /** Whether a bare CR or LF was in the content so far. */
  get bare(): boolean {
    return this.#bare;
  }

  /** A chunk of `size` octets follows. */
  begin(size: number, last: boolean): void {
    this.#left = size;
    this.#last = last;
  }

  /** Reads up to the end of the chunk or of the input, or past the first bare line end. */
  read(input: Uint8Array): ContentRun {
    const inChunk = input.length <= this.#left ? input : input.subarray(0, this.#left);
    const used = this.#binary ? inChunk.length : this.#scan(inChunk);
    const content = used === inChunk.length ? inChunk : inChunk.subarray(0, used);
    this.#left -= used;
    const ended = this.#left === 0;
    if (ended && this.#last && this.#afterCr) this.#bare = true;
    return { content, used, ended };
  }

  /** Passes over content, or past the first bare line end; gives where that is. */
  #scan(content: Uint8Array): number {
    const end = content.length;
    const view = viewOf(content);
    let afterCr = this.#afterCr;
    let i = 0;
    while (i < end) {
      const octet = content[i++]!;
      const bare = afterCr !== (octet === LF);
      afterCr = octet === CR;
      if (bare && !this.#bare) {
        this.#bare = true;
        break;
      }
      if (!afterCr) i = nextUpToCr(view, i);
    }
    this.#afterCr = afterCr;
    return i;
  }
}
