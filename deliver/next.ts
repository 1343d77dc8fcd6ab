/**
 * What happens next to recipients that were tried, and the rule that says so, in
 * the operator's words: the names are those of the configuration. Pure.
 *
 * @module
 */
import type { RetrySchedule } from "../config/config.ts";
import { durationText } from "../config/units.ts";
import { isHostFailure, type QueuedMessage, type RecipientChange } from "../queue/queue.ts";
import { backoff } from "./backoff.ts";
import { returnTime } from "./deliver_by.ts";
import { delayNoticeTime, expiry } from "./news.ts";

/** By which rules it was decided, and when. */
export interface NextRules {
  /** ms since 1970. */
  readonly now: number;
  readonly schedule: RetrySchedule;
}

/** A time as people read it: ISO 8601 in UTC, to the second. */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** What happens next to these recipients, on one line: of those that wait, what the first waits for. */
export function whatNext(
  message: QueuedMessage,
  changes: readonly RecipientChange[],
  rules: NextRules,
): string {
  const says = new Set<string>();
  const first = firstWaiting(changes);
  if (first !== undefined) says.add(waitText(message, first, rules));
  for (const change of changes) {
    if (change.status === "failed") says.add(failureText(message, change, rules));
    if (change.status === "relayed") says.add("its sender is told that it was handed on");
  }
  return says.size > 0 ? [...says].slice(0, MOST_REASONS).join("; ") : "nothing: delivered";
}

/** How many different things are said at once. */
const MOST_REASONS = 5;

/** The recipient that is tried first of those that wait. */
function firstWaiting(changes: readonly RecipientChange[]): RecipientChange | undefined {
  let first: RecipientChange | undefined;
  for (const change of changes) {
    if (change.status !== "waiting") continue;
    if (first === undefined || change.nextAttempt! < first.nextAttempt!) first = change;
  }
  return first;
}

function waitText(message: QueuedMessage, change: RecipientChange, rules: NextRules): string {
  const { now, schedule } = rules;
  const at = change.nextAttempt!;
  // RFC 5321 §4.5.3.1.10: the host took as many recipients as it takes in one transaction.
  if (at <= now) return "the rest of the recipients follow at once";
  const when = timeText(at);
  if (at === expiry(message, schedule)) {
    return `tried a last time at ${when}, when ${endText(message, schedule)} is over`;
  }
  if (at === delayNoticeTime(message, change.index, schedule)) {
    return `tried again at ${when}, when its sender is to be told of the delay ` +
      `(${noticeText(message, change.index, schedule)})`;
  }
  const sooner = isHostFailure(change.error) ? ", or when its destination answers" : "";
  const retry = message.recipients[change.index]!.attempts + (change.tried ? 1 : 0);
  return `tried again at ${when}${sooner}: ${retryText(retry, at - now, schedule)}`;
}

/** How a wait came about that {@linkcode backoff} gave. */
function retryText(retry: number, wait: number, schedule: RetrySchedule): string {
  const jitter = Math.round((wait / backoff(retry, schedule, NO_JITTER) - 1) * 100);
  const shift = jitter === 0 ? "" : `, ${jitter > 0 ? "+" : ""}${jitter} % jitter`;
  return `retry ${retry}, ${retryRule(retry, schedule)}${shift}`;
}

/** The number that {@linkcode backoff} takes for no jitter. */
export const NO_JITTER = 0.5;

/** The wait before a retry without its jitter, and the settings it comes from: `20m = retry.first 5m doubled twice`. */
export function retryRule(retry: number, schedule: RetrySchedule): string {
  const { first, factor, longest } = schedule;
  const wait = backoff(retry, schedule, NO_JITTER);
  const isLongest = first * factor ** (retry - 1) > longest;
  const rule = isLongest ? "retry.longest" : growthText(retry - 1, first, factor);
  return `${durationText(wait)} = ${rule}`;
}

function growthText(times: number, first: number, factor: number): string {
  const start = `retry.first ${durationText(first)}`;
  if (times === 0 || factor === 1) return start;
  const count = times === 1 ? "once" : times === 2 ? "twice" : `${times} times`;
  return factor === 2 ? `${start} doubled ${count}` : `${start} times ${factor} ${count}`;
}

function failureText(
  message: QueuedMessage,
  { error }: RecipientChange,
  { schedule }: NextRules,
): string {
  // RFC 5321 §4.5.5: nobody is told of a message with the null reverse-path.
  const fate = message.envelope.reversePath === "" ? "given up, and nobody to tell" : "bounced";
  if (!error!.permanent) return `${fate}: ${endText(message, schedule)} is over`;
  return `${fate}: ${error!.enhanced ?? error!.code ?? "the failure"} is permanent`;
}

/** Whose time ends first: the sender's (RFC 2852) or ours. */
function endText(message: QueuedMessage, schedule: RetrySchedule): string {
  return returnTime(message) === expiry(message, schedule)
    ? "the time its sender set (DELIVERBY)"
    : `retry.lifetime ${durationText(schedule.lifetime)}`;
}

function noticeText(message: QueuedMessage, index: number, schedule: RetrySchedule): string {
  const { delayNotice, unaskedDelayNotice } = schedule;
  if (message.envelope.deliverBy?.mode === "notify") return "the time its sender set, DELIVERBY";
  const isAsked = message.envelope.dsn?.recipients?.[index]?.notify?.includes("DELAY");
  return isAsked
    ? `retry.delay_notice ${durationText(delayNotice)}`
    : `retry.unasked_delay_notice ${durationText(unaskedDelayNotice)}`;
}
