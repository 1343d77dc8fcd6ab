/**
 * What waits for its turn, by rank, and first come first served among equals. Anything
 * can be taken out of the middle. Cannot fail.
 *
 * @module
 */

/** Those of one rank, in the order in which they came. */
class Row<T> {
  readonly #items = new Set<T>();
  /** Goes through the items; asked for its first each time, a set would skip all that were deleted before it. */
  #next = this.#items.values();

  get size(): number {
    return this.#items.size;
  }

  add(item: T): void {
    this.#items.add(item);
  }

  delete(item: T): boolean {
    return this.#items.delete(item);
  }

  /** Only when there is one. */
  take(): T {
    let next = this.#next.next();
    if (next.done) next = (this.#next = this.#items.values()).next();
    this.#items.delete(next.value!);
    return next.value!;
  }

  values(): Iterable<T> {
    return this.#items;
  }
}

/** Things that wait. None of them is there twice. */
export class RankedQueue<T> {
  readonly #rows = new Map<number, Row<T>>();
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The lowest rank among them; Infinity when there is none. */
  get lowestRank(): number {
    let lowest = Infinity;
    for (const [rank, row] of this.#rows) if (row.size > 0 && rank < lowest) lowest = rank;
    return lowest;
  }

  /** Puts one behind those of its rank, unless it is there. */
  add(item: T, rank: number): void {
    let row = this.#rows.get(rank);
    if (row === undefined) this.#rows.set(rank, row = new Row());
    this.#size -= row.size;
    row.add(item);
    this.#size += row.size;
  }

  /** Takes the first of those with the highest rank; undefined when there is none. */
  take(): T | undefined {
    let best: number | undefined;
    for (const [rank, row] of this.#rows) {
      if (row.size > 0 && (best === undefined || rank > best)) best = rank;
    }
    if (best === undefined) return undefined;
    this.#size--;
    return this.#rows.get(best)!.take();
  }

  /** Takes out one of this rank; false when it is not there. */
  delete(item: T, rank: number): boolean {
    const wasThere = this.#rows.get(rank)?.delete(item) ?? false;
    if (wasThere) this.#size--;
    return wasThere;
  }

  /** All of them, in their order. */
  values(): T[] {
    const ranks = [...this.#rows.keys()].sort((a, b) => b - a);
    return ranks.flatMap((rank) => [...this.#rows.get(rank)!.values()]);
  }

  /** Takes out all of them, in their order. */
  clear(): T[] {
    const items = this.values();
    this.#rows.clear();
    this.#size = 0;
    return items;
  }
}
