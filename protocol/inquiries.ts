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
import { type Parsed, parsed, refused } from "./parsed.ts";
import { reply, type SmtpReply } from "./reply.ts";

/** What a server can be asked beside taking mail. */
export interface Inquiries {
  /** VRFY: what is told about a user or mailbox. */
  verify(text: string, client: ClientInfo): MaybePromise<SmtpReply>;
  /** Whether the client may have what waits for a domain sent. */
  mayStart(client: ClientInfo): boolean;
  /** Begins to send what waits for a domain; gives how many messages, undefined when nothing is sent at present. */
  start(domain: string): number | undefined;
}

const MAY_NOT = reply(459, "4.7.1", "Not for you");
const NOT_NOW = reply(458, "4.3.2", "Mail is held, nothing is sent now");
const NOTHING_WAITS = reply(251, "2.0.0", "No messages waiting");

/** The domain that ETRN is for. The options `@` (subdomains too) and `#` (a queue by name) are not known here. */
export function parseEtrn(argument: string): Parsed<string> {
  const domain = canonicalDomain(argument);
  return domain === undefined || domain.startsWith("[")
    ? refused(501, "5.5.4", "Syntax: ETRN domain")
    : parsed(domain);
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
