/**
 * The part of a notification that returns the original message (RFC 6522 §3): all of
 * it when that is small and fits the transport, else its header section. Takes
 * any octets; what it makes has CRLF line ends and bounded lines.
 *
 * @module
 */
import { type Bytes, decode, decodeStrict, encode } from "../base/bytes.ts";
import type { DsnInput } from "./dsn_input.ts";
import { cut, printable } from "./fold.ts";
import { headerSection } from "./headers.ts";
import { quotedPrintable } from "./quoted_printable.ts";

/** A body part of a MIME message. */
export interface MimePart {
  /** The value of its Content-Type. */
  readonly type: string;
  /** The value of its Content-Description, for people. */
  readonly description: string;
  /** The value of its Content-Transfer-Encoding. */
  readonly encoding: "7bit" | "8bit" | "quoted-printable";
  /** The octets as they are sent; lines end in CRLF, the last perhaps in nothing. */
  readonly body: Bytes;
}

/** The largest original that is returned whole, and the most of a larger one that is looked at, in octets. */
export const RETURNED_CONTENT = 64 * 1024;

/** The longest line that SMTP carries, in octets without CRLF (RFC 5321 §4.5.3.1.6). */
const LONGEST_LINE = 998;

/**
 * The part for the original of a notification.
 *
 * A 7-bit bounce can go wherever the original came from, so it returns only the
 * header section of an 8-bit original: message/rfc822 must not be encoded
 * (RFC 2046 §5.2.1). One that needs SMTPUTF8 anyway has message/global
 * (RFC 6532 §3.7), which may hold any octets below its header.
 */
export function originalPart(
  { content, size, headersOnly }: Pick<DsnInput, "content" | "size" | "headersOnly">,
  smtputf8: boolean,
): MimePart {
  const fits = !headersOnly && content.length === size && size <= RETURNED_CONTENT;
  const whole = fits && hasSafeLines(content);
  if (!whole || !(smtputf8 ? hasUtf8Header(content) : isSevenBit(content))) {
    return headersPart(content.subarray(0, RETURNED_CONTENT), smtputf8);
  }
  return {
    type: smtputf8 ? "message/global" : "message/rfc822",
    description: "Original message",
    encoding: smtputf8 ? "8bit" : "7bit",
    body: content.slice(),
  };
}

function headersPart(content: Uint8Array, smtputf8: boolean): MimePart {
  const description = "Original message's header";
  const text = headerText(content);
  if (smtputf8) {
    return { type: "message/global-headers", description, encoding: "8bit", body: encode(text) };
  }
  // RFC 6522 §4 allows quoted-printable here, for broken and 8-bit header sections.
  // deno-lint-ignore no-control-regex
  const plain = /^[\x00-\x7f]*$/.test(text);
  return {
    type: plain ? "text/rfc822-headers" : "text/rfc822-headers; charset=utf-8",
    description,
    encoding: plain ? "7bit" : "quoted-printable",
    body: encode(plain ? text : quotedPrintable(text)),
  };
}

/** The header section as text: no control characters but tabs, lines that are too long cut and continued. */
function headerText(content: Uint8Array): string {
  const lines = decode(headerSection(content)).split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => headerLine(line.replace(/\r$/, "")) + "\r\n").join("");
}

function headerLine(line: string): string {
  const clean = line.split("\t").map((piece) => printable(piece, piece.length)).join("\t");
  return encode(clean).length <= LONGEST_LINE ? clean : cut(clean).join("\r\n ");
}

/** Whether lines end in CRLF only, none is too long to be sent, and there is no NUL (RFC 2045 §2.8). */
function hasSafeLines(content: Uint8Array): boolean {
  let start = 0;
  for (let at = 0; at < content.length; at++) {
    const octet = content[at];
    if (octet === 0) return false;
    if (octet === 10) return false; // one that belongs to a CRLF is skipped below
    if (octet !== 13) continue;
    if (content[at + 1] !== 10 || at - start > LONGEST_LINE) return false;
    start = at + 2;
    at++;
  }
  return content.length - start <= LONGEST_LINE;
}

function isSevenBit(content: Uint8Array): boolean {
  return content.every((octet) => octet < 128);
}

function hasUtf8Header(content: Uint8Array): boolean {
  return decodeStrict(headerSection(content)) !== undefined;
}
