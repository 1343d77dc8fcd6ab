/**
 * Numbers that look random and are the same for the same seed, so that the run
 * of a proof can be made again with the same choices.
 *
 * @module
 */

/** A source of choices. */
export class SeededRandom {
  #state: number;

  /** Starts where the seed, a whole number, says. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number in [0, 1); mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A number from `low` up to, not including, `high`. */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** A whole number from 0 up to, not including, `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of a list, which is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** A list in another order. */
  shuffled<T>(list: readonly T[]): T[] {
    const placed = list.map((item) => ({ item, place: this.next() }));
    return placed.sort((a, b) => a.place - b.place).map(({ item }) => item);
  }

  /** Another source, whose choices do not depend on how many are made here afterwards. */
  fork(): SeededRandom {
    return new SeededRandom(this.below(2 ** 31));
  }
}
