/**
 * What an attempt means for the queue: which recipients are done, which wait
 * and until when, which are given up, and the lines of the message's history.
 * Pure.
 *
 * @module
 */
import { ownText } from "../base/own_text.ts";
import type { RetrySchedule } from "../config/config.ts";
import {
  type Attempt,
  type DeliveryError,
  isHostFailure,
  type QueuedMessage,
  type RecipientChange,
  type Settlement,
} from "../queue/queue.ts";
import type { AttemptResult, Try } from "./attempt.ts";
import { backoff } from "./backoff.ts";
import type { RecipientOutcome } from "./client.ts";
import type { Job } from "./job.ts";
import { whatNext } from "./next.ts";
import { delayNoticeTime, expiry, nextDelayNotice, statusWhenTaken } from "./news.ts";

/** What settling needs to know. */
export interface SettleRules {
  /** ms since 1970. */
  readonly now: number;
  readonly schedule: RetrySchedule;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** The settlement of an attempt. */
export function settlementOf(job: Job, result: AttemptResult, rules: SettleRules): Settlement {
  const anyDelivered = result.outcomes.values().some((one) => one.kind === "delivered");
  const changes = [...result.outcomes].map(([index, outcome]) =>
    changeOf(job, index, outcome, anyDelivered, rules)
  );
  const { message } = job.work.claim;
  const attempts = result.tries.map((one, i) =>
    attemptOf(job, one, nextTry(one, result.tries[i + 1]) ?? whatNext(message, changes, rules))
  );
  return { changes, attempts };
}

/** What came after a host was tried, in words; undefined when nothing did. */
function nextTry(one: Try, next: Try | undefined): string | undefined {
  if (next === undefined) return undefined;
  return next.host === one.host ? "further recipients follow" : "the next host is tried";
}

/** The settlement of a job whose destination rests: nothing was tried. */
export function setAside(
  job: Job,
  error: DeliveryError,
  until: number,
  rules: SettleRules,
): Settlement {
  const changes = job.recipients.map((index) => waiting(job, index, error, until, false, rules));
  return { changes };
}

/** Whether a settlement that sets a job aside says something that is not on record yet. */
export function isNews(job: Job, settlement: Settlement): boolean {
  const { recipients } = job.work.claim.message;
  return settlement.changes.some(({ index, status }) =>
    status !== "waiting" || recipients[index]!.lastError === undefined
  );
}

/**
 * When a message that waits for room at its destination is looked at all the
 * same, ms since 1970: when its time is over, or its sender is to be told that it is
 * delayed, and never later than it would be tried by itself.
 */
export function parkedUntil(message: QueuedMessage, now: number, schedule: RetrySchedule): number {
  const end = expiry(message, schedule);
  if (end <= now) return now + schedule.first;
  return Math.min(end, nextDelayNotice(message, now, schedule), now + schedule.longest);
}

/** What an attempt that we broke off ourselves says all the same: the verdicts it got. That a host failed is our own doing. */
export function verdictsOf(result: AttemptResult): AttemptResult {
  const tries = result.tries.map((one) => ({ ...one, outcomes: verdictsAmong(one.outcomes) }));
  return {
    ...result,
    tries: tries.filter(({ outcomes }) => outcomes.size > 0),
    outcomes: verdictsAmong(result.outcomes),
  };
}

function verdictsAmong(
  outcomes: ReadonlyMap<number, RecipientOutcome>,
): Map<number, RecipientOutcome> {
  return new Map(
    [...outcomes].filter(([, one]) => one.kind === "delivered" || !isHostFailure(one.error)),
  );
}

function changeOf(
  job: Job,
  index: number,
  outcome: RecipientOutcome,
  anyDelivered: boolean,
  rules: SettleRules,
): RecipientChange {
  const { message } = job.work.claim;
  if (outcome.kind === "delivered") {
    return { index, status: statusWhenTaken(message, index, outcome, rules.now), tried: true };
  }
  const { error } = outcome;
  if (error.permanent) return { index, status: "failed", tried: true, error };
  // RFC 5321 §4.5.3.1.10: too many recipients for one transaction; the rest go in the next one, at once.
  const crowded = error.scope === "recipient" && error.enhanced === "4.5.3" && anyDelivered;
  const attempts = message.recipients[index]!.attempts + 1;
  const wait = crowded ? 0 : backoff(attempts, rules.schedule, rules.random());
  return waiting(job, index, error, rules.now + wait, true, rules);
}

/**
 * It goes on waiting, unless the message's time is over. An attempt is made when that
 * ends, and one when its sender would have to be told that it is delayed.
 */
function waiting(
  job: Job,
  index: number,
  error: DeliveryError,
  nextAttempt: number,
  tried: boolean,
  rules: SettleRules,
): RecipientChange {
  const { message } = job.work.claim;
  const end = expiry(message, rules.schedule);
  if (rules.now >= end) return { index, status: "failed", tried, error };
  const notice = delayNoticeTime(message, index, rules.schedule);
  const latest = notice > rules.now ? Math.min(notice, end) : end;
  return { index, status: "waiting", tried, error, nextAttempt: Math.min(nextAttempt, latest) };
}

function attemptOf(job: Job, one: Try, next: string): Attempt {
  const { at, took, host, tls, reply, outcomes } = one;
  return {
    at,
    took,
    destination: job.destination,
    recipients: [...outcomes.keys()],
    ...(host && { host: host.name, address: endpointText(host.address, host.port) }),
    ...(tls?.session && { tls: tls.session }),
    reply,
    outcome: outcomeOf(outcomes.values()),
    next,
  };
}

/** `address:port`, an IPv6 address in brackets. */
function endpointText(address: string, port: number): string {
  return ownText(`${address.includes(":") ? `[${address}]` : address}:${port}`);
}

function outcomeOf(outcomes: Iterable<RecipientOutcome>): Attempt["outcome"] {
  let shared: Attempt["outcome"] | undefined;
  for (const outcome of outcomes) {
    const kind = kindOf(outcome);
    shared ??= kind;
    if (shared !== kind) return "mixed";
  }
  return shared ?? "mixed";
}

/** What became of a recipient, in a word. */
export function kindOf(outcome: RecipientOutcome): "delivered" | "deferred" | "failed" {
  if (outcome.kind === "delivered") return "delivered";
  return outcome.error.permanent ? "failed" : "deferred";
}
