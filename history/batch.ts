/**
 * Facts on their way to the disk: their lines as octets, and where each stands,
 * by key. A batch is written as a whole or lost as a whole.
 *
 * @module
 */
import { type Bytes, LF } from "../base/bytes.ts";
import { FactIndex } from "./fact_index.ts";
import { factText, factTextEscaped } from "./fact_text.ts";
import { takeKeys } from "./keys.ts";
import type { StoryFact } from "./story.ts";

/** The room a batch begins with; what needs more gets twice as much. Octets. */
const FIRST_ROOM = 64 * 1024;

const encoder = new TextEncoder();

/** Facts that wait to be written. */
export class Batch {
  /** Where they stand, counted from the batch's beginning. */
  readonly index = new FactIndex();
  #room: Bytes = new Uint8Array(FIRST_ROOM);
  #size = 0;
  #facts = 0;

  /** How many facts are in it. */
  get facts(): number {
    return this.#facts;
  }

  /** Octets. */
  get size(): number {
    return this.#size;
  }

  /** The lines; good until the batch is changed. */
  get bytes(): Bytes {
    return this.#room.subarray(0, this.#size);
  }

  /** Adds a fact. */
  add(fact: StoryFact): void {
    const at = this.#size;
    const text = factText(fact);
    const written = this.#encode(text);
    // Text of one octet a character cannot mislead anybody, and is nearly all there is.
    const size = written === text.length ? written : this.#encode(factTextEscaped(fact));
    this.#room[at + size] = LF;
    this.#size = at + size + 1;
    this.#facts++;
    takeKeys(fact, at, this.index);
    this.index.note(fact.at);
  }

  /** Empties it, and gives back what it needed beyond the ordinary. */
  clear(): void {
    if (this.#room.length > 16 * FIRST_ROOM) this.#room = new Uint8Array(FIRST_ROOM);
    this.#size = 0;
    this.#facts = 0;
    this.index.clear();
  }

  /** Writes a text behind what is there; gives its octets. UTF-8 takes at most three for a UTF-16 unit. */
  #encode(text: string): number {
    const needed = this.#size + 3 * text.length + 1;
    if (needed > this.#room.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#room.length));
      larger.set(this.bytes);
      this.#room = larger;
    }
    return encoder.encodeInto(text, this.#room.subarray(this.#size)).written;
  }
}
