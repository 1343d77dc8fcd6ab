/** A clock that stands still until a test moves it. */
import type { Clock } from "../../base/clock.ts";

interface Timer {
  at: number;
  fn: () => void;
}

/** Time under a test's control. */
export class TestClock implements Clock {
  #now: number;
  #timers: Timer[] = [];

  /** How often the time was asked for. */
  asked = 0;

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    this.asked++;
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + Math.max(ms, 0), fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** When the next timer fires, ms since 1970; Infinity without one. */
  nextTimer(): number {
    return Math.min(Infinity, ...this.#timers.map((timer) => timer.at));
  }

  /** How many timers are booked. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Moves time on, firing every timer on the way in its order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    while (true) {
      const due = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.fn();
    }
    this.#now = end;
  }
}
