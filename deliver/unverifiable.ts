/**
 * Remembers for a while with which hosts verified TLS failed, so that
 * opportunistic connections to them do not find it out each time at the price of
 * a further connection. Bounded; never fails.
 *
 * It is a matter of resources too: the runtime keeps a connection whose verified
 * handshake was given up until the peer closes it, which a hostile one never
 * does. Remembered, such a host is next met by a handshake that can be closed.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Host } from "./route.ts";

/** How long a host is remembered, ms: it may get a better certificate. */
const REMEMBERED_FOR = 3_600_000;
/** Hosts remembered; over that the one noted longest ago is forgotten. */
const MOST_HOSTS = 10_000;

/** Hosts with which verified TLS failed. */
export class UnverifiableHosts {
  readonly #clock: Clock;
  /** Until when each is remembered, in the order in which they were noted. */
  readonly #until = new Map<string, number>();

  /** None are known yet. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a host. */
  add(host: Host): void {
    const key = keyOf(host);
    this.#until.delete(key);
    this.#until.set(key, this.#clock.now() + REMEMBERED_FOR);
    if (this.#until.size <= MOST_HOSTS) return;
    const [oldest] = this.#until.keys();
    this.#until.delete(oldest!);
  }

  /** Whether the host was noted within the last hour. */
  has(host: Host): boolean {
    return (this.#until.get(keyOf(host)) ?? 0) > this.#clock.now();
  }
}

/** One name can have good and bad servers behind its addresses. */
function keyOf({ name, address, port }: Host): string {
  return `${name} ${address} ${port}`;
}
