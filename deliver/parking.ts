/**
 * The messages that wait in the queue until their destination has room for them, by
 * rank, and first come first served among equals. Cannot fail.
 *
 * @module
 */

/** Messages of one rank, in the order in which they came. */
class Row {
  readonly #ids = new Set<string>();
  /** Goes through the ids; asked for its first each time, a set would skip all that were deleted before it. */
  #next = this.#ids.values();

  get size(): number {
    return this.#ids.size;
  }

  add(id: string): void {
    this.#ids.add(id);
  }

  /** Only when there is one. */
  take(): string {
    let next = this.#next.next();
    if (next.done) next = (this.#next = this.#ids.values()).next();
    this.#ids.delete(next.value!);
    return next.value!;
  }
}

/** The parked messages of one destination. */
export class Parking {
  readonly #rows = new Map<number, Row>();
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Puts a message behind those of its rank, unless it is there. */
  add(id: string, rank: number): void {
    let row = this.#rows.get(rank);
    if (row === undefined) this.#rows.set(rank, row = new Row());
    this.#size -= row.size;
    row.add(id);
    this.#size += row.size;
  }

  /** Takes the first of those with the highest rank; undefined when there is none. */
  take(): string | undefined {
    let best: number | undefined;
    for (const [rank, row] of this.#rows) {
      if (row.size > 0 && (best === undefined || rank > best)) best = rank;
    }
    if (best === undefined) return undefined;
    this.#size--;
    return this.#rows.get(best)!.take();
  }
}
