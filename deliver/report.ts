/**
 * Tells what came of attempts and notifications, once it is recorded: the facts of
 * the message's story, and the events that an application listens to.
 *
 * @module
 */
import type { AttemptFact, RecipientResult, StoryTaker } from "../history/story.ts";
import type {
  Attempt,
  DeliveryError,
  QueuedMessage,
  RecipientChange,
  Settlement,
} from "../queue/queue.ts";
import { isFinished } from "../queue/state.ts";
import type { AttemptResult, Try } from "./attempt.ts";
import type { RecipientOutcome } from "./client.ts";
import type { DeliveryEvent, DeliveryObserver } from "./events.ts";
import { hopOf } from "./failure.ts";
import type { Job } from "./job.ts";
import type { Notice } from "./notify.ts";
import { kindOf } from "./settle.ts";

/** Who is told. */
export interface Told {
  readonly stories: StoryTaker;
  readonly observer: DeliveryObserver;
}

/** Reports an attempt that was recorded. */
export function reportAttempt(
  job: Job,
  result: AttemptResult,
  settlement: Settlement,
  { stories, observer }: Told,
): void {
  const { message } = job.work.claim;
  const retries = deferralsOf(settlement);
  const last = result.tries.length - 1;
  for (const [i, one] of result.tries.entries()) {
    const delivered = deliveredBy(one);
    const fact = factOf(message, one, settlement.attempts![i]!, delivered.length);
    stories.take(i < last || retries.size === 0 ? fact : { ...fact, ...nextOf(retries) });
    if (delivered.length === 0) continue;
    const hop = one.host ? hopOf(one.host) : "";
    observer.emit("delivered", { ...eventOf(message, delivered), hop, reply: one.reply });
  }
  for (const [error, changes] of retries) {
    const indexes = changes.map(({ index }) => index);
    observer.emit("deferred", {
      ...eventOf(message, indexes),
      nextAttempt: firstOf(changes),
      error,
    });
  }
}

/** Reports that a message was set aside, where that is news: its destination rests. */
export function reportWait(
  { work, destination }: Job,
  error: DeliveryError,
  until: number,
  at: number,
  { stories }: Told,
): void {
  const why = `its destination rests: ${error.text}`;
  stories.take({ kind: "waits", id: work.claim.message.id, at, destination, why, until });
}

/** Reports that a message waits because the mail for a domain is held. */
export function reportHeld(
  { id }: QueuedMessage,
  destination: string,
  at: number,
  stories: StoryTaker,
): void {
  const why = `mail for ${destination} is held by an operator`;
  stories.take({ kind: "waits", id, at, destination, why });
}

/** Reports recipients whose sender was told, or had nobody to be told. */
export function reportNotice(
  message: QueuedMessage,
  { action, recipients, id: noticeId }: Notice,
  at: number,
  { stories, observer }: Told,
): void {
  stories.take({
    kind: "notice",
    id: message.id,
    at,
    action,
    recipients: addressesOf(message, recipients),
    ...(noticeId !== undefined && { noticeId }),
    reason: reasonFor(message, action, recipients[0]!),
  });
  if (action !== "failed") return;
  for (const index of recipients) {
    const error = errorOf(message, index);
    observer.emit("bounced", { ...eventOf(message, [index]), error, bounceId: noticeId });
  }
}

/** Reports a message that is finished, and nothing of one that waits. */
export function reportFinished(message: QueuedMessage, at: number, { stories }: Told): void {
  if (!isFinished(message)) return;
  let delivered = 0;
  for (const { status } of message.recipients) if (status === "delivered") delivered++;
  const bounced = message.recipients.length - delivered;
  stories.take({ kind: "finished", id: message.id, at, delivered, bounced, removed: 0 });
}

/** One literal: this is made for every message, and spread objects cost more than they save. */
function factOf(
  message: QueuedMessage,
  { route, kept, tls, stages, outcomes }: Try,
  attempt: Attempt,
  delivered: number,
): AttemptFact {
  const { outcome } = attempt;
  return {
    kind: "attempt",
    id: message.id,
    at: attempt.at,
    took: attempt.took,
    destination: attempt.destination,
    recipients: addressesOf(message, attempt.recipients),
    route,
    host: attempt.host,
    address: attempt.address,
    kept,
    tls,
    stages,
    reply: attempt.reply,
    outcome,
    results: outcome === "mixed" ? [...outcomes.values()].map(resultOf) : undefined,
    delivered,
    error: delivered === outcomes.size ? undefined : firstError(outcomes.values()),
    next: attempt.next,
  };
}

function resultOf(outcome: RecipientOutcome): RecipientResult {
  const reply = outcome.kind === "delivered" ? outcome.reply : outcome.error.text;
  return { outcome: kindOf(outcome), reply };
}

function firstError(outcomes: Iterable<RecipientOutcome>): DeliveryError | undefined {
  for (const outcome of outcomes) if (outcome.kind === "failed") return outcome.error;
  return undefined;
}

function nextOf(
  retries: ReadonlyMap<DeliveryError, readonly RecipientChange[]>,
): Pick<AttemptFact, "nextAttempt"> {
  return { nextAttempt: firstOf([...retries.values()].flat()) };
}

function firstOf(changes: readonly RecipientChange[]): number {
  return Math.min(...changes.map((change) => change.nextAttempt!));
}

function deliveredBy(one: Try): number[] {
  const indexes: number[] = [];
  for (const [index, outcome] of one.outcomes) {
    if (outcome.kind === "delivered") indexes.push(index);
  }
  return indexes;
}

/** What most attempts have. */
const NO_DEFERRALS: ReadonlyMap<DeliveryError, RecipientChange[]> = new Map();

/** The recipients that wait, by the error that they wait for. */
function deferralsOf(settlement: Settlement): ReadonlyMap<DeliveryError, RecipientChange[]> {
  if (!settlement.changes.some(({ status }) => status === "waiting")) return NO_DEFERRALS;
  const waits = settlement.changes.filter((change) => change.status === "waiting");
  return Map.groupBy(waits, (change) => change.error!);
}

/** Why a recipient was given up; the words stand for a record that was edited by hand. */
function errorOf({ recipients }: QueuedMessage, index: number): DeliveryError {
  return recipients[index]!.lastError ??
    { text: "unknown error", scope: "message", permanent: true };
}

function reasonFor(message: QueuedMessage, action: Notice["action"], index: number): string {
  switch (action) {
    case "failed":
    case "delayed":
      return errorOf(message, index).text;
    case "relayed":
    case "delivered":
      return "its sender asked to be told";
    default:
      return action satisfies never;
  }
}

function addressesOf({ recipients }: QueuedMessage, indexes: readonly number[]): string[] {
  return indexes.map((index) => recipients[index]!.address);
}

function eventOf(message: QueuedMessage, indexes: readonly number[]): DeliveryEvent {
  return {
    id: message.id,
    reversePath: message.envelope.reversePath,
    recipients: addressesOf(message, indexes),
  };
}
