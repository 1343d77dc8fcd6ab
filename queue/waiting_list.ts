/**
 * What a store knows in memory of each of its messages, and who is due, claimed
 * or held. The same for every store; it holds no content and does no I/O, and
 * cannot fail.
 *
 * @module
 */
import { DueHeap, type HeapEntry } from "./due_heap.ts";
import { HostWaiters } from "./host_waiters.ts";
import type { QueueCounts, QueuedMessage, Summary } from "./queue.ts";
import { summarize } from "./state.ts";

/** One message of the list. Stores add what they need to find it. */
export interface Entry extends Summary, HeapEntry {
  /** The message's id. */
  readonly id: string;
  /** When it is due, ms since 1970. */
  due: number;
  /** See {@linkcode Summary.domains}. */
  domains: readonly string[];
  /** See {@linkcode Summary.hostFailure}. */
  hostFailure: boolean;
  /** Whether it is held. */
  held: boolean;
  /** Whether somebody has it. */
  claimed: boolean;
  /** Made due, or claimed, before its time. */
  early: boolean;
}

/** The entry of a message as of `now` (ms since 1970). */
export function entryOf(message: QueuedMessage, now: number): Entry {
  return { ...summarize(message, now), order: 0, position: -1, claimed: false, early: false };
}

/** The messages of a queue, in memory. */
export class WaitingList<E extends Entry> {
  readonly #entries = new Map<string, E>();
  readonly #heap = new DueHeap<E>();
  /** Those that wait for a host and nobody has claimed. */
  readonly #forHosts = new HostWaiters<E>();
  /** When those that were called and not claimed yet became due, ms since 1970. */
  #calledAt = Infinity;
  #claimed = 0;
  #held = 0;
  #listener: () => void = () => {};

  /** Takes in a new message. */
  add(entry: E): void {
    this.#entries.set(entry.id, entry);
    if (entry.held) this.#held++;
    this.#schedule(entry);
  }

  /** The entry of a message, claimed or not. */
  get(id: string): E | undefined {
    return this.#entries.get(id);
  }

  /** Every entry, claimed or not. */
  all(): Iterable<E> {
    return this.#entries.values();
  }

  /** Forgets a message. */
  remove(entry: E): void {
    if (!this.#entries.delete(entry.id)) return;
    this.#unschedule(entry);
    if (entry.claimed) this.#claimed--;
    if (entry.held) this.#held--;
  }

  /** Claims at most `limit` entries that are due: those whose time has come, longest due first, and by turns with them those that were called. */
  takeDue(now: number, limit: number): E[] {
    const taken: E[] = [];
    while (taken.length < limit) {
      const first = this.#takeFirst(now);
      if (first !== undefined) taken.push(first);
      const called = taken.length < limit ? this.#takeCalled() : undefined;
      if (called !== undefined) taken.push(called);
      else if (first === undefined) break;
    }
    return taken;
  }

  /** Claims one entry, due or not; undefined when it is not there, held or claimed. */
  take(id: string): E | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.held || entry.claimed) return undefined;
    this.#claim(entry);
    entry.early = true;
    return entry;
  }

  /** Gives a claimed entry back as its message is at `now`, not due before `until` (ms since 1970). */
  giveBack(entry: E, message: QueuedMessage, now: number, until = -Infinity): void {
    const { due, domains, hostFailure } = summarize(message, now);
    entry.domains = domains;
    entry.hostFailure = hostFailure;
    this.postpone(entry, Math.max(due, until));
  }

  /** Gives a claimed entry back, due at `due` (ms since 1970). */
  postpone(entry: E, due: number): void {
    entry.claimed = false;
    entry.early = false;
    this.#claimed--;
    entry.due = due;
    this.#schedule(entry);
  }

  /** See {@linkcode Queue.nextDue}. */
  nextDue(): number {
    const due = this.#heap.first()?.due ?? Infinity;
    return this.#forHosts.hasCalled ? Math.min(due, this.#calledAt) : due;
  }

  /** See {@linkcode Queue.onDue}. */
  onDue(listener: () => void): void {
    this.#listener = listener;
  }

  /** See {@linkcode Queue.wake}. */
  wake(now: number, domain?: string): number {
    const before = this.nextDue();
    const woken = this.#forHosts.call(domain);
    this.#calledAt = now;
    this.#tellIfEarlier(before);
    return woken;
  }

  /** See {@linkcode Queue.summaries}. */
  *unclaimed(): Generator<E> {
    for (const entry of this.#entries.values()) if (!entry.claimed) yield entry;
  }

  /** See {@linkcode Queue.counts}. */
  counts(): QueueCounts {
    return { messages: this.#entries.size, claimed: this.#claimed, held: this.#held };
  }

  #takeFirst(now: number): E | undefined {
    const first = this.#heap.first();
    if (first === undefined || first.due > now) return undefined;
    this.#claim(first);
    return first;
  }

  #takeCalled(): E | undefined {
    const entry = this.#forHosts.takeCalled();
    if (entry === undefined) return undefined;
    this.#claim(entry);
    entry.early = true;
    return entry;
  }

  #claim(entry: E): void {
    this.#unschedule(entry);
    entry.claimed = true;
    this.#claimed++;
  }

  #schedule(entry: E): void {
    if (entry.due === Infinity) return;
    const before = this.nextDue();
    this.#heap.add(entry);
    if (entry.hostFailure) this.#forHosts.add(entry);
    this.#tellIfEarlier(before);
  }

  #unschedule(entry: E): void {
    this.#heap.remove(entry);
    if (entry.hostFailure) this.#forHosts.delete(entry);
  }

  /** Tells the listener, who may claim right away, when something is due before what was due first. */
  #tellIfEarlier(before: number): void {
    if (this.nextDue() < before) this.#listener();
  }
}
