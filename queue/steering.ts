/**
 * What an operator makes of a message: the same for every store, without any
 * storage. The numbers in brackets are the rows of the tables in `docs/queue.md`.
 * Pure; the message given stays as it is.
 *
 * @module
 */
import type { DeliveryError, QueuedMessage, Recipient, Steering } from "./queue.ts";
import { isFinishedRecipient, releaseOf } from "./state.ts";

/** Whether a message can be steered so: one that is captured can only be removed. */
export function isSteerable({ captured }: QueuedMessage, { kind }: Steering): boolean {
  return captured === undefined || kind === "remove";
}

/** A message after steering it at `now` (ms since 1970); the same one where that changes nothing. */
export function steered(message: QueuedMessage, change: Steering, now: number): QueuedMessage {
  switch (change.kind) {
    case "hold":
      return message.held ? message : { ...message, held: true };
    case "release":
      return message.held ? { ...message, held: false } : message;
    case "retry":
      return changeWaiting(message, (one) => dueAt(one, earliest(message, now)));
    case "bounce":
      return { ...changeWaiting(message, (one) => failed(one, change.error)), held: false };
    case "remove":
      return { ...message, recipients: message.recipients.map(removed) };
    case "redirect":
      return redirected(message, change, now);
    default:
      return change satisfies never;
  }
}

/** The message with its waiting recipients changed; the same one where none is. */
function changeWaiting(
  message: QueuedMessage,
  change: (recipient: Recipient) => Recipient,
): QueuedMessage {
  const recipients = message.recipients.map((recipient) =>
    recipient.status === "waiting" ? change(recipient) : recipient
  );
  const isSame = recipients.every((recipient, index) => recipient === message.recipients[index]);
  return isSame ? message : { ...message, recipients };
}

/** Now, and not before the release that its sender chose (RFC 4865): that is no failure to be tried again. */
function earliest(message: QueuedMessage, now: number): number {
  return Math.max(now, releaseOf(message));
}

/** [R8] Due at `time`, or before where it was. */
function dueAt(recipient: Recipient, time: number): Recipient {
  return recipient.nextAttempt <= time ? recipient : { ...recipient, nextAttempt: time };
}

/** [R9] Given up; its sender has to be told. */
function failed(recipient: Recipient, lastError: DeliveryError): Recipient {
  return { ...recipient, status: "failed", nextAttempt: 0, lastError };
}

/** [R10] Finished, and nobody is told. What a next hop took stays delivered. */
function removed(recipient: Recipient): Recipient {
  if (isFinishedRecipient(recipient)) return recipient;
  const status = recipient.status === "relayed" ? "delivered" : "bounced";
  return { ...recipient, status, nextAttempt: 0 };
}

/** [R11] Goes elsewhere. */
function redirected(
  message: QueuedMessage,
  { nextHop, recipients }: Extract<Steering, { kind: "redirect" }>,
  now: number,
): QueuedMessage {
  const time = earliest(message, now);
  const changed = changeWaiting(message, (recipient) => {
    const address = recipients?.get(recipient.address) ?? recipient.address;
    return dueAt(address === recipient.address ? recipient : { ...recipient, address }, time);
  });
  if (nextHop === undefined || nextHop === (message.nextHop ?? null)) return changed;
  const { nextHop: _, ...rest } = changed;
  return nextHop === null ? rest : { ...rest, nextHop };
}
