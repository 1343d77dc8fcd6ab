/**
 * Commands that bring no mail: VRFY (RFC 5321 §3.5) and ETRN (RFC 1985), with the
 * replies to them. What is behind them is asked of the server, where it has them.
 *
 * @module
 */
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { ClientInfo } from "../message/envelope.ts";
import { ask } from "./ask.ts";
import { canonicalDomain } from "./domain.ts";
import { CANNOT_VERIFY } from "./replies.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";
import { reply, type SmtpReply } from "./reply.ts";

/** What VRFY asks. */
export interface Verification {
  /** The user or mailbox. */
  readonly text: string;
  /** Whether the reply may hold UTF-8 (RFC 6531 §3.7.4.2). */
  readonly smtputf8: boolean;
}

/** What a server can be asked beside taking mail. */
export interface Inquiries {
  /** Whether VRFY is implemented at all. */
  readonly verifies: boolean;
  /** VRFY: what is told about a user or mailbox. */
  verify(asked: Verification, client: ClientInfo): MaybePromise<SmtpReply>;
  /** Whether the client may have what waits for a domain sent. */
  mayStart(client: ClientInfo): boolean;
  /** Begins to send what waits for a domain; gives how many messages, undefined when nothing is sent at present. */
  start(domain: string): number | undefined;
}

const MAY_NOT = reply(459, "4.7.1", "Not for you");
const NOT_NOW = reply(458, "4.3.2", "Mail is held, nothing is sent now");
const NOTHING_WAITS = reply(251, "2.0.0", "No messages waiting");

/** The argument of VRFY: `String [SP "SMTPUTF8"]` (RFC 6531 §3.7.4.2). */
export function parseVrfy(argument: string): Parsed<Verification> {
  const space = argument.lastIndexOf(" ");
  const [keyword, value] = argument.slice(space + 1).split("=", 2);
  const smtputf8 = space > 0 && keyword!.toUpperCase() === "SMTPUTF8";
  if (smtputf8 && value !== undefined) return refused(501, "5.5.4", "SMTPUTF8 takes no value");
  const text = smtputf8 ? argument.slice(0, space).trimEnd() : argument;
  return text === "" ? refused(501, "5.5.4", "Argument expected") : parsed({ text, smtputf8 });
}

/** The domain that ETRN is for. The options `@` (subdomains too) and `#` (a queue by name) are not known here. */
export function parseEtrn(argument: string): Parsed<string> {
  const domain = canonicalDomain(argument);
  return domain === undefined || domain.startsWith("[")
    ? refused(501, "5.5.4", "Syntax: ETRN domain")
    : parsed(domain);
}

/** The reply to VRFY; where nobody is there to be asked, nothing is told. */
export function verify(
  inquiries: Inquiries | undefined,
  asked: Verification,
  client: ClientInfo,
): MaybePromise<SmtpReply> {
  if (inquiries === undefined) return CANNOT_VERIFY;
  return ask("verify", () => inquiries.verify(asked, client));
}

/** The reply to ETRN. */
export function startQueue(
  inquiries: Inquiries,
  domain: string,
  client: ClientInfo,
): MaybePromise<SmtpReply> {
  if (!inquiries.mayStart(client)) return MAY_NOT;
  return ask("etrn", () => startedReply(inquiries.start(domain)));
}

function startedReply(waiting: number | undefined): SmtpReply {
  if (waiting === undefined) return NOT_NOW;
  if (waiting === 0) return NOTHING_WAITS;
  return reply(
    253,
    "2.0.0",
    `${waiting} pending ${waiting === 1 ? "message" : "messages"} started`,
  );
}
