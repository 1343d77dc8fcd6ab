/**
 * Reverse-path and Forward-path of MAIL and RCPT (RFC 5321 §4.1.2, with the
 * UTF-8 of RFC 6531 §3.3). One pass, no backtracking. What is not a path is
 * answered 501 with 5.1.7 (sender) or 5.1.3 (recipient).
 *
 * @module
 */
import { encode, isAscii } from "../base/bytes.ts";
import { ownText } from "../base/own_text.ts";
import { canonicalDomain } from "./domain.ts";
import { localPartEnd } from "./mailbox.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";

/** Octets of a local part, a domain and a path with its brackets (RFC 5321 §4.5.3.1.1 to 3). */
const LONGEST = { localPart: 64, domain: 255, path: 256 } as const;

/** A path, taken apart. */
export interface Path {
  /** The mailbox as written, source route dropped; `""` for `<>`. */
  readonly address: string;
  /** Its canonical domain; `""` for `<>` and for a local part alone. */
  readonly domain: string;
  /** Where the text goes on after `>`. */
  readonly end: number;
}

/** Which of the two paths is read, by the enhanced status code that refuses it (RFC 3463 §3.2). */
export type PathKind = "5.1.7" | "5.1.3";

/**
 * Reads the path that starts at `at`. A local part without a domain is let
 * through with an empty domain; the caller knows whether it may be (postmaster).
 */
export function parsePath(text: string, at: number, kind: PathKind): Parsed<Path> {
  if (text[at] !== "<") return refused(501, kind, "Address must be in angle brackets");
  if (text[at + 1] === ">") return parsed({ address: "", domain: "", end: at + 2 });
  const start = routeEnd(text, at + 1);
  if (start < 0) return refused(501, kind, "Bad source route");
  const localEnd = localPartEnd(text, start);
  if (localEnd < 0) return refused(501, kind, "Bad local part");
  if (octets(text, start, localEnd) > LONGEST.localPart) {
    return refused(501, kind, "Local part too long");
  }
  if (text[localEnd] === ">") {
    return parsed({ address: ownText(text.slice(start, localEnd)), domain: "", end: localEnd + 1 });
  }
  if (text[localEnd] !== "@") return refused(501, kind, "Bad local part");
  return parseDomain(text, start, localEnd + 1, kind);
}

/** Reads the domain at `at` and the `>` behind it; the mailbox began at `start`. */
function parseDomain(text: string, start: number, at: number, kind: PathKind): Parsed<Path> {
  const end = domainEnd(text, at);
  if (end < 0 || text[end] !== ">") return refused(501, kind, "Bad domain");
  if (octets(text, at, end) > LONGEST.domain || octets(text, start, end) > LONGEST.path - 2) {
    return refused(501, kind, "Address too long");
  }
  // A trailing dot is no part of the grammar; canonicalDomain, made for configuration too, drops it.
  const domain = text[end - 1] === "." ? undefined : canonicalDomain(text.slice(at, end));
  if (domain === undefined) return refused(501, kind, "Bad domain");
  return parsed({ address: ownText(text.slice(start, end)), domain, end: end + 1 });
}

/** Where the domain that starts at `at` ends (exclusive), or -1. Its content is not checked. */
function domainEnd(text: string, at: number): number {
  // An address literal may hold ">"; anything else ends there.
  return text[at] === "[" ? text.indexOf("]", at) + 1 || -1 : text.indexOf(">", at);
}

/**
 * Skips a source route, `@one,@two:` (RFC 5321 appendix C: accepted, ignored).
 *
 * @returns where the mailbox begins, or -1 for a route that is none.
 */
function routeEnd(text: string, at: number): number {
  while (text[at] === "@") {
    let end = at + 1;
    while (end < text.length && !",:@<>".includes(text[end]!)) end++;
    const host = text.slice(at + 1, end);
    // Nobody looks at it again, so nothing would ask for the SMTPUTF8 that a U-label needs.
    if (!isAscii(host) || canonicalDomain(host) === undefined) return -1;
    if (text[end] === ":") return end + 1;
    if (text[end] !== "," || text[end + 1] !== "@") return -1;
    at = end + 1;
  }
  return at;
}

/** Octets of a part of a text in UTF-8. */
function octets(text: string, start: number, end: number): number {
  const part = text.slice(start, end);
  return isAscii(part) ? part.length : encode(part).length;
}
