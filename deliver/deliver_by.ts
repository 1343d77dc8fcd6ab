/**
 * What the time in which a sender wants its message delivered (DELIVERBY, RFC 2852)
 * means for its delivery. Pure.
 *
 * @module
 */
import { type DeliverBy, deliverByTime } from "../message/deliver_by.ts";
import type { QueuedMessage } from "../queue/queue.ts";

/** What of the time is left; undefined where the sender set none. */
export function timeLeft(
  { arrived, envelope: { deliverBy } }: QueuedMessage,
  now: number,
): DeliverBy | undefined {
  if (deliverBy === undefined) return undefined;
  const seconds = (deliverByTime(deliverBy, arrived) - now) / 1000;
  return { ...deliverBy, seconds, since: now };
}

/** When the message is to be returned, ms since 1970; Infinity where its sender did not ask for that. */
export function returnTime({ arrived, envelope: { deliverBy } }: QueuedMessage): number {
  return deliverBy?.mode === "return" ? deliverByTime(deliverBy, arrived) : Infinity;
}

/** When the sender is to be told that it is delayed, ms since 1970; undefined where it did not ask for that. */
export function lateNoticeTime(
  { arrived, envelope: { deliverBy } }: QueuedMessage,
): number | undefined {
  return deliverBy?.mode === "notify" ? deliverByTime(deliverBy, arrived) : undefined;
}

/**
 * Whether the sender is to be told that the message has gone on: before the time is
 * over to a host that does not know of it (§4.1.4.2), or to any, when it traces its way
 * (§4.1.4).
 *
 * @param left what of the time is left
 */
export function isRelayTold(left: DeliverBy | undefined, keepsTime: boolean): boolean {
  if (left === undefined) return false;
  return left.trace === true || goesWithoutTime(left, keepsTime);
}

/**
 * Whether the message goes, in time, to a host that does not know of the time: that one
 * is asked to tell of delays in its place (§4.1.4.2).
 *
 * @param left what of the time is left
 */
export function goesWithoutTime(
  { mode, seconds }: Pick<DeliverBy, "mode" | "seconds">,
  keepsTime: boolean,
): boolean {
  return mode === "notify" && seconds > 0 && !keepsTime;
}
