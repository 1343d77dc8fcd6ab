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
import { timeText } from "./next.ts";
import type { Host } from "./route.ts";

/** How long a host is remembered, ms: it may get a better certificate. */
const REMEMBERED_FOR = 3_600_000;
/** Hosts remembered; over that the one noted longest ago is forgotten. */
const MOST_HOSTS = 10_000;

/** The longest reason kept, in characters. */
const LONGEST_REASON = 200;

/** What is remembered of a host. */
interface Failure {
  /** ms since 1970. */
  readonly at: number;
  /** The certificate's or handshake's error. */
  readonly why: string;
}

/** Hosts with which verified TLS failed. */
export class UnverifiableHosts {
  readonly #clock: Clock;
  /** What of each is remembered, in the order in which they were noted. */
  readonly #failures = new Map<string, Failure>();

  /** None are known yet. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a host, and why it could not be verified. */
  add(host: Host, why: string): void {
    const key = keyOf(host);
    this.#failures.delete(key);
    this.#failures.set(key, { at: this.#clock.now(), why: why.slice(0, LONGEST_REASON) });
    if (this.#failures.size <= MOST_HOSTS) return;
    const [oldest] = this.#failures.keys();
    this.#failures.delete(oldest!);
  }

  /** When and why the host could not be verified, in words, if that was within the last hour. */
  reasonFor(host: Host): string | undefined {
    const known = this.#failures.get(keyOf(host));
    if (known === undefined || known.at + REMEMBERED_FOR <= this.#clock.now()) return undefined;
    return `${known.why}, at ${timeText(known.at)}`;
  }
}

/** One name can have good and bad servers behind its addresses. */
function keyOf({ name, address, port }: Host): string {
  return `${name} ${address} ${port}`;
}
