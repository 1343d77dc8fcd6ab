/**
 * What a sender is to be told of its message, and when: by default that a recipient
 * failed, and what it asked for beyond that (RFC 3461). Pure.
 *
 * @module
 */
import type { RetrySchedule } from "../config/config.ts";
import type { DsnAction } from "../message/dsn.ts";
import { isRelayTold, lateNoticeTime, returnTime, timeLeft } from "./deliver_by.ts";
import { isWanted } from "../message/dsn_request.ts";
import type { QueuedMessage, RecipientStatus } from "../queue/queue.ts";
import { releaseOf } from "../queue/state.ts";

/** When a message is given up, ms since 1970. */
export function expiry(message: QueuedMessage, schedule: RetrySchedule): number {
  return Math.min(releaseOf(message) + schedule.lifetime, returnTime(message));
}

/**
 * When a sender is told that a recipient has to wait, ms since 1970; Infinity where it
 * is not, or was told before. Only one who asked is told, unless the configuration
 * says otherwise (RFC 3461 §4.1 leaves that to us). The time that a sender set goes
 * before ours, but not one at which the message is given up already.
 */
export function delayNoticeTime(
  message: QueuedMessage,
  index: number,
  schedule: RetrySchedule,
): number {
  const { envelope, recipients } = message;
  const { delayNotice, unaskedDelayNotice } = schedule;
  const set = lateNoticeTime(message);
  const late = set !== undefined && set < expiry(message, schedule) ? set : undefined;
  if (envelope.dsn === undefined && unaskedDelayNotice === 0 && late === undefined) return Infinity;
  if (envelope.reversePath === "" || recipients[index]!.delayTold) return Infinity;
  const asked = isWanted(envelope.dsn, index, "DELAY");
  if (asked !== false && late !== undefined) return late;
  if (asked) return releaseOf(message) + delayNotice;
  const isToBeTold = asked === undefined && unaskedDelayNotice > 0;
  return isToBeTold ? releaseOf(message) + unaskedDelayNotice : Infinity;
}

/** The first time from `now` on at which a recipient's delay is to be told, ms since 1970; Infinity when there is none. */
export function nextDelayNotice(
  message: QueuedMessage,
  now: number,
  schedule: RetrySchedule,
): number {
  let next = Infinity;
  for (let index = 0; index < message.recipients.length; index++) {
    const time = delayNoticeTime(message, index, schedule);
    if (time > now) next = Math.min(next, time);
  }
  return next;
}

/** What is to be told of a recipient now; undefined when nothing is. */
export function newsOf(
  message: QueuedMessage,
  index: number,
  now: number,
  schedule: RetrySchedule,
): DsnAction | undefined {
  const { status, lastError } = message.recipients[index]!;
  switch (status) {
    case "failed":
    case "relayed":
      return status;
    case "waiting": {
      const isDelayed = lastError !== undefined && now < expiry(message, schedule) &&
        now >= delayNoticeTime(message, index, schedule);
      return isDelayed ? "delayed" : undefined;
    }
    case "delivered":
    case "bounced":
      return undefined;
  }
}

/** Whether anything is to be told of any recipient now. */
export function hasNews(message: QueuedMessage, now: number, schedule: RetrySchedule): boolean {
  for (let index = 0; index < message.recipients.length; index++) {
    if (newsOf(message, index, now, schedule) !== undefined) return true;
  }
  return false;
}

/** The status of a recipient whose news are that a time is over which its sender set (RFC 2852 §4.1.3); undefined for others. */
export function overdueStatus(
  message: QueuedMessage,
  index: number,
  now: number,
  schedule: RetrySchedule,
): "5.4.7" | "4.4.7" | undefined {
  const { status, lastError } = message.recipients[index]!;
  if (status === "waiting") {
    return (lateNoticeTime(message) ?? Infinity) <= now ? "4.4.7" : undefined;
  }
  const isGivenUp = status === "failed" && lastError?.permanent === false;
  return isGivenUp && returnTime(message) === expiry(message, schedule) ? "5.4.7" : undefined;
}

/**
 * What a recipient is that a next hop took: `relayed` where the sender wants to hear
 * of it and the next hop, which does not offer DSN, will not tell (RFC 3461 §5.2.2), or
 * does not keep the time that the sender set (RFC 2852).
 */
export function statusWhenTaken(
  message: QueuedMessage,
  index: number,
  { tells, keepsTime }: { readonly tells: boolean; readonly keepsTime?: true },
  now: number,
): RecipientStatus {
  const { envelope } = message;
  if (envelope.reversePath === "") return "delivered";
  const isNever = envelope.dsn?.recipients?.[index]?.notify?.length === 0;
  if (!isNever && isRelayTold(timeLeft(message, now), keepsTime ?? false)) return "relayed";
  if (tells) return "delivered";
  return isWanted(envelope.dsn, index, "SUCCESS") ? "relayed" : "delivered";
}
