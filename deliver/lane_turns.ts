/**
 * Whose turn it is: which destination begins a job next, within the connections
 * out at once. Destinations that have not answered yet may hang, and are many
 * where mail is bad: all of them together have half the connections at most, and
 * each has one. Decides, and does no I/O.
 *
 * @module
 */
import type { Lane } from "./lane.ts";

/** The lanes with a job that may go. */
export class LaneTurns<Job> {
  #concurrency = 0;
  #mostContacts = 0;
  /** Each in the order of their turns. */
  readonly #acquainted = new Set<Lane<Job>>();
  readonly #strangers = new Set<Lane<Job>>();
  /** Strangers that a job is on its way to. */
  readonly #contacts = new Set<Lane<Job>>();
  #active = 0;
  #strangersNext = false;

  /** No lane has a turn yet; `concurrency` jobs are under way at the most. */
  constructor(concurrency: number) {
    this.change(concurrency);
  }

  /** Another number of jobs may be under way from now on; those that are go on. */
  change(concurrency: number): void {
    this.#concurrency = concurrency;
    this.#mostContacts = Math.ceil(concurrency / 2);
  }

  /** Gives a lane a turn behind the others, if it has a job that may go. */
  add(lane: Lane<Job>): void {
    if (!lane.isReady) return;
    if (lane.isMet) this.#acquainted.add(lane);
    else this.#strangers.add(lane);
  }

  /** Begins the next job, which is under way until `ended`; undefined when none may begin now. */
  begin(): { lane: Lane<Job>; job: Job } | undefined {
    if (this.#active >= this.#concurrency) return undefined;
    this.#strangersNext = !this.#strangersNext;
    const lane = this.#strangersNext
      ? this.#nextStranger() ?? nextOf(this.#acquainted)
      : nextOf(this.#acquainted) ?? this.#nextStranger();
    if (lane === undefined) return undefined;
    this.#active++;
    if (!lane.isMet) this.#contacts.add(lane);
    const job = lane.begin();
    this.add(lane);
    return { lane, job };
  }

  /** A lane has a session with its destination, for the first time or again. */
  met(lane: Lane<Job>): void {
    this.#contacts.delete(lane);
    this.add(lane);
  }

  /** A job of the lane that was under way is over. */
  ended(lane: Lane<Job>): void {
    this.#active--;
    this.#contacts.delete(lane);
    lane.ended();
  }

  #nextStranger(): Lane<Job> | undefined {
    return this.#contacts.size < this.#mostContacts ? nextOf(this.#strangers) : undefined;
  }
}

/** Takes the first lane that is ready; those that are no more have lost their turn. */
function nextOf<Job>(lanes: Set<Lane<Job>>): Lane<Job> | undefined {
  for (const lane of lanes) {
    lanes.delete(lane);
    if (lane.isReady) return lane;
  }
  return undefined;
}
