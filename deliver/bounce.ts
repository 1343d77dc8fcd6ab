/**
 * Tells a sender which recipients were given up: an RFC 3464 notification with
 * the null reverse-path enters the queue as a message of its own, and only when
 * that is durable are the recipients settled. A crash between the two costs a
 * second notification, never the only one.
 *
 * @module
 */
import { concat } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { buildBounce, type FailedRecipient, RETURNED_CONTENT } from "../message/dsn.ts";
import type { Claim, Content, Queue, Recipient } from "../queue/queue.ts";

/** What bouncing needs. */
export interface BounceDeps {
  readonly queue: Queue;
  readonly hostname: string;
  readonly clock: Clock;
  readonly random: () => number;
}

/** What was bounced. */
export interface BounceResult {
  /** The positions of the recipients in the message's list. */
  readonly recipients: readonly number[];
  /** The notification's id in the queue; absent when nobody is told. */
  readonly bounceId?: string;
}

/**
 * Tells the sender of a claimed message about its failed recipients, and
 * settles them. A message with the null reverse-path tells nobody
 * (RFC 5321 §4.5.5).
 *
 * @throws {QueueError} when the notification or the settlement could not be
 * made durable; the recipients stay failed, to be told of later.
 */
export async function bounce(claim: Claim, deps: BounceDeps): Promise<BounceResult> {
  const { message } = claim;
  const recipients = message.recipients.flatMap(({ status }, i) => status === "failed" ? [i] : []);
  const bounceId = message.envelope.reversePath === ""
    ? undefined
    : await notify(claim, recipients, deps);
  const changes = recipients.map((index) => ({ index, status: "bounced", tried: false } as const));
  await claim.settle({ changes });
  return { recipients, bounceId };
}

async function notify(
  claim: Claim,
  recipients: readonly number[],
  deps: BounceDeps,
): Promise<string> {
  const { message } = claim;
  const { reversePath } = message.envelope;
  const notification = buildBounce({
    hostname: deps.hostname,
    id: message.id,
    reversePath,
    arrived: message.arrived,
    size: message.size,
    content: await head(claim.content(), RETURNED_CONTENT),
    failed: recipients.map((index) => failedRecipient(message.recipients[index]!, claim)),
    now: deps.clock.now(),
    random: deps.random,
  });
  const draft = deps.queue.draft();
  await draft.write(notification.content);
  const { id } = await draft.commit({
    reversePath: "",
    recipients: [reversePath],
    smtputf8: notification.smtputf8,
    body: notification.eightBit ? "8BITMIME" : "7BIT",
    client: { address: "", port: 0, helo: "", protocol: "" },
  });
  return id;
}

function failedRecipient(recipient: Recipient, claim: Claim): FailedRecipient {
  const index = claim.message.recipients.indexOf(recipient);
  const last = claim.message.history.findLast((one) => one.recipients.includes(index));
  return {
    address: recipient.address,
    // A recipient is given up for a reason; this stands for a record that was edited by hand.
    reason: recipient.lastError ?? { text: "unknown error", permanent: true },
    lastAttempt: last?.at,
  };
}

/** The first octets of some content: all of it, or at least `size`. */
async function head(content: Content, size: number): Promise<Uint8Array> {
  if (content.bytes) return content.bytes;
  const parts: Uint8Array[] = [];
  let got = 0;
  for await (const part of content.stream()) {
    parts.push(part.slice());
    got += part.length;
    if (got >= size) break;
  }
  return concat(parts);
}
