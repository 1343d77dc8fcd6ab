/**
 * Which message is due first: a binary heap whose entries know their place, so
 * that one can be taken from its middle or moved. Entries due at the same time
 * come out in the order they went in. Cannot fail.
 *
 * @module
 */

/** What the heap keeps. It alone changes `order` and `position`. */
export interface HeapEntry {
  /** When it is due, ms since 1970. */
  due: number;
  /** The number of its insertion. */
  order: number;
  /** Its place in the heap; -1 outside. */
  position: number;
}

/** Whether `a` comes out before `b`. */
function before(a: HeapEntry, b: HeapEntry): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

/** A heap of entries, first due first. */
export class DueHeap<E extends HeapEntry> {
  readonly #entries: E[] = [];
  #inserted = 0;

  /** The entry due first. */
  first(): E | undefined {
    return this.#entries[0];
  }

  /** Puts an entry in. */
  add(entry: E): void {
    entry.order = this.#inserted++;
    this.#rise(entry, this.#entries.length);
  }

  /** Takes an entry out; one that is not in it is left alone. */
  remove(entry: E): void {
    const hole = entry.position;
    if (hole < 0) return;
    entry.position = -1;
    const last = this.#entries.pop()!;
    if (last === entry) return;
    this.#sink(last, hole);
    this.#rise(last, last.position);
  }

  #place(entry: E, position: number): void {
    this.#entries[position] = entry;
    entry.position = position;
  }

  #rise(entry: E, position: number): void {
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const above = this.#entries[parent]!;
      if (!before(entry, above)) break;
      this.#place(above, position);
      position = parent;
    }
    this.#place(entry, position);
  }

  #sink(entry: E, position: number): void {
    const size = this.#entries.length;
    while (true) {
      let child = 2 * position + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && before(this.#entries[right]!, this.#entries[child]!)) child = right;
      const below = this.#entries[child]!;
      if (!before(below, entry)) break;
      this.#place(below, position);
      position = child;
    }
    this.#place(entry, position);
  }
}
