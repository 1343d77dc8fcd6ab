/**
 * What a store knows in memory of each of its messages, and who is due, claimed
 * or held. The same for every store; it holds no content and does no I/O, and
 * cannot fail.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { DueHeap } from "./due_heap.ts";
import type { Entry } from "./entry.ts";
import { Heirs } from "./heirs.ts";
import { HostWaiters } from "./host_waiters.ts";
import type { MessageState, QueuedMessage } from "./queue.ts";

/** The messages of a queue, in memory. */
export class WaitingList<E extends Entry> {
  readonly #entries = new Map<string, E>();
  readonly #heap = new DueHeap<E>();
  /** Those that wait for a host and nobody has claimed. */
  readonly #forHosts = new HostWaiters<E>();
  /** When those that were called and not claimed yet became due, ms since 1970. */
  #calledAt = Infinity;
  readonly #counts: Record<MessageState, number> = {
    active: 0,
    incoming: 0,
    deferred: 0,
    scheduled: 0,
    held: 0,
    captured: 0,
  };
  readonly #heirs = new Heirs<E>();
  #listener: () => void = () => {};
  #recall: (id: string) => void = () => {};

  /** Takes in a new message. */
  add(entry: E): void {
    this.#entries.set(entry.id, entry);
    this.#counts[entry.rest]++;
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
    this.#counts[entry.state]--;
    this.#heirs.dismiss(entry.id, "gone");
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
    if (entry === undefined || entry.isHeld || entry.claimed) return undefined;
    this.#claim(entry, "early");
    return entry;
  }

  /**
   * Claims one entry, due or not, held or not. Where somebody has it, it is recalled,
   * and inherited when it is given back within `wait` ms.
   */
  async seize(id: string, wait: number, clock: Clock): Promise<E | "gone" | "busy"> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return "gone";
    if (!entry.claimed) {
      this.#claim(entry, "early");
      return entry;
    }
    const heir = this.#heirs.wait(id);
    this.#recall(id);
    if (wait <= 0) heir.giveUp();
    const cancel = wait > 0 ? clock.after(wait, heir.giveUp) : heir.giveUp;
    const outcome = await heir.inherited;
    cancel();
    return outcome;
  }

  /** See {@linkcode Queue.onRecall}. */
  onRecall(listener: (id: string) => void): void {
    this.#recall = listener;
  }

  /** Sends everybody away who waits for an entry. */
  dismissHeirs(): void {
    this.#heirs.dismissAll();
  }

  /** Gives a claimed entry back as its message is at `now`, not due before `until` (ms since 1970). */
  giveBack(entry: E, message: QueuedMessage, now: number, until = -Infinity): void {
    entry.update(message, now);
    const isParked = until > entry.due;
    this.postpone(entry, isParked ? until : entry.due, isParked ? "parked" : "waiting");
  }

  /** Gives a claimed entry back, due at `due` (ms since 1970) unless it is held. */
  postpone(entry: E, due: number, stage: "waiting" | "parked" = "waiting"): void {
    entry.due = entry.isHeld ? Infinity : due;
    if (this.#heirs.inherit(entry)) return;
    entry.stage = stage;
    this.#counts.active--;
    this.#counts[entry.rest]++;
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

  /** How many there are, in all and by what they do. */
  counts(): Record<MessageState, number> & { messages: number } {
    return { messages: this.#entries.size, ...this.#counts };
  }

  #takeFirst(now: number): E | undefined {
    const first = this.#heap.first();
    if (first === undefined || first.due > now) return undefined;
    this.#claim(first, "due");
    return first;
  }

  #takeCalled(): E | undefined {
    const entry = this.#forHosts.takeCalled();
    if (entry === undefined) return undefined;
    this.#claim(entry, "early");
    return entry;
  }

  #claim(entry: E, how: "due" | "early"): void {
    this.#unschedule(entry);
    this.#counts[entry.rest]--;
    this.#counts.active++;
    entry.stage = how;
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
