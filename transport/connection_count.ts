/**
 * How many connections there are, in all and from each client, and how often
 * each one connects. All addresses of an IPv6 network of a host's are one client.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Limits } from "../config/config.ts";
import { clientNetwork, RateLimit } from "../policy/rate_limit.ts";

/** Whether there is room for a connection: `full` in all, `busy` for its client, `hasty` when that connects too often. */
export type Room = "ok" | "full" | "busy" | "hasty";

/** The limits that are looked after here. */
export type ConnectionBounds = Pick<
  Limits,
  "connections" | "connectionsPerAddress" | "connectionRate"
>;

/** Counts connections against their limits. */
export class ConnectionCount {
  readonly #clock: Clock;
  #limits: ConnectionBounds;
  #rate: RateLimit;
  #total = 0;
  #perClient = new Map<string, number>();

  /** Counts against these limits. */
  constructor(limits: ConnectionBounds, clock: Clock) {
    this.#clock = clock;
    this.#limits = limits;
    this.#rate = new RateLimit(limits.connectionRate, clock);
  }

  /** Counts against other limits from now on; those that are there stay. */
  change(limits: ConnectionBounds): void {
    const { connectionRate } = this.#limits;
    this.#limits = limits;
    if (limits.connectionRate === connectionRate) return;
    this.#rate = new RateLimit(limits.connectionRate, this.#clock);
  }

  /** How many there are. */
  get total(): number {
    return this.#total;
  }

  /** Counts one more from the address if there is room; only then `leave` is to be called. */
  enter(address: string, unbounded: boolean): Room {
    if (this.#total >= this.#limits.connections) return "full";
    const client = clientNetwork(address);
    const own = this.#perClient.get(client) ?? 0;
    if (!unbounded && own >= this.#limits.connectionsPerAddress) return "busy";
    if (!unbounded && !this.#rate.take(client)) return "hasty";
    this.#total++;
    this.#perClient.set(client, own + 1);
    return "ok";
  }

  /** Counts one less. */
  leave(address: string): void {
    this.#total--;
    const client = clientNetwork(address);
    const own = (this.#perClient.get(client) ?? 1) - 1;
    if (own > 0) this.#perClient.set(client, own);
    else this.#perClient.delete(client);
  }
}
