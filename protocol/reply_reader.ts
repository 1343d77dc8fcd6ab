/**
 * Replies of a server as a client reads them (RFC 5321 §4.2): lines into replies,
 * with their enhanced status codes (RFC 2034). Lenient about bare LF and missing
 * text, strict about what decides: the code. Anything that cannot be a reply, or
 * is longer than any reply is, throws {@linkcode ReplySyntaxError}, after which
 * the connection is of no more use.
 *
 * @module
 */
import { CR, decode, LF } from "../base/bytes.ts";
import { printable } from "../base/printable.ts";
import { Input } from "./input.ts";
import { reply, type SmtpReply } from "./reply.ts";

/** Octets of a reply line; RFC 5321 §4.5.3.1.5 allows 512, which servers are known to pass. */
const LONGEST_LINE = 4096;
/** Lines of a reply. */
const MOST_LINES = 200;

/** Code, whether it goes on, and text. */
const LINE = /^([2-5][0-9][0-9])(?:([ -])(.*))?$/;
/** An enhanced status code at the start of a reply's text (RFC 2034 §4). */
const ENHANCED = /^[245]\.[0-9]{1,3}\.[0-9]{1,3}(?= |$)/;

/** The peer said something that is no SMTP reply. */
export class ReplySyntaxError extends Error {
  /** Makes one. @param message what was wrong with it; printable */
  constructor(message: string) {
    super(message);
    this.name = "ReplySyntaxError";
  }
}

/** Reads replies out of octets in whatever pieces they come. */
export class ReplyReader {
  readonly #input = new Input();
  /** The lines of the reply so far. */
  #lines: string[] = [];
  /** Its code; `""` before its first line. */
  #code = "";

  /** Adds octets, which must not change until `keep`. */
  receive(octets: Uint8Array): void {
    this.#input.append(octets);
  }

  /** Copies what is not used up, which mostly is nothing: what the octets came in may be filled anew. */
  keep(): void {
    this.#input.keep();
  }

  /** Whether there are octets, or lines, that no reply was made of yet. */
  get pending(): boolean {
    return this.#input.length > 0 || this.#lines.length > 0;
  }

  /**
   * The next reply; undefined when it is not complete yet.
   *
   * @throws {ReplySyntaxError}
   */
  next(): SmtpReply | undefined {
    for (let line = this.#line(); line !== undefined; line = this.#line()) {
      if (this.#take(line)) return this.#reply();
    }
    return undefined;
  }

  /** The next line without its end; undefined when it is not complete yet. */
  #line(): string | undefined {
    const rest = this.#input.rest();
    const lf = rest.indexOf(LF);
    if ((lf < 0 ? rest.length : lf) > LONGEST_LINE) {
      throw new ReplySyntaxError("reply line too long");
    }
    if (lf < 0) return undefined;
    this.#input.skip(lf + 1);
    return printable(decode(rest.subarray(0, rest[lf - 1] === CR ? lf - 1 : lf)));
  }

  /** Adds a line to the reply; tells whether it is the last. */
  #take(line: string): boolean {
    const match = LINE.exec(line);
    if (match === null) throw new ReplySyntaxError(`not a reply: ${line.slice(0, 100)}`);
    const code = match[1]!;
    if (this.#lines.length > 0 && code !== this.#code) {
      throw new ReplySyntaxError(`reply changes from ${this.#code} to ${code}`);
    }
    if (this.#lines.length >= MOST_LINES) throw new ReplySyntaxError("reply has too many lines");
    this.#code = code;
    this.#lines.push(match[3] ?? "");
    return match[2] !== "-";
  }

  /** The reply that the lines make. */
  #reply(): SmtpReply {
    const lines = this.#lines;
    this.#lines = [];
    const enhanced = ENHANCED.exec(lines[0]!)?.[0];
    // Its class is the reply's own, or it is text that only looks like one.
    if (enhanced === undefined || enhanced[0] !== this.#code[0]) {
      return reply(Number(this.#code), "", ...lines);
    }
    const texts = lines.map((line) => withoutPrefix(line, enhanced));
    return reply(Number(this.#code), enhanced, ...texts);
  }
}

/** A line's text behind its enhanced status code, which stands on every line or only on the first. */
function withoutPrefix(line: string, enhanced: string): string {
  if (line === enhanced) return "";
  return line.startsWith(enhanced + " ") ? line.slice(enhanced.length + 1) : line;
}
