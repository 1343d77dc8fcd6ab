/**
 * What the delivery loop has claimed: takes from the queue what is due, as far as
 * there is room, and books the time at which more will be. A queue that cannot say
 * what is due is asked again later.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import type { Claim, Queue } from "../queue/queue.ts";
import type { Work } from "./job.ts";

/** What claiming needs. */
export interface ClaimingOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  /** Takes over what was claimed. */
  readonly take: (claim: Claim) => void;
  /** Is given what goes on by itself, to wait for it at the stop. */
  readonly track: (work: Promise<void>) => void;
}

/** Messages claimed at once: enough for every destination to have work, few enough for memory. */
const MOST_CLAIMED = 20_000;
/** Messages asked of the queue in one call. */
const CLAIM_BATCH = 500;
/** When the queue is asked again after it could not say what is due, ms. */
const CLAIM_AGAIN = 10_000;

const logger = log("deliver");

/** The claimed messages, and how more of them come. */
export class Claiming {
  readonly #options: ClaimingOptions;
  readonly #works = new Map<string, Work>();
  /** Messages that were recalled when they may have been on their way here. */
  readonly #recalled = new Set<string>();
  /** How often the queue is being asked for messages at this moment. */
  #asking = 0;
  #going = false;
  #claiming = false;
  #claimAgain = false;
  #cancelTimer: () => void = () => {};

  /** Claims nothing before `begin`. */
  constructor(options: ClaimingOptions) {
    this.#options = options;
  }

  /** Claims what is due, from now on. */
  begin(): void {
    this.#going = true;
    this.#options.queue.onDue(() => this.#claimDue());
    this.#claimDue();
  }

  /** Claims no more. What is being claimed at this moment still comes. */
  end(): void {
    this.#going = false;
    this.#cancelTimer();
  }

  /** A claim was taken over. */
  add(work: Work): void {
    const { id } = work.claim.message;
    this.#works.set(id, work);
    if (this.#recalled.delete(id)) work.recalled = true;
  }

  /** A claim was given back: there may be room for another. */
  delete(work: Work): void {
    const wasFull = this.#works.size >= MOST_CLAIMED;
    this.#works.delete(work.claim.message.id);
    if (wasFull) this.#claimDue();
  }

  /** The work on a claimed message that is to be given back; one that is still to come is marked then. */
  recall(id: string): Work | undefined {
    const work = this.#works.get(id);
    if (work === undefined && this.#asking > 0) this.#recalled.add(id);
    return work;
  }

  /** Claims one message, due or not, if it is there and free. @throws {QueueError} */
  async claimById(id: string): Promise<void> {
    await this.#take(async () => {
      const claim = await this.#options.queue.claimById(id);
      return claim ? [claim] : [];
    });
  }

  #claimDue(): void {
    this.#claimAgain = true;
    if (this.#claiming || !this.#going) return;
    this.#claiming = true;
    this.#options.track(this.#claimAll());
  }

  async #claimAll(): Promise<void> {
    const { queue, clock } = this.#options;
    let next: number;
    try {
      await this.#claimWhileDue();
      next = queue.nextDue();
    } catch (error) {
      logger.error("cannot claim messages from the queue", { error });
      next = clock.now() + CLAIM_AGAIN;
    }
    this.#cancelTimer();
    if (!this.#hasRoom || next === Infinity) return;
    this.#cancelTimer = clock.after(next - clock.now(), () => this.#claimDue());
  }

  async #claimWhileDue(): Promise<void> {
    try {
      while (this.#claimAgain && this.#hasRoom) {
        this.#claimAgain = false;
        const limit = Math.min(CLAIM_BATCH, MOST_CLAIMED - this.#works.size);
        const count = await this.#take(() => this.#options.queue.claim(limit));
        if (count > 0) this.#claimAgain = true;
      }
    } finally {
      this.#claiming = false; // before anything is waited for, or who asks meanwhile is not heard
    }
  }

  /** Takes over what the queue gives; tells how many. What is recalled until then is remembered. */
  async #take(ask: () => Promise<readonly Claim[]>): Promise<number> {
    this.#asking++;
    try {
      const claims = await ask();
      for (const claim of claims) this.#options.take(claim);
      return claims.length;
    } finally {
      this.#asking--;
      if (this.#asking === 0) this.#recalled.clear();
    }
  }

  get #hasRoom(): boolean {
    return this.#going && this.#works.size < MOST_CLAIMED;
  }
}
