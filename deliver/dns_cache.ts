/**
 * Answers kept for a while, so that a busy destination does not cost a DNS
 * question per message, and equal questions asked at once are one. Bounded:
 * when full, the oldest answer goes.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";

interface Entry<T> {
  readonly value: Promise<T>;
  /** When it is of no more use, ms since 1970; Infinity while it is being made. */
  expires: number;
}

/** A bounded map of promised values that expire. */
export class ExpiringCache<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #ttl: (value: T) => number;

  /** Makes one for `capacity` entries; `ttl` says for how many ms a value is kept. */
  constructor(clock: Clock, capacity: number, ttl: (value: T) => number) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.#ttl = ttl;
  }

  /** The value of `key`, made by `make` when there is none; a promise that rejects is not kept. */
  get(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined && known.expires > this.#clock.now()) return known.value;
    this.#entries.delete(key); // so that a renewed entry counts as the youngest
    this.#makeRoom();
    const entry: Entry<T> = { value: make(), expires: Infinity };
    this.#entries.set(key, entry);
    entry.value.then(
      (value) => entry.expires = this.#clock.now() + this.#ttl(value),
      () => entry.expires = -Infinity,
    );
    return entry.value;
  }

  #makeRoom(): void {
    if (this.#entries.size < this.#capacity) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }
}
