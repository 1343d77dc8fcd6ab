/**
 * The quoted-printable encoding (RFC 2045 §6.7): any text as short lines of
 * US-ASCII. Does not fail.
 *
 * @module
 */
import { encode } from "../base/bytes.ts";

/** The longest encoded line without the `=` that continues it (§6.7 rule 5). */
const LONGEST_LINE = 75;

/** Encodes text whose line ends are CRLF. */
export function quotedPrintable(text: string): string {
  return text.split("\r\n").map(encodeLine).join("\r\n");
}

function encodeLine(line: string): string {
  const octets = encode(line);
  let encoded = "";
  let length = 0; // of the current encoded line
  for (let i = 0; i < octets.length; i++) {
    const token = encodeOctet(octets[i]!, i === octets.length - 1);
    if (length + token.length > LONGEST_LINE) {
      encoded += "=\r\n";
      length = 0;
    }
    encoded += token;
    length += token.length;
  }
  return encoded;
}

/** White space stays as it is except at the end of a line, where it would get lost (rule 3). */
function encodeOctet(octet: number, last: boolean): string {
  const isSpace = octet === 32 || octet === 9;
  const literal = isSpace ? !last : octet > 32 && octet < 127 && octet !== 61;
  if (literal) return String.fromCharCode(octet);
  return "=" + octet.toString(16).toUpperCase().padStart(2, "0");
}
