/**
 * The first so many of a multitude in some order, without ever sorting all of it at
 * once: it takes rows as they come, in sorted runs, and drops what cannot be among
 * the first.
 *
 * @module
 */

/** Says which of two comes first, as `Array.sort` wants it. */
export type Compare<T> = (a: T, b: T) => number;

/** Rows that are sorted in one go: about a millisecond. */
const RUN = 2048;

/** The first `limit` rows in an order. */
export class Selection<T> {
  readonly #compare: Compare<T>;
  readonly #limit: number;
  /** Each sorted; only one where there is a limit. */
  #runs: T[][] = [];
  #open: T[] = [];
  /** The last that counts: what does not come before it is not wanted. */
  #last: T | undefined;

  /** Infinity for all. */
  constructor(compare: Compare<T>, limit: number) {
    this.#compare = compare;
    this.#limit = limit;
  }

  /** Takes a row. */
  add(row: T): void {
    if (this.#last !== undefined && this.#compare(row, this.#last) >= 0) return;
    this.#open.push(row);
    if (this.#open.length >= RUN) this.#close();
  }

  /** The rows, in order. */
  *rows(): Generator<T> {
    this.#close();
    const heads = this.#runs.map((run) => ({ run, at: 0 }));
    while (heads.length > 0) {
      const first = heads.reduce((a, b) => this.#compare(b.run[b.at]!, a.run[a.at]!) < 0 ? b : a);
      yield first.run[first.at++]!;
      if (first.at === first.run.length) heads.splice(heads.indexOf(first), 1);
    }
  }

  #close(): void {
    if (this.#open.length === 0) return;
    const run = this.#limit < Infinity ? [...this.#runs.pop() ?? [], ...this.#open] : this.#open;
    this.#runs.push(run.sort(this.#compare).slice(0, this.#limit));
    this.#open = [];
    if (run.length >= this.#limit) this.#last = run[this.#limit - 1];
  }
}
