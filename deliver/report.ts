/**
 * Tells what came of attempts and notifications: one log line each, and the events
 * that an application listens to.
 *
 * @module
 */
import { log } from "../base/log.ts";
import type { DeliveryError, QueuedMessage, RecipientChange, Settlement } from "../queue/queue.ts";
import type { AttemptResult, Try } from "./attempt.ts";
import type { DeliveryEvent, DeliveryObserver } from "./events.ts";
import { hopOf } from "./failure.ts";
import type { Job } from "./job.ts";
import type { Notice } from "./notify.ts";

const logger = log("deliver");

/** Reports an attempt that was recorded. */
export function reportAttempt(
  job: Job,
  result: AttemptResult,
  settlement: Settlement,
  observer: DeliveryObserver,
): void {
  const { message } = job.work.claim;
  for (const one of result.tries) {
    const hop = one.host ? hopOf(one.host) : "";
    const delivered = deliveredBy(one);
    logTry(job, one, hop, delivered.length);
    if (delivered.length === 0) continue;
    observer.emit("delivered", { ...eventOf(message, delivered), hop, reply: one.reply });
  }
  for (const [error, changes] of deferralsOf(settlement)) {
    const indexes = changes.map(({ index }) => index);
    const nextAttempt = Math.min(...changes.map((change) => change.nextAttempt!));
    observer.emit("deferred", { ...eventOf(message, indexes), nextAttempt, error });
  }
}

/** Reports recipients whose sender was told, or had nobody to be told. */
export function reportNotice(
  message: QueuedMessage,
  notice: Notice,
  observer: DeliveryObserver,
): void {
  if (notice.action === "failed") return reportBounce(message, notice, observer);
  logger.info("sender told", {
    id: message.id,
    action: notice.action,
    recipients: notice.recipients.length,
    noticeId: notice.id,
  });
}

function reportBounce(
  message: QueuedMessage,
  { recipients, id: bounceId }: Notice,
  observer: DeliveryObserver,
): void {
  for (const index of recipients) {
    const { address, lastError } = message.recipients[index]!;
    const error = lastError ?? { text: "unknown error", scope: "message", permanent: true };
    logger.info("bounced", { id: message.id, recipient: address, error: error.text, bounceId });
    observer.emit("bounced", { ...eventOf(message, [index]), error, bounceId });
  }
}

function logTry(job: Job, one: Try, hop: string, delivered: number): void {
  logger.info("attempt", {
    id: job.work.claim.message.id,
    destination: job.destination,
    hop,
    tls: one.tls && `${one.tls.version}${one.tls.verified ? " verified" : ""}`,
    took: one.took,
    delivered,
    failed: one.outcomes.size - delivered,
    reply: one.reply,
  });
}

function deliveredBy(one: Try): number[] {
  const indexes: number[] = [];
  for (const [index, outcome] of one.outcomes) {
    if (outcome.kind === "delivered") indexes.push(index);
  }
  return indexes;
}

function deferralsOf(settlement: Settlement): Map<DeliveryError, RecipientChange[]> {
  const waits = settlement.changes.filter((change) => change.status === "waiting");
  return Map.groupBy(waits, (change) => change.error!);
}

function eventOf(message: QueuedMessage, indexes: readonly number[]): DeliveryEvent {
  return {
    id: message.id,
    reversePath: message.envelope.reversePath,
    recipients: indexes.map((index) => message.recipients[index]!.address),
  };
}
