/**
 * What becomes of recipients whose domain an operator holds: they are not tried and do
 * not expire, but a sender who wants to hear of delays hears of this one. Pure.
 *
 * @module
 */
import type { RetrySchedule } from "../config/config.ts";
import { mailDomain } from "../protocol/domain.ts";
import type { QueuedMessage, RecipientChange } from "../queue/queue.ts";
import { delayNoticeTime, expiry, nextDelayNotice } from "./news.ts";

/** The domains for which mail is held, in their canonical form. */
export type HeldDomains = Pick<ReadonlySet<string>, "has" | "size">;

/** Whether mail for an address is held. */
export function isHeldFor(address: string, held: HeldDomains): boolean {
  return held.size > 0 && held.has(mailDomain(address));
}

/**
 * When a message with recipients in held domains is looked at again, ms since 1970:
 * when another recipient is due, or a delay is to be told; Infinity when neither will
 * be. Undefined when it has no such recipients.
 */
export function heldUntil(
  message: QueuedMessage,
  held: HeldDomains,
  now: number,
  schedule: RetrySchedule,
): number | undefined {
  if (held.size === 0) return undefined;
  const waiting = message.recipients.filter(({ status }) => status === "waiting");
  const others = waiting.filter(({ address }) => !isHeldFor(address, held));
  if (others.length === waiting.length) return undefined;
  const due = others.map(({ nextAttempt }) => nextAttempt);
  return Math.min(...due, nextDelayNotice(message, now, schedule));
}

/**
 * What is to be recorded so that a delay can be told: why, where a recipient was never
 * tried and the time of its notice has come.
 */
export function heldReasons(
  message: QueuedMessage,
  held: HeldDomains,
  now: number,
  schedule: RetrySchedule,
): RecipientChange[] {
  if (held.size === 0 || now >= expiry(message, schedule)) return [];
  return message.recipients.flatMap(({ address, status, lastError }, index) => {
    const isMute = status === "waiting" && lastError === undefined && isHeldFor(address, held);
    if (!isMute || now < delayNoticeTime(message, index, schedule)) return [];
    return [{ index, status, tried: false, error: heldError(mailDomain(address)) }];
  });
}

/** RFC 3463 §3.4: X.3.2, the system does not take mail, by a decision. */
function heldError(domain: string): RecipientChange["error"] {
  const text = `mail for ${domain} is held by the operator of this server`;
  return { enhanced: "4.3.2", text, scope: "host", permanent: false };
}
