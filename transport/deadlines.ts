/**
 * Deadlines for many connections with one timer. A connection sets and clears
 * its deadline at every read and write, which must cost next to nothing; a
 * sweep once a second finds those that have passed.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";

/** How often deadlines are looked at, ms; a deadline is late by at most this. */
const SWEEP_INTERVAL = 1000;

/** The deadline of one connection. */
export class Watch {
  #clock: Clock;
  #expired: () => void;
  #forget: (watch: Watch) => void;
  #until = Infinity;

  /** Made by {@linkcode Deadlines.watch}. */
  constructor(clock: Clock, expired: () => void, forget: (watch: Watch) => void) {
    this.#clock = clock;
    this.#expired = expired;
    this.#forget = forget;
  }

  /** Sets the deadline to `ms` milliseconds from now. */
  set(ms: number): void {
    this.#until = this.#clock.now() + ms;
  }

  /** Takes the deadline away. */
  clear(): void {
    this.#until = Infinity;
  }

  /** Ends the watch for good. */
  close(): void {
    this.#forget(this);
  }

  /** Calls `expired`, once for each deadline set, when the deadline has passed. */
  check(now: number): void {
    if (now < this.#until) return;
    this.#until = Infinity;
    this.#expired();
  }
}

/** All deadlines of a process part. */
export class Deadlines {
  #clock: Clock;
  #watches = new Set<Watch>();
  #cancel: (() => void) | undefined;
  readonly #forgetOne = (watch: Watch): void => this.#forget(watch);

  /** Deadlines by this clock. No timer runs while nothing is watched. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins a watch without a deadline; `expired` is called when one that is set has passed. */
  watch(expired: () => void): Watch {
    const watch = new Watch(this.#clock, expired, this.#forgetOne);
    this.#watches.add(watch);
    this.#book();
    return watch;
  }

  /** Books the next sweep, if none is booked. */
  #book(): void {
    this.#cancel ??= this.#clock.after(SWEEP_INTERVAL, () => this.#sweep());
  }

  #sweep(): void {
    // Booked before anything is called, which may end every watch or begin one.
    this.#cancel = undefined;
    this.#book();
    const now = this.#clock.now();
    for (const watch of this.#watches) watch.check(now);
  }

  #forget(watch: Watch): void {
    this.#watches.delete(watch);
    if (this.#watches.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
