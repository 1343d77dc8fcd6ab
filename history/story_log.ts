/**
 * The log of what becomes of messages: a line for each attempt, and one for each
 * time that a sender is told or an operator steps in. Field values are escaped
 * where they are written out. Never throws.
 *
 * @module
 */
import { log } from "../base/log.ts";
import type { AttemptFact, NoticeFact, StoryFact, StoryTaker } from "./story.ts";

const logger = log("deliver");

/** The enhanced status code in a reply (RFC 3463). */
const ENHANCED = /^\d{3} ([245]\.\d{1,3}\.\d{1,3})\b/;

/** Makes log lines of facts. What clients do is logged where it is received. */
export class StoryLog implements StoryTaker {
  take(fact: StoryFact): void {
    switch (fact.kind) {
      case "attempt":
        return logAttempt(fact);
      case "notice":
        return logNotice(fact);
      case "waits": {
        const { id, destination, why, until } = fact;
        return logger.debug("waits", { id, destination, until: until && new Date(until), why });
      }
      case "steered": {
        const { id, action, by, detail } = fact;
        return logger.info("steered", { id, action, by, detail });
      }
      case "accepted":
      case "finished":
      case "refused":
      case "session":
        return;
      default:
        return fact satisfies never;
    }
  }
}

function logAttempt(fact: AttemptFact): void {
  const { id, recipients, destination, tls, took, outcome, delivered, reply, next } = fact;
  const session = tls?.session;
  logger.info("attempt", {
    id,
    to: recipients[0],
    destination,
    hop: hopText(fact),
    tls: session && (session.verified ? `${session.version} verified` : session.version),
    took,
    outcome,
    delivered,
    failed: recipients.length - delivered,
    dsn: fact.error?.enhanced ?? ENHANCED.exec(reply)?.[1],
    reply,
    next: outcome === "delivered" ? undefined : next,
  });
}

/** `name[address]:port`, as replies and errors name a host. */
function hopText({ host, address }: AttemptFact): string | undefined {
  if (host === undefined || address === undefined) return undefined;
  const colon = address.lastIndexOf(":");
  const plain = address.startsWith("[") ? address.slice(1, colon - 1) : address.slice(0, colon);
  return `${host}[${plain}]${address.slice(colon)}`;
}

function logNotice({ id, action, recipients, noticeId, reason }: NoticeFact): void {
  logger.info(noticeId === undefined ? "nobody told" : "sender told", {
    id,
    action,
    to: recipients[0],
    recipients: recipients.length,
    notice: noticeId,
    reason,
  });
}
