/**
 * Reads a message's header section (RFC 5322 §2.2) while its content streams
 * by: how long it is, how often it was received before, and the few fields that
 * a mail server wants to know. Keeps a bounded part of it, looks at nothing
 * after it, and takes any octets.
 *
 * @module
 */
import { type Bytes, decode, LF } from "../base/bytes.ts";
import { ownText } from "../base/own_text.ts";

/** What is known of a header section. */
export interface HeaderFacts {
  /** Its octets so far, line ends included, the blank line after it not. */
  readonly octets: number;
  /** Whether its end was seen: a blank line, or a line that is no header field. */
  readonly complete: boolean;
  /** How many Received fields it has (RFC 5321 §6.3). */
  readonly received: number;
  /** Whether there is a Date field. */
  readonly hasDate: boolean;
  /** Whether there is a From field. */
  readonly hasFrom: boolean;
  /** The value of the first Message-ID field, unfolded and at most {@linkcode LONGEST_VALUE} characters. */
  readonly messageId?: string;
  /** The value of the first Subject field, likewise; encoded words as they are. */
  readonly subject?: string;
}

/** The most that is kept of a field's value, in characters. */
export const LONGEST_VALUE = 512;

/** The most that is kept of a line, in octets; enough for any name and value of use here. */
const LONGEST_LINE = 1024;

const SPACE = 32;
const TAB = 9;
const COLON = 58;

/** The fields that are looked for. */
const FIELD_NAMES = ["received", "date", "from", "message-id", "subject"] as const;
type FieldName = (typeof FIELD_NAMES)[number];

/** Scans content for its header section, in chunks of any size. */
export class HeaderScanner {
  readonly #facts: { -readonly [Key in keyof HeaderFacts]: HeaderFacts[Key] } = {
    octets: 0,
    complete: false,
    received: 0,
    hasDate: false,
    hasFrom: false,
  };
  /** The start of a line whose end has not arrived. */
  #partial: Bytes | undefined;
  #partialKept = 0;
  #partialSize = 0;
  /** The field whose value goes on in continuation lines, if it is kept. */
  #open: "messageId" | "subject" | undefined;
  #inField = false;

  /** What was seen so far. */
  get facts(): HeaderFacts {
    return this.#facts;
  }

  /** Takes the next octets of the content. Costs nothing once the header section is over. */
  write(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#facts.complete) {
      const lineEnd = chunk.indexOf(LF, at);
      if (lineEnd < 0) return this.#keep(chunk.subarray(at));
      const rest = chunk.subarray(at, lineEnd + 1);
      at = lineEnd + 1;
      if (this.#partialSize === 0) {
        this.#line(rest, rest.length);
      } else {
        this.#keep(rest);
        this.#endPartial();
      }
    }
  }

  /** The content is over: what it ended with, without a line end, counts as a line. */
  end(): void {
    if (this.#partialSize > 0 && !this.#facts.complete) this.#endPartial();
    this.#facts.complete = true;
  }

  #keep(octets: Uint8Array): void {
    this.#partial ??= new Uint8Array(LONGEST_LINE);
    const room = LONGEST_LINE - this.#partialKept;
    const kept = octets.length > room ? octets.subarray(0, room) : octets;
    this.#partial.set(kept, this.#partialKept);
    this.#partialKept += kept.length;
    this.#partialSize += octets.length;
    this.#facts.octets += octets.length;
  }

  #endPartial(): void {
    this.#facts.octets -= this.#partialSize; // counted while it arrived, and again as a line
    this.#line(this.#partial!.subarray(0, this.#partialKept), this.#partialSize);
    this.#partialKept = 0;
    this.#partialSize = 0;
  }

  /** One line: its octets, perhaps cut, and its whole size with the line end. */
  #line(line: Uint8Array, size: number): void {
    const first = line[0];
    if (this.#inField && (first === SPACE || first === TAB)) {
      if (this.#open !== undefined) this.#append(this.#open, line);
    } else {
      const colon = nameEnd(line);
      if (colon < 0) {
        this.#facts.complete = true;
        return;
      }
      this.#field(line, colon);
    }
    this.#facts.octets += size;
  }

  #field(line: Uint8Array, colon: number): void {
    this.#inField = true;
    this.#open = undefined;
    switch (fieldName(line, colon)) {
      case undefined:
        break;
      case "received":
        this.#facts.received++;
        break;
      case "date":
        this.#facts.hasDate = true;
        break;
      case "from":
        this.#facts.hasFrom = true;
        break;
      case "message-id":
        this.#begin("messageId", line.subarray(colon + 1));
        break;
      case "subject":
        this.#begin("subject", line.subarray(colon + 1));
        break;
    }
  }

  #begin(key: "messageId" | "subject", value: Uint8Array): void {
    if (this.#facts[key] !== undefined) return;
    this.#open = key;
    this.#facts[key] = "";
    this.#append(key, value);
  }

  /** Unfolding (RFC 5322 §2.2.3) takes out the line end; white space around the whole value is left out too. */
  #append(key: "messageId" | "subject", octets: Uint8Array): void {
    const sofar = this.#facts[key] ?? "";
    if (sofar.length >= LONGEST_VALUE) return;
    const more = decode(octets);
    const value = sofar === "" ? more.trim() : sofar + more.trimEnd();
    this.#facts[key] = ownText(value.slice(0, LONGEST_VALUE));
  }
}

/**
 * The position of the colon after a field name, or -1 when the line is no
 * header field. A name is printable US-ASCII; white space before the colon is
 * obsolete but read (RFC 5322 §3.6.8, §4.5).
 */
function nameEnd(line: Uint8Array): number {
  let at = 0;
  while (at < line.length && line[at]! > SPACE && line[at]! < 127 && line[at] !== COLON) at++;
  if (at === 0) return -1;
  while (line[at] === SPACE || line[at] === TAB) at++;
  return line[at] === COLON ? at : -1;
}

/** Which of the fields looked for this is. */
function fieldName(line: Uint8Array, colon: number): FieldName | undefined {
  let end = colon;
  while (line[end - 1] === SPACE || line[end - 1] === TAB) end--;
  return FIELD_NAMES.find((name) => name.length === end && beginsWith(line, name));
}

/** Whether a field begins with this name, which is given in lower case and may be there in any. */
function beginsWith(line: Uint8Array, name: FieldName): boolean {
  for (let i = 0; i < name.length; i++) {
    // Of what a field name may hold, the bit changes capital letters, and nothing into "-".
    if ((line[i]! | 0x20) !== name.charCodeAt(i)) return false;
  }
  return true;
}

/** The header section at the start of `content`, as far as it is there, in whole lines; without the blank line. */
export function headerSection(content: Uint8Array): Uint8Array {
  const scanner = new HeaderScanner();
  scanner.write(content);
  const section = content.subarray(0, scanner.facts.octets);
  return scanner.facts.complete ? section : section.subarray(0, section.lastIndexOf(LF) + 1);
}
