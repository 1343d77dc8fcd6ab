/**
 * The messages that wait because a host did not answer, by domain, so that those
 * of one domain can be called when it does without looking at any other message.
 * Calling moves whole sets; what it costs each message is paid when it is claimed.
 *
 * @module
 */

/** What is to be known of a message. It must not change while the message is in here. */
export interface HostWaiter {
  /** Where it waits to go: the domains of its unfinished recipients, each once, or its next hop. */
  readonly destinations: readonly string[];
}

/** The messages that wait for hosts. Cannot fail. */
export class HostWaiters<E extends HostWaiter> {
  readonly #waiting = new Map<string, Set<E>>();
  readonly #called = new Map<string, Set<E>>();
  /** Goes through the called messages of one domain; a set asked for its first again and again would skip what was deleted each time. */
  #turn: Iterator<E> = [].values();

  /** Takes in a message that waits. */
  add(entry: E): void {
    for (const domain of entry.destinations) setOf(this.#waiting, domain).add(entry);
  }

  /** Forgets a message, called or not. */
  delete(entry: E): void {
    for (const domain of entry.destinations) {
      deleteFrom(this.#waiting, domain, entry);
      deleteFrom(this.#called, domain, entry);
    }
  }

  /** Calls the messages that wait for a domain, or for any; gives how many. One that waits for two counts twice. */
  call(domain?: string): number {
    if (domain !== undefined) return this.#call(domain);
    let called = 0;
    for (const each of this.#waiting.keys()) called += this.#call(each);
    return called;
  }

  /** Takes a message that was called; undefined when there is none. */
  takeCalled(): E | undefined {
    while (this.#called.size > 0) {
      const { done, value } = this.#turn.next();
      if (done) {
        this.#turn = this.#called.values().next().value!.values();
      } else {
        this.delete(value);
        return value;
      }
    }
    return undefined;
  }

  /** Whether there is a message that was called. */
  get hasCalled(): boolean {
    return this.#called.size > 0;
  }

  #call(domain: string): number {
    const waiting = this.#waiting.get(domain);
    if (waiting === undefined) return 0;
    this.#waiting.delete(domain);
    const called = this.#called.get(domain);
    if (called === undefined) this.#called.set(domain, waiting);
    else for (const entry of waiting) called.add(entry);
    return waiting.size;
  }
}

function setOf<E>(sets: Map<string, Set<E>>, domain: string): Set<E> {
  let set = sets.get(domain);
  if (set === undefined) sets.set(domain, set = new Set());
  return set;
}

function deleteFrom<E>(sets: Map<string, Set<E>>, domain: string, entry: E): void {
  const set = sets.get(domain);
  if (set?.delete(entry) && set.size === 0) sets.delete(domain);
}
