/**
 * Time as a parameter. Everything that waits, expires or stamps a time asks a
 * {@linkcode Clock}, so that tests can move time instead of sleeping through it.
 *
 * @module
 */

/** Where the time comes from and where waits are booked. */
export interface Clock {
  /** The time now, in ms since 1970-01-01T00:00:00Z. */
  now(): number;
  /**
   * Calls `fn` once, `ms` milliseconds from now.
   *
   * @returns a function that cancels the call; calling it late or twice does nothing.
   */
  after(ms: number, fn: () => void): () => void;
}

/** The longest time `setTimeout` takes, in ms; a longer one would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(ms, 0), LONGEST_TIMER));
    return () => clearTimeout(timer);
  },
};
