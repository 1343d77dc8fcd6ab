/**
 * A destination as the scheduler sees it: which jobs wait for it, how many are
 * under way, and whether it rests because it does not answer. Decides, and does
 * no I/O.
 *
 * @module
 */
import type { DeliveryError } from "../queue/queue.ts";
import { RankedQueue } from "./ranked_queue.ts";

/**
 * How a destination is doing.
 * - `open`: jobs go as far as its concurrency allows
 * - `resting`: nothing goes before `until`
 * - `probing`: the rest is over; one job at a time goes until one gets through
 */
export type LaneState =
  | { readonly kind: "open" }
  | { readonly kind: "resting"; readonly until: number; readonly error: DeliveryError }
  | { readonly kind: "probing"; readonly error: DeliveryError };

/** Jobs kept ready for one destination; more of them wait in the queue instead of in memory. */
const BACKLOG = 200;

/** Connections a destination gets once it has answered; each success adds one, up to its concurrency. */
const FIRST_CONNECTIONS = 3;
/** After a destination refused one connection more, this many times more successes are wanted before the next is tried. */
const CAUTION = 50;

/** The jobs of one destination, no two of which are the same to `===`. */
export class Lane<Job> {
  /** The destination's key. */
  readonly destination: string;
  /** Jobs that may be under way now; grows by parts of one. */
  #limit: number;
  #most: number;
  readonly #rank: (job: Job) => number;
  #step = 1;
  #answering = 0;
  readonly #jobs = new RankedQueue<Job>();
  /** Messages that wait in the queue until there is room for them here. */
  readonly #parked = new RankedQueue<string>();
  #active = 0;
  #failures = 0;
  #met = false;
  /** Whether what waits for its answer was called since it last failed. */
  #called = false;
  #state: LaneState = { kind: "open" };

  /** An open lane; `limit` is its concurrency. Jobs of a higher rank go before others. */
  constructor(destination: string, limit: number, rank: (job: Job) => number = () => 0) {
    this.#rank = rank;
    this.destination = destination;
    this.#most = limit;
    this.#limit = Math.min(FIRST_CONNECTIONS, limit);
  }

  /** Another concurrency from now on; jobs under way go on. */
  change(limit: number): void {
    this.#most = limit;
    this.#limit = Math.min(Math.max(this.#limit, FIRST_CONNECTIONS), limit);
  }

  /** How the destination is doing. */
  get state(): LaneState {
    return this.#state;
  }

  /** Whether there was a session with the destination since it last failed. Until then it gets one connection: it may hang. */
  get isMet(): boolean {
    return this.#met;
  }

