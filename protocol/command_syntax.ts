/**
 * Command lines and the syntax of each command's argument (RFC 5321 §4.1.1). What
 * is not understood gives the reply that says so; nothing here throws.
 *
 * @module
 */
import { CR, decodeStrict, isAscii, LF } from "../base/bytes.ts";
import { ownText } from "../base/own_text.ts";
import { isHeloName } from "./domain.ts";
import type { MailCommand, RcptCommand } from "./handler.ts";
import { parseMailParams, parseRcptParams } from "./params.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";
import { parsePath } from "./path.ts";
import { BAD_OCTETS, NOT_UTF8, SENDER_NEEDS_SMTPUTF8 } from "./replies.ts";

/** A command line, taken apart at its first space. */
export interface CommandLine {
  /** In upper case, when it can be a verb at all. */
  readonly verb: string;
  /** Without spaces at its end. */
  readonly argument: string;
}

/**
 * Takes a command line apart, unless it holds what no command may: NUL, CR, LF, or
 * octets that are not UTF-8. Those are refused as a whole (RFC 5321 §2.3.8, §4.1.1).
 */
export function parseCommandLine(octets: Uint8Array): Parsed<CommandLine> {
  if (octets.includes(0) || octets.includes(CR) || octets.includes(LF)) {
    return { ok: false, reply: BAD_OCTETS };
  }
  const text = decodeStrict(octets);
  if (text === undefined) return { ok: false, reply: NOT_UTF8 };
  const line = trimEnd(text);
  const space = line.indexOf(" ");
  const verb = space < 0 ? line : line.slice(0, space);
  return parsed({
    // Some letters beyond US-ASCII have upper-case forms within it: "ſ" must not be an "S".
    verb: isAscii(verb) ? verb.toUpperCase() : verb,
    argument: space < 0 ? "" : trimStart(line, space),
  });
}

/** Whether a line, whatever else is wrong with it, begins as BDAT does. */
export function isBdat(octets: Uint8Array): boolean {
  return /^BDAT(?![A-Z0-9])/i.test(String.fromCharCode(...octets.subarray(0, 5)));
}

/** The text without spaces at its end; a regular expression would look at every run of spaces. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === " ") end--;
  return text.slice(0, end);
}

/** The text from `at` on, without spaces at its start. */
function trimStart(text: string, at: number): string {
  while (text[at] === " ") at++;
  return text.slice(at);
}

/** The argument of HELO and EHLO. */
export function helo(argument: string): Parsed<string> {
  if (argument === "") return refused(501, "5.5.4", "Domain or address literal expected");
  if (!isHeloName(argument)) return refused(501, "5.5.4", "Bad domain or address literal");
  return parsed(ownText(argument));
}

/** No argument at all. */
export function nothing(argument: string): Parsed<void> {
  return argument === "" ? parsed(undefined) : refused(501, "5.5.4", "No argument expected");
}

/** Any argument. */
export function anything(argument: string): Parsed<string> {
  return parsed(argument);
}

/** `FROM:<reverse-path> [parameters]`; a space after the colon is tolerated, as clients send it. */
export function mail(argument: string): Parsed<MailCommand> {
  if (argument.slice(0, 5).toUpperCase() !== "FROM:") {
    return refused(501, "5.5.4", "Syntax: MAIL FROM:<address>");
  }
  const text = trimStart(argument, 5);
  const path = parsePath(text, 0, "5.1.7");
  if (!path.ok) return path;
  const { address, domain, end } = path.value;
  if (address !== "" && domain === "") return refused(501, "5.1.7", "Sender needs a domain");
  const params = parseMailParams(text.slice(end));
  if (!params.ok) return params;
  if (!params.value.smtputf8 && !isAscii(address)) {
    return { ok: false, reply: SENDER_NEEDS_SMTPUTF8 };
  }
  return parsed({ reversePath: address, ...params.value });
}

/** `TO:<forward-path> [parameters]`; of recipients without a domain only postmaster is known (RFC 5321 §4.1.1.3). */
export function rcpt(argument: string): Parsed<RcptCommand> {
  if (argument.slice(0, 3).toUpperCase() !== "TO:") {
    return refused(501, "5.5.4", "Syntax: RCPT TO:<address>");
  }
  const text = trimStart(argument, 3);
  const path = parsePath(text, 0, "5.1.3");
  if (!path.ok) return path;
  const { address, domain, end } = path.value;
  if (domain === "" && address.toLowerCase() !== "postmaster") {
    return refused(501, "5.1.3", "Recipient needs a domain");
  }
  const params = parseRcptParams(text.slice(end));
  return params.ok ? parsed({ address, domain, ...params.value }) : params;
}
