/**
 * SMTP replies as values (RFC 5321 §4.2), their form on the wire, and the
 * replies that more than one place gives.
 *
 * @module
 */
import { encode } from "../base/bytes.ts";
import { printable } from "../base/printable.ts";

/** A reply: a code, mostly an enhanced status code, and text. */
export interface SmtpReply {
  /** 200 to 599. */
  readonly code: number;
  /** The enhanced status code (RFC 3463), e.g. `5.7.1`; absent where RFC 2034 §4 gives none (greeting, EHLO, 3yz). */
  readonly enhanced?: string;
  /** The text, a string for each line; printable, without CR and LF. */
  readonly lines: readonly string[];
}

/** Makes a reply. Give `enhanced` as `""` for a reply that takes none. */
export function reply(code: number, enhanced: string, ...lines: string[]): SmtpReply {
  return enhanced === "" ? { code, lines } : { code, enhanced, lines };
}

/** Whether the reply says that what was asked is done or goes on (2yz, 3yz). */
export function isPositive(answer: SmtpReply): boolean {
  return answer.code < 400;
}

/** The longest text put on one reply line; RFC 5321 §4.5.3.1.5 allows 512 octets for the line. */
const LONGEST_TEXT = 480;

/** Text made safe for a reply line: one line, printable, bounded. */
function safe(text: string): string {
  return printable(text).slice(0, LONGEST_TEXT);
}

/** The reply as text on the wire, CRLF included. Control characters in its text become spaces. */
export function formatReply(answer: SmtpReply): string {
  const status = answer.enhanced === undefined ? "" : answer.enhanced + " ";
  const last = answer.lines.length - 1;
  let wire = "";
  for (let i = 0; i <= last; i++) {
    wire += `${answer.code}${i < last ? "-" : " "}${status}${safe(answer.lines[i]!)}\r\n`;
  }
  return last < 0 ? `${answer.code} ${status}\r\n` : wire;
}

/** The reply's octets on the wire. */
export function replyBytes(answer: SmtpReply): Uint8Array {
  return encode(formatReply(answer));
}

/** The reply on one line, as logs, the queue and bounces show it: `550 5.1.1 no such user`. */
export function replyText(answer: SmtpReply): string {
  const status = answer.enhanced === undefined ? "" : answer.enhanced + " ";
  return `${answer.code} ${status}${safe(answer.lines.join(" "))}`.trimEnd();
}

/** Something here failed that is not the client's fault: try again later. */
export const LOCAL_ERROR: SmtpReply = reply(451, "4.3.0", "Local error, try again later");
/** The server is stopping. */
export const SHUTTING_DOWN: SmtpReply = reply(421, "4.3.2", "Server is shutting down");
/** The client was silent too long. */
export const TIMED_OUT: SmtpReply = reply(421, "4.4.2", "Timeout, closing connection");
/** Content comes too slowly, for longer than it may. */
export const TOO_SLOW: SmtpReply = reply(421, "4.4.2", "Content arrives too slowly");
/** This client may not send to that domain. */
export const RELAY_DENIED: SmtpReply = reply(550, "5.7.1", "Relaying denied");
