/**
 * Tells a sender what became of recipients: an RFC 3464 notification with the null
 * reverse-path enters the queue as a message of its own, and only when that is
 * durable are the recipients settled. A crash between the two costs a second
 * notification, never the only one.
 *
 * @module
 */
import { concat } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { RetrySchedule } from "../config/config.ts";
import type { StoryTaker } from "../history/story.ts";
import {
  buildDsn,
  type DsnAction,
  type DsnInput,
  type DsnReason,
  type DsnRecipient,
  RETURNED_CONTENT,
} from "../message/dsn.ts";
import { deliverByTime } from "../message/deliver_by.ts";
import { isWanted } from "../message/dsn_request.ts";
import type { ClientInfo, Envelope } from "../message/envelope.ts";
import { HeaderScanner } from "../message/headers.ts";
import type { Claim, Content, Queue, QueuedMessage, RecipientChange } from "../queue/queue.ts";
import { expiry, newsOf, overdueStatus } from "./news.ts";

/** What notifying needs. */
export interface NotifyDeps {
  readonly queue: Queue;
  readonly hostname: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly schedule: RetrySchedule;
  /** Told of the notifications that are queued. */
  readonly stories: StoryTaker;
}

/** A notification comes from nowhere but here. */
const OURSELVES: ClientInfo = { address: "", port: 0, helo: "", protocol: "" };

/** What was told, or settled because nobody is to be told. */
export interface Notice {
  readonly action: DsnAction;
  /** The positions of the recipients in the message's list. */
  readonly recipients: readonly number[];
  /** The notification's id in the queue; absent when nobody is told. */
  readonly id?: string;
}

/**
 * Tells the sender of a claimed message what there is to tell, in a notification for
 * each kind of news, and settles the recipients. Nobody is told of a message with the
 * null reverse-path (RFC 5321 §4.5.5), nor of failures that the sender does not want
 * to hear of (NOTIFY, RFC 3461 §4.1).
 *
 * @throws {QueueError} when a notification or a settlement could not be made durable;
 * what was not told will be later.
 */
export async function notify(claim: Claim, deps: NotifyDeps): Promise<Notice[]> {
  const notices: Notice[] = [];
  for (const [action, recipients] of newsIn(claim.message, deps)) {
    const told = recipients.filter((index) => isTold(claim.message, index, action));
    const id = told.length === 0 ? undefined : await tell(claim, action, told, deps);
    await claim.settle({ changes: recipients.map((index) => settled(index, action)) });
    notices.push({ action, recipients, id });
  }
  return notices;
}

function newsIn(
  message: QueuedMessage,
  { clock, schedule }: NotifyDeps,
): ReadonlyMap<DsnAction, number[]> {
  const news = new Map<DsnAction, number[]>();
  const now = clock.now();
  for (let index = 0; index < message.recipients.length; index++) {
    const action = newsOf(message, index, now, schedule);
    if (action === undefined) continue;
    const others = news.get(action);
    if (others === undefined) news.set(action, [index]);
    else others.push(index);
  }
  return news;
}

function isTold({ envelope }: QueuedMessage, index: number, action: DsnAction): boolean {
  if (envelope.reversePath === "") return false;
  return action !== "failed" || (isWanted(envelope.dsn, index, "FAILURE") ?? true);
}

/** What a recipient is once its news were told. */
function settled(index: number, action: DsnAction): RecipientChange {
  switch (action) {
    case "failed":
      return { index, status: "bounced", tried: false };
    case "delayed":
      return { index, status: "waiting", tried: false, delayTold: true };
    case "relayed":
    case "delivered":
      return { index, status: "delivered", tried: false };
  }
}

async function tell(
  claim: Claim,
  action: DsnAction,
  told: readonly number[],
  deps: NotifyDeps,
): Promise<string> {
  const { id, arrived, size, envelope } = claim.message;
  const content = await headOf(claim.content(), RETURNED_CONTENT);
  return await queueDsn(envelope, {
    ...{ action, id, arrived, size, content },
    recipients: told.map((index) => recipientOf(claim.message, index, action, deps)),
  }, deps);
}

/** What a notification says that its envelope does not. */
export type DsnFacts = Omit<
  DsnInput,
  | "hostname"
  | "now"
  | "random"
  | "reversePath"
  | "envid"
  | "deliverBy"
  | "holdRequest"
  | "headersOnly"
>;

/**
 * Puts a notification to the sender of an envelope into the queue; gives its id there.
 *
 * @throws {QueueError} when it could not be made durable.
 */
export async function queueDsn(
  { reversePath, dsn, requireTls, deliverBy, holdRequest }: Envelope,
  facts: DsnFacts,
  { queue, hostname, clock, random, stories }: Omit<NotifyDeps, "schedule">,
): Promise<string> {
  const at = clock.now();
  const notification = buildDsn({
    ...facts,
    hostname,
    reversePath,
    envid: dsn?.envid,
    deliverBy: deliverBy && deliverByTime(deliverBy, facts.arrived),
    holdRequest,
    // RFC 3461 §4.3: only of what failed is more than the header section returned.
    headersOnly: facts.action !== "failed" || dsn?.ret === "HDRS",
    now: at,
    random,
  });
  const draft = queue.draft();
  await draft.write(notification.content);
  const { id } = await draft.commit({
    reversePath: "",
    recipients: [reversePath],
    smtputf8: notification.smtputf8,
    body: notification.eightBit ? "8BITMIME" : "7BIT",
    client: OURSELVES,
    // RFC 8689 §5: what it tells of the message is protected as the message is.
    ...(requireTls && { requireTls }),
  });
  const header = new HeaderScanner();
  header.write(notification.content);
  const { messageId, subject } = header.facts;
  stories.take({
    ...{ kind: "accepted", origin: "notice", at, took: clock.now() - at },
    ...{ id, client: OURSELVES, from: "", to: [reversePath] },
    ...{ size: notification.content.length, messageId, subject, decisions: [] },
  });
  return id;
}

function recipientOf(
  message: QueuedMessage,
  index: number,
  action: DsnAction,
  { schedule, clock }: NotifyDeps,
): DsnRecipient {
  const { history, envelope, recipients } = message;
  return {
    address: recipients[index]!.address,
    orcpt: envelope.dsn?.recipients?.[index]?.orcpt,
    reason: action === "relayed" ? replyThatTook(message, index) : whyNot(message, index),
    overdue: overdueStatus(message, index, clock.now(), schedule),
    lastAttempt: history.findLast((one) => one.recipients.includes(index))?.at,
    retryUntil: action === "delayed" ? expiry(message, schedule) : undefined,
  };
}

/** A recipient is given up or waits for a reason; the words stand for a record that was edited by hand. */
function whyNot({ recipients }: QueuedMessage, index: number): DsnReason {
  return recipients[index]!.lastError ?? { text: "unknown error", permanent: true };
}

/** What the host said that took it, as its history has it. */
function replyThatTook({ history }: QueuedMessage, index: number): DsnReason {
  const attempt = history.findLast((one) => one.recipients.includes(index));
  const [code, enhanced] =
    /^(2\d\d)(?: (2\.\d{1,3}\.\d{1,3}))?/.exec(attempt?.reply ?? "")?.slice(1) ??
      [];
  return {
    ...(code !== undefined && { code: Number(code) }),
    enhanced,
    text: attempt?.reply ?? "",
    hop: attempt?.host && `${attempt.host}[${attempt.address}]`,
    permanent: true,
  };
}

/** The first octets of some content: all of it, or at least `size`. @throws {QueueError} when it cannot be read. */
export async function headOf(content: Content, size: number): Promise<Uint8Array> {
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
