/**
 * How fast a client sends content. Only the time spent waiting for the client
 * counts: what a slow disk or a hook takes is not held against it.
 *
 * @module
 */

/** Content may arrive slower than its least rate for this long, ms. */
const GRACE = 60_000;

/** Measures the content of one client. */
export class ContentRate {
  #octets = 0;
  #waited = 0;

  /** Counts octets that arrived after waiting `ms` milliseconds. */
  add(octets: number, ms: number): void {
    this.#octets += octets;
    this.#waited += ms;
  }

  /** Begins anew. */
  reset(): void {
    this.#octets = 0;
    this.#waited = 0;
  }

  /** Whether less than `rate` octets a second arrived, once the first minute of waiting is over. */
  isBelow(rate: number): boolean {
    return this.#waited > GRACE && this.#octets < rate * this.#waited / 1000;
  }
}