  /** How many probes have failed in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Its jobs: those that are under way, and those that wait here; and messages that wait in the queue for room. */
  get load(): { readonly active: number; readonly waiting: number; readonly parked: number } {
    return { active: this.#active, waiting: this.#jobs.size, parked: this.#parked.size };
  }

  /** Whether it takes one more job; else the message is to be parked. */
  get hasRoom(): boolean {
    return this.#state.kind === "resting" ? false : this.#jobs.size < this.#room;
  }

  /** Whether it takes this job: one that goes before others finds room when they have none. */
  hasRoomFor(job: Job): boolean {
    if (this.hasRoom || this.#state.kind !== "open") return this.hasRoom;
    return this.#jobs.size < 2 * BACKLOG && this.#rank(job) > this.#jobs.lowestRank;
  }

  /** A probe needs one job behind it at most. */
  get #room(): number {
    return this.#state.kind === "probing" ? 1 : BACKLOG;
  }

  /** Whether no job and no message is left here. */
  get isIdle(): boolean {
    return this.#active === 0 && this.#jobs.size === 0 && this.#parked.size === 0;
  }

  /** Whether a job can go now. */
  get isReady(): boolean {
    if (this.#jobs.size === 0) return false;
    switch (this.#state.kind) {
      case "open":
        return this.#active < (this.#met ? Math.floor(this.#limit) : 1);
      case "probing":
        return this.#active === 0;
      case "resting":
        return false;
      default:
        return this.#state satisfies never;
    }
  }

  /** Puts a job behind the others of its rank, and before those of a lower one. */
  add(job: Job): void {
    this.#jobs.add(job, this.#rank(job));
  }

  /** Takes the first job, which is under way from now until `ended`. Only when ready. */
  begin(): Job {
    this.#active++;
    return this.#jobs.take()!;
  }

  /** Counts the sessions that jobs under way have with the destination: one more or one less. */
  countSession(change: 1 | -1): void {
    this.#answering += change;
    this.#met ||= change > 0;
  }

  /** A job that was under way is over. */
  ended(): void {
    this.#active--;
  }

  /** A job was carried out: one more may go beside it. */
  succeeded(): void {
    this.#limit = Math.min(this.#limit + this.#step, this.#most);
  }

  /**
   * A job could not get a session. When others have one, the destination is
   * alive and takes no more than these: then fewer go from now on, and true is
   * given; the job is to be added again. Not where it rests: that was found out
   * by another, and jobs do not wait through it.
   */
  narrow(): boolean {
    if (this.#answering === 0 || this.#state.kind !== "open") return false;
    this.#limit = this.#answering;
    this.#step = 1 / (CAUTION * this.#answering);
    return true;
  }

  /** Remembers a message that waits in the queue until this destination has room for it. */
  park(id: string, rank = 0): void {
    this.#parked.add(id, rank);
  }

  /** Whether a parked message is to be claimed now. */
  get takesParked(): boolean {
    if (this.#parked.size === 0 || !this.hasRoom) return false;
    // Refilling one by one would keep the backlog at its brim; half empty is early enough.
    return this.#state.kind !== "open" || this.#jobs.size <= BACKLOG / 2;
  }

  /** A parked message to claim now, when there is room for it. */
  unpark(): string | undefined {
    return this.takesParked ? this.#parked.take() : undefined;
  }

  /** Forgets which messages wait in the queue for room here. */
  forgetParked(): void {
    this.#parked.clear();
  }

  /**
   * The destination did not answer: it rests. Gives the jobs that were waiting.
   *
   * @param until ms since 1970
   */
  fail(until: number, error: DeliveryError): Job[] {
    this.#failures++;
    this.#met = false;
    this.#called = false;
    this.#state = { kind: "resting", until, error };
    return this.drain();
  }

  /** The rest is over. */
  wake(): void {
    if (this.#state.kind === "resting") this.#state = { kind: "probing", error: this.#state.error };
  }

  /**
   * The destination answered. Gives whether the mail that waits because it did
   * not is to be called, which is so once after each failure.
   *
   * @param waited whether the job that got through had waited for this itself: after a restart the lane does not know that the destination was in trouble, but its messages do
   */
  recover(waited = false): boolean {
    const isNews = this.#state.kind !== "open" || (waited && !this.#called);
    this.#state = { kind: "open" };
    this.#failures = 0;
    if (isNews) this.#called = true;
    return isNews;
  }

  /** The waiting jobs, in their order. */
  waiting(): Job[] {
    return this.#jobs.values();
  }

  /** Gives up the waiting jobs. */
  drain(): Job[] {
    return this.#jobs.clear();
  }

  /** Gives up one of the waiting jobs; false when it does not wait. */
  remove(job: Job): boolean {
    return this.#jobs.delete(job, this.#rank(job));
  }
}

/** That one job has a session with its destination, while it has one. */
export class Hold<Job> {
  readonly #lane: Lane<Job>;
  readonly #met: (lane: Lane<Job>) => void;
  #held = false;

  /** Not held yet; `met` is told when this is the first session of a lane that had not been met. */
  constructor(lane: Lane<Job>, met: (lane: Lane<Job>) => void) {
    this.#lane = lane;
    this.#met = met;
  }

  /** The job has a session. */
  take(): void {
    if (this.#held) return;
    this.#held = true;
    const isFirst = !this.#lane.isMet;
    this.#lane.countSession(1);
    if (isFirst) this.#met(this.#lane);
  }

  /** The job has none any more, or its session is worth nothing. */
  release(): void {
    if (this.#held) this.#lane.countSession(-1);
    this.#held = false;
  }
}
