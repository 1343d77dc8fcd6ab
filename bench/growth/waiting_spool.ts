/**
 * Makes a spool in which many messages wait, in the queue's own format: each was
 * deferred once by a host that did not answer, and is due in hours. Throws the
 * system's errors.
 *
 * @module
 */
import type { Envelope } from "../../message/envelope.ts";
import { newId } from "../../queue/id.ts";
import { queuedText, seal } from "../../queue/record.ts";
import { applySettlement, newMessage } from "../../queue/state.ts";

/** Domains that the waiting mail is for, unless told otherwise. */
const DOMAINS = 10_000;
/** When it is due, ms from now. */
const LATER = 4 * 60 * 60 * 1000;
/** A waiting message's content: 1 KiB. */
const CONTENT = "Subject: waiting\r\n\r\n" + ("x".repeat(62) + "\r\n").repeat(15);

const CLIENT: Envelope["client"] = {
  address: "192.0.2.1",
  port: 4711,
  helo: "client.example.org",
  protocol: "ESMTP",
};

/** Writes `count` message files, for `domains` domains, into a directory that exists. Not durably: it is for a bench. */
export function fillSpool(directory: string, count: number, domains = DOMAINS): void {
  const now = Date.now();
  for (let i = 0; i < count; i++) {
    const id = newId(now - count + i, () => false);
    const record = seal(waitingText(id, `user${i}@d${i % domains}.example`, now));
    Deno.writeFileSync(`${directory}/${id}.json`, record, { mode: 0o600 });
  }
}

/** The record of a message that was deferred once. */
function waitingText(id: string, recipient: string, now: number): string {
  const envelope: Envelope = {
    reversePath: "sender@example.org",
    recipients: [recipient],
    smtputf8: false,
    body: "7BIT",
    client: CLIENT,
  };
  const facts = { size: CONTENT.length, eightBit: false };
  const message = newMessage(id, now, envelope, facts);
  const text = "connection timed out";
  applySettlement(message, {
    changes: [{
      index: 0,
      status: "waiting",
      tried: true,
      nextAttempt: now + LATER,
      error: { text, scope: "host", permanent: false },
    }],
    attempts: [{
      at: now,
      took: 30_000,
      destination: recipient.slice(recipient.indexOf("@") + 1),
      recipients: [0],
      reply: text,
      outcome: "deferred",
      next: "tried again, because the failure is temporary",
    }],
  });
  return queuedText(message, CONTENT, 2);
}
