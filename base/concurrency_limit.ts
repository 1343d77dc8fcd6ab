/**
 * Work that takes much of the machine, some of it at a time. Failures of the work
 * are those of the promises given out.
 *
 * @module
 */

/** Lets a bounded number of pieces of work go on at once; more of them begin in the order in which they came. */
export class ConcurrencyLimit {
  readonly #waiting: (() => void)[] = [];
  /** How many of those that waited have had their turn and are still listed. */
  #called = 0;
  #free: number;

  /** Makes one for `limit` at once. */
  constructor(limit: number) {
    this.#free = limit;
  }

  /** Does a piece of work when its turn has come; resolves or rejects as it does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((turn) => this.#waiting.push(turn));
    try {
      return await work();
    } finally {
      this.#pass();
    }
  }

  /** Hands the turn to who waits longest. The list is not shifted each time: it may be long. */
  #pass(): void {
    const next = this.#waiting[this.#called];
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#called++;
    if (this.#called === this.#waiting.length) this.#called = this.#waiting.length = 0;
    next();
  }
}
