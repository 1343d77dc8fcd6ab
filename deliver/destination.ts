/**
 * The keys of next hops: recipients of a message with the same one go in one
 * transaction, and all mail with the same one shares a lane. Pure.
 *
 * @module
 */
import type { DeliverySettings, Smarthost } from "../config/config.ts";
import { mailDomain } from "../protocol/domain.ts";

const SMARTHOST = "smarthost ";
const NEXT_HOP = "next-hop ";

/**
 * The key of a recipient's next hop: `next-hop HOST[:PORT]` where its message was
 * redirected to one, else `smarthost HOST:PORT` where there is one, else the domain in
 * lower-case A-labels, or an address literal in its brackets. A malformed domain gives
 * a key that `route` fails for.
 */
export function destinationOf(
  address: string,
  { smarthost }: Pick<DeliverySettings, "smarthost">,
  nextHop?: string,
): string {
  if (nextHop !== undefined) return NEXT_HOP + nextHop;
  if (smarthost !== undefined) return smarthostKey(smarthost);
  // Whatever stands in a malformed address names no next hop: the space of our keys is not its to have.
  return mailDomain(address).replaceAll(" ", "?");
}

/** The key of the smarthost. */
export function smarthostKey({ host, port }: Smarthost): string {
  return `${SMARTHOST}${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Whether it is the key of a smarthost, the one that there is now or another. */
export function isSmarthostKey(destination: string): boolean {
  return destination.startsWith(SMARTHOST);
}

/** The next hop in a key that has one, as it was given. */
export function nextHopIn(destination: string): string | undefined {
  return destination.startsWith(NEXT_HOP) ? destination.slice(NEXT_HOP.length) : undefined;
}

/** What `Queue.wake` wakes for a destination: undefined, which is everything, for the smarthost. */
export function wakingOf(destination: string): string | undefined {
  return isSmarthostKey(destination) ? undefined : nextHopIn(destination) ?? destination;
}
