/**
 * xtext (RFC 3461 §4): US-ASCII in which `+XX` stands for an octet, so that any
 * text can be the value of a parameter. What is not well-formed is `undefined`: commands
 * are refused for it, and a notification repeats it as it stands, for it was the
 * sender's own word (RFC 3464 §2.2.1) and a guess at its meaning would be ours.
 *
 * @module
 */
import { decodeStrict } from "../base/bytes.ts";

/** Printable US-ASCII but `+` and `=`, and hexchars in capitals. */
const XTEXT = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/;

/** The text that an xtext stands for; undefined when it is none, or what it stands for is not UTF-8. The caller checks it as it would the text itself. */
export function decodeXtext(xtext: string): string | undefined {
  if (!XTEXT.test(xtext)) return undefined;
  const octets = xtext.match(/\+..|./g)?.map((unit) =>
    unit.length === 3 ? parseInt(unit.slice(1), 16) : unit.charCodeAt(0)
  );
  return decodeStrict(Uint8Array.from(octets ?? []));
}
