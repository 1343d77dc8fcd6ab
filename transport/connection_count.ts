/**
 * How many connections there are, in all and from each address.
 *
 * @module
 */
import type { Limits } from "../config/config.ts";

/** Whether there is room for a connection: `full` in all, `busy` for its address. */
export type Room = "ok" | "full" | "busy";

/** Counts connections against their limits. */
export class ConnectionCount {
  #limits: Pick<Limits, "connections" | "connectionsPerAddress">;
  #total = 0;
  #perAddress = new Map<string, number>();

  /** Counts against these limits. */
  constructor(limits: Pick<Limits, "connections" | "connectionsPerAddress">) {
    this.#limits = limits;
  }

  /** Counts one more from the address if there is room; only then `leave` is to be called. */
  enter(address: string, unbounded: boolean): Room {
    if (this.#total >= this.#limits.connections) return "full";
    const own = this.#perAddress.get(address) ?? 0;
    if (!unbounded && own >= this.#limits.connectionsPerAddress) return "busy";
    this.#total++;
    this.#perAddress.set(address, own + 1);
    return "ok";
  }

  /** Counts one less. */
  leave(address: string): void {
    this.#total--;
    const own = (this.#perAddress.get(address) ?? 1) - 1;
    if (own > 0) this.#perAddress.set(address, own);
    else this.#perAddress.delete(address);
  }
}
