/**
 * How many of a message's recipients go in one transaction to a host that announces
 * limits (RFC 9422). Pure.
 *
 * @module
 */
import { splitMailbox } from "../protocol/mailbox.ts";
import type { PeerLimits } from "../protocol/limits.ts";

/**
 * How many of these recipients, from the first on, the limits let into one
 * transaction: at least one.
 */
export function portionOf(recipients: readonly string[], limits: PeerLimits): number {
  const most = Math.min(recipients.length, limits.recipients ?? Infinity);
  if (limits.domains === undefined) return most;
  const domains = new Set<string>();
  for (let count = 0; count < most; count++) {
    domains.add(splitMailbox(recipients[count]!).domain.toLowerCase());
    if (domains.size > limits.domains) return count;
  }
  return most;
}
