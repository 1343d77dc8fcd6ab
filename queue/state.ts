/**
 * The states of a message and its recipients, without any storage: what a
 * settlement changes, when a message is due, when it is finished. The numbers
 * in brackets are the rows of the tables in `docs/queue.md`.
 *
 * @module
 */
import type { Envelope } from "../message/envelope.ts";
import {
  type CommitOptions,
  HISTORY_LENGTH,
  type QueuedMessage,
  type Recipient,
  type RecipientChange,
  type Settlement,
} from "./queue.ts";

/** What is known of a message's content without looking into it. */
export interface ContentFacts {
  /** Octets. */
  readonly size: number;
  /** Whether it holds an octet above 127. */
  readonly eightBit: boolean;
}

/** When delivery may begin, ms since 1970: when the message came, or at the release that its sender chose. */
export function releaseOf(
  { arrived, envelope }: Pick<QueuedMessage, "arrived" | "envelope">,
): number {
  return Math.max(arrived, envelope.release ?? arrived);
}

/** [R1] A message as it enters the queue: every recipient waits, and is due at once or at its release. */
export function newMessage(
  id: string,
  arrived: number,
  envelope: Envelope,
  content: ContentFacts,
  { hold, capture }: CommitOptions = {},
): QueuedMessage {
  const nextAttempt = releaseOf({ arrived, envelope });
  const recipients = envelope.recipients.map((address): Recipient => ({
    address,
    status: "waiting",
    attempts: 0,
    nextAttempt,
  }));
  const { size, eightBit } = content;
  const held = hold === true || capture === true;
  const message = { id, arrived, envelope, size, eightBit, recipients, history: [], held };
  return capture ? { ...message, captured: true } : message;
}

/** Whether nothing is left to do for a recipient. */
export function isFinishedRecipient(recipient: Recipient): boolean {
  return recipient.status === "delivered" || recipient.status === "bounced";
}

/** Whether nothing is left to do for a message. */
export function isFinished(message: QueuedMessage): boolean {
  return message.recipients.every(isFinishedRecipient);
}

/** [R2] It goes on waiting, until `nextAttempt` where the change names one. */
function deferRecipient(recipient: Recipient, change: RecipientChange): void {
  recipient.status = "waiting";
  // Whole milliseconds, because that is what the files hold.
  if (change.nextAttempt !== undefined) recipient.nextAttempt = Math.round(change.nextAttempt);
}

/** [R3, R7] A next hop took it, and its sender was told where that was asked for: finished. */
function deliverRecipient(recipient: Recipient): void {
  recipient.status = "delivered";
  recipient.nextAttempt = 0;
}

/** [R6] A next hop took it, and its sender has to be told. */
function relayRecipient(recipient: Recipient): void {
  recipient.status = "relayed";
  recipient.nextAttempt = 0;
}

/** [R4] Given up; its sender has to be told. */
function failRecipient(recipient: Recipient): void {
  recipient.status = "failed";
  recipient.nextAttempt = 0;
}

/** [R5] Given up and told, or nobody is to be told: finished. */
function bounceRecipient(recipient: Recipient): void {
  recipient.status = "bounced";
  recipient.nextAttempt = 0;
}

/** Applies a change. A finished recipient stays as it is: what was delivered or told cannot be taken back. */
function changeRecipient(recipient: Recipient, change: RecipientChange): void {
  if (isFinishedRecipient(recipient)) return;
  if (change.tried) recipient.attempts++;
  if (change.error !== undefined) recipient.lastError = change.error;
  if (change.delayTold) recipient.delayTold = true;
  switch (change.status) {
    case "waiting":
      return deferRecipient(recipient, change);
    case "delivered":
      return deliverRecipient(recipient);
    case "relayed":
      return relayRecipient(recipient);
    case "failed":
      return failRecipient(recipient);
    case "bounced":
      return bounceRecipient(recipient);
    default:
      change.status satisfies never;
  }
}

/**
 * Applies what came of an attempt to a message, all of it or nothing.
 *
 * @throws {RangeError} when a change names a recipient that is not there.
 */
export function applySettlement(message: QueuedMessage, settlement: Settlement): void {
  for (const { index } of settlement.changes) {
    if (message.recipients[index] === undefined) {
      throw new RangeError(`message ${message.id} has no recipient ${index}`);
    }
  }
  for (const change of settlement.changes) {
    changeRecipient(message.recipients[change.index]!, change);
  }
  if (settlement.attempts === undefined) return;
  message.history.push(...settlement.attempts);
  message.history.splice(0, message.history.length - HISTORY_LENGTH);
}

/** When a message is due, ms since 1970: `now` when a sender has to be told, Infinity when it is held. */
export function dueTime(message: QueuedMessage, now: number): number {
  if (message.held) return Infinity;
  let due = Infinity;
  for (const recipient of message.recipients) {
    if (recipient.status === "failed" || recipient.status === "relayed") return now;
    if (recipient.status === "waiting") due = Math.min(due, recipient.nextAttempt);
  }
  return due;
}
