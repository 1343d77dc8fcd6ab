/**
 * The lanes of all destinations: made when the first job comes, kept while they
 * have anything to do or to remember, and their rests, which end by the clock.
 * Cannot fail.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { type Job, rankOf } from "./job.ts";
import { Lane } from "./lane.ts";

/** What lanes need. */
export interface LanesOptions {
  readonly clock: Clock;
  /** Connections at once to one destination. */
  readonly concurrencyPerDestination: number;
}

/** The lanes by destination. */
export class Lanes {
  #options: LanesOptions;
  readonly #lanes = new Map<string, Lane<Job>>();
  /** Ends the timers of those that rest. */
  readonly #rests = new Map<Lane<Job>, () => void>();
  /** Lanes whose parked messages are being claimed. */
  readonly #filling = new Set<Lane<Job>>();

  /** None yet. */
  constructor(options: LanesOptions) {
    this.#options = options;
  }

  /** Another number of connections at once to each destination, from now on. */
  change(concurrencyPerDestination: number): void {
    this.#options = { ...this.#options, concurrencyPerDestination };
    for (const lane of this.#lanes.values()) lane.change(concurrencyPerDestination);
  }

  /** The lane of a destination, which may be new. */
  of(destination: string): Lane<Job> {
    let lane = this.#lanes.get(destination);
    if (lane === undefined) {
      lane = new Lane(destination, this.#options.concurrencyPerDestination, rankOf);
      this.#lanes.set(destination, lane);
    }
    return lane;
  }

  /** The lane of a destination, if there is one. */
  get(destination: string): Lane<Job> | undefined {
    return this.#lanes.get(destination);
  }

  /** Every lane. */
  all(): Iterable<Lane<Job>> {
    return this.#lanes.values();
  }

  /** Books the end of a lane's rest, in `wait` ms. */
  bookRest(lane: Lane<Job>, wait: number, over: () => void): void {
    this.#rests.set(lane, this.#options.clock.after(wait, over));
  }

  /** Forgets when a lane's rest would have ended, if it rests. */
  cancelRest(lane: Lane<Job>): void {
    this.#rests.get(lane)?.();
    this.#rests.delete(lane);
  }

  /** Forgets when rests would have ended: nothing will go any more. */
  cancelRests(): void {
    for (const cancel of this.#rests.values()) cancel();
  }

  /**
   * Claims the messages parked at a lane, one after the other, while it has room and
   * claiming goes on; one such round at a time. Rejects as `claim` does.
   */
  async fill(
    lane: Lane<Job>,
    goes: () => boolean,
    claim: (id: string) => Promise<void>,
  ): Promise<void> {
    if (this.#filling.has(lane)) return;
    this.#filling.add(lane);
    try {
      for (let id; goes() && (id = lane.unpark()) !== undefined;) await claim(id);
    } finally {
      this.#filling.delete(lane);
    }
  }

  /** Forgets a lane that has nothing to do, nor anything to remember. */
  forgetIdle(lane: Lane<Job>): void {
    if (!lane.isIdle || this.#rests.has(lane) || this.#filling.has(lane)) return;
    // The destination may have another lane by now: this one may have been forgotten before.
    if (this.#lanes.get(lane.destination) === lane) this.#lanes.delete(lane.destination);
  }
}
