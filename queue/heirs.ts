/**
 * Who waits for messages that somebody else has claimed: when one is given back,
 * who waits for it longest has it, and nobody else is given it in between. Cannot
 * fail.
 *
 * @module
 */

/** Somebody who waits for a message. */
export interface Heir<E> {
  /** The message, claimed already, or why there is none. */
  readonly inherited: Promise<E | "gone" | "busy">;
  /** Ends the wait; does nothing where it has ended. */
  readonly giveUp: () => void;
}

type Tell<E> = (outcome: E | "gone" | "busy") => void;

/** Those who wait for claimed messages, by the messages' ids. */
export class Heirs<E extends { readonly id: string }> {
  readonly #waiting = new Map<string, Set<Tell<E>>>();

  /** Begins to wait for a message. */
  wait(id: string): Heir<E> {
    const { promise, resolve } = Promise.withResolvers<E | "gone" | "busy">();
    const row = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, row.add(resolve));
    const giveUp = () => {
      this.#leave(id, resolve);
      resolve("busy");
    };
    return { inherited: promise, giveUp };
  }

  /** Hands a message to who waits for it longest; false when nobody does. */
  inherit(entry: E): boolean {
    const [first] = this.#waiting.get(entry.id) ?? [];
    if (first === undefined) return false;
    this.#leave(entry.id, first);
    first(entry);
    return true;
  }

  /** Sends away who waits for a message. */
  dismiss(id: string, outcome: "gone" | "busy"): void {
    const row = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const tell of row ?? []) tell(outcome);
  }

  /** Sends everybody away. */
  dismissAll(): void {
    for (const id of [...this.#waiting.keys()]) this.dismiss(id, "busy");
  }

  #leave(id: string, tell: Tell<E>): void {
    const row = this.#waiting.get(id);
    if (row?.delete(tell) && row.size === 0) this.#waiting.delete(id);
  }
}
