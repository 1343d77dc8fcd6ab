/**
 * Turns at work that takes much of the machine: some at a time, the others wait in
 * their order. Failures of the work are those of the promises given out.
 *
 * @module
 */

/** Lets so many work at a time. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** All turns are free. */
  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Works when there is a turn; gives what comes of it. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
