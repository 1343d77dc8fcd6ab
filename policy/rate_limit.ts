/**
 * How often something may happen in a minute, for each of many keys. A minute's
 * worth may come at once; what was taken is earned back evenly over a minute
 * (the generic cell rate algorithm, one number a key). Memory is bounded: past
 * the most keys the one that was longest without a take is forgotten, which can
 * only let more through, never less.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";

const MINUTE = 60_000;

/** The most keys kept; some 5 MB. */
const MOST_KEYS = 65_536;

/** Above what the sum of a minute's intervals can be off by, ms. */
const ROUNDING = 0.001;

/** Counts against one rate. */
export class RateLimit {
  /** What one take costs, ms. */
  readonly #interval: number;
  /** What may be taken at once, ms. */
  readonly #most: number;
  readonly #clock: Clock;
  readonly #mostKeys: number;
  /** When everything taken by a key will have been earned back, ms since 1970; in the order of the last take. */
  readonly #earned = new Map<string, number>();

  /** Makes one. @param perMinute how often; 0 is no limit */
  constructor(perMinute: number, clock: Clock, mostKeys: number = MOST_KEYS) {
    this.#interval = perMinute === 0 ? 0 : MINUTE / perMinute;
    this.#most = Math.max(MINUTE, this.#interval) + ROUNDING;
    this.#clock = clock;
    this.#mostKeys = mostKeys;
  }

  /** How many keys are kept. */
  get keys(): number {
    return this.#earned.size;
  }

  /** Whether the key may once more; it counts only then. */
  take(key: string): boolean {
    if (this.#interval === 0) return true;
    const now = this.#clock.now();
    const earned = Math.max(this.#earned.get(key) ?? 0, now);
    if (earned + this.#interval > now + this.#most) {
      // Further ahead than the rate allows: the clock was set back.
      if (earned > now + this.#most) this.#earned.set(key, now + this.#most);
      return false;
    }
    this.#earned.delete(key);
    this.#forget(now);
    this.#earned.set(key, earned + this.#interval);
    return true;
  }

  /** Makes room for one key, and drops the oldest that have nothing to earn back: two for each that comes, so that they become few. */
  #forget(now: number): void {
    let dropped = 0;
    for (const [key, earned] of this.#earned) {
      if (dropped === 2 || earned > now && this.#earned.size < this.#mostKeys) return;
      this.#earned.delete(key);
      dropped++;
    }
  }
}

/**
 * What counts as one client: an IPv4 address, or the /64 network of an IPv6
 * address, all of whose addresses one host can have (RFC 4291 §2.5.1).
 *
 * @param address as the system writes it
 */
export function clientNetwork(address: string): string {
  if (!address.includes(":")) return address;
  const [before = [], behind = []] = address.split("::").map((side) =>
    side === "" ? [] : side.split(":")
  );
  const zeros = Array<string>(Math.max(8 - before.length - behind.length, 0)).fill("0");
  return [...before, ...zeros, ...behind].slice(0, 4).join(":");
}
