/**
 * What an operator can do with the delivery loop while it runs: stop the mail for a
 * domain, or all of it, and let it go again; call a message back; end a destination's
 * rest; see how the destinations are doing. Attempts under way are never broken off.
 *
 * @module
 */
import type { DeliverySettings } from "../config/config.ts";
import { log } from "../base/log.ts";
import { inSlices } from "../base/slices.ts";
import type { DeliveryError, Overview, Queue } from "../queue/queue.ts";
import type { Claiming } from "./claiming.ts";
import { domainOf, type HeldDomain, type Holds } from "./holds.ts";
import { type Job, whatMayGo } from "./job.ts";
import type { Lane } from "./lane.ts";
import type { Lanes } from "./lanes.ts";
import { destinationOf, wakingOf } from "./destination.ts";

/** How a destination is doing, as of one moment. */
export interface DestinationState {
  /** Its domain; `smarthost HOST:PORT`, or `next-hop HOST:PORT` where messages were redirected to. */
  readonly destination: string;
  /** `probing`: its rest is over, and one message after the other is tried until one gets through; `held`: by an operator. */
  readonly state: "open" | "resting" | "probing" | "held";
  /** When its rest ends, ms since 1970; while it rests. */
  readonly until?: number;
  /** Why it rested last; until it answers. */
  readonly error?: DeliveryError;
  /** How many attempts to reach it have failed in a row. */
  readonly failures: number;
  /** Transactions under way. */
  readonly active: number;
  /** Transactions that wait for their turn. */
  readonly waiting: number;
  /** Messages that wait in the queue for room here; others wait there for their time. */
  readonly parked: number;
}

/** What the delivery loop does for who steers it. */
export interface Loop {
  /** Puts a job where it goes from. */
  place(job: Job): void;
  /** A job that has not begun never will. */
  drop(job: Job): void;
  /** Gives a lane its turn, and work from what is parked there. */
  refill(lane: Lane<Job>): void;
  /** Ends a lane's rest. */
  endRest(lane: Lane<Job>): void;
  /** Whether it was halted. */
  readonly isHalted: boolean;
  /** Begins nothing more, and gives back what has not begun. */
  halt(): void;
  /** Goes on after `halt`. */
  go(): void;
}

/** What steering needs. */
export interface SteeringOptions {
  readonly queue: Queue;
  /** As they are now. */
  readonly settings: () => Pick<DeliverySettings, "smarthost">;
  readonly holds: Holds;
  readonly lanes: Lanes;
  readonly claiming: Claiming;
  readonly loop: Loop;
}

const logger = log("deliver");

/** The handle on a delivery loop. */
export class DeliverySteering {
  readonly #options: SteeringOptions;

  /** Holds what is held from the start. */
  constructor(options: SteeringOptions) {
    this.#options = options;
  }

  /**
   * From now on no recipient in this domain is tried, waiting or new, wherever its mail
   * goes; the other recipients of the same messages are. Nor does one expire meanwhile.
   * False when it was held.
   *
   * @throws {TypeError} when it is not a domain
   * @throws {QueueError} when that could not be made durable
   */
  async holdDomain(domain: string): Promise<boolean> {
    const { holds, lanes } = this.#options;
    if (!await holds.hold(domain)) return false;
    logger.info("mail for a domain is held", { domain: domainOf(domain) });
    // It is found again in the queue; one by one out of here, each would be read for nothing.
    lanes.get(domainOf(domain))?.forgetParked();
    for (const lane of [...lanes.all()]) this.#takeOutHeld(lane);
    return true;
  }

  /**
   * Mail for this domain goes again; what waits for it, and not because of a verdict on
   * a recipient, is tried as soon as there is room. False when it was not held.
   *
   * @throws {TypeError} when it is not a domain
   * @throws {QueueError} when that could not be made durable
   */
  async releaseDomain(domain: string): Promise<boolean> {
    if (!await this.#options.holds.release(domain)) return false;
    const name = domainOf(domain);
    const messages = await this.#parkAll(name);
    logger.info("mail for a domain goes again", { domain: name, messages });
    return true;
  }

  /** The domains whose mail is held. */
  heldDomains(): HeldDomain[] {
    return this.#options.holds.domains();
  }

  /**
   * Stops all delivery, also after a restart: mail is accepted, and none of it goes.
   * False when that was so.
   *
   * @throws {QueueError} when that could not be made durable
   */
  async holdAll(): Promise<boolean> {
    const isNew = await this.#options.holds.setForAll(true);
    if (isNew) logger.info("all mail is held");
    this.#options.loop.halt();
    return isNew;
  }

  /**
   * Delivers again, but for the domains that are held. False when nothing was stopped.
   *
   * @throws {QueueError} when that could not be made durable
   */
  async releaseAll(): Promise<boolean> {
    const { holds, loop } = this.#options;
    const { isHalted } = loop;
    await holds.setForAll(false);
    if (isHalted) logger.info("mail goes again");
    loop.go();
    return isHalted;
  }

  /** Whether all delivery is stopped. */
  get isAllHeld(): boolean {
    return this.#options.loop.isHalted;
  }

  /**
   * Tries what waits for a domain's hosts now, and not when their rest is over; gives how
   * many messages that are.
   *
   * @param destination a domain in its canonical form, or as {@linkcode destinations} names it
   */
  retry(destination: string): number {
    const { lanes, loop, queue } = this.#options;
    const lane = lanes.get(destination);
    if (lane !== undefined) loop.endRest(lane);
    return queue.wake(wakingOf(destination));
  }

  /**
   * Ends the rest of where a message goes and wakes no other: who makes it due after that
   * has it tried.
   */
  letTry({ domains, nextHop }: Pick<Overview, "domains" | "nextHop">): void {
    const { lanes, loop, settings } = this.#options;
    for (const domain of domains) {
      const lane = lanes.get(destinationOf(`@${domain}`, settings(), nextHop));
      if (lane?.state.kind === "resting") loop.endRest(lane);
    }
  }

  /** Asks for a claimed message back: what of it has not begun never will, and with the end of what has it is given back. */
  recall(id: string): void {
    const { claiming, lanes, loop } = this.#options;
    const work = claiming.recall(id);
    if (work === undefined) return;
    work.recalled = true;
    for (const job of work.jobs) {
      const lane = lanes.get(job.destination);
      if (!lane?.remove(job)) continue;
      loop.drop(job);
      loop.refill(lane);
    }
  }

  /** How the destinations are doing that have any mail now, and those that are held. */
  *destinations(): Generator<DestinationState> {
    const { holds, lanes } = this.#options;
    for (const lane of lanes.all()) yield stateOf(lane, holds.has(lane.destination));
    for (const { domain } of holds.domains()) {
      if (lanes.get(domain) !== undefined) continue;
      const load = { active: 0, waiting: 0, parked: 0 };
      yield { destination: domain, state: "held", failures: 0, ...load };
    }
  }

  /** Takes the jobs out of a lane that have not begun and may not go as they are; what of them may is put back. */
  #takeOutHeld(lane: Lane<Job>): void {
    const { holds, loop } = this.#options;
    for (const job of lane.waiting()) {
      const rest = whatMayGo(job, holds);
      if (rest === job) continue;
      lane.remove(job);
      if (rest === undefined) loop.drop(job);
      else loop.place(rest);
    }
    loop.refill(lane);
  }

  /** Has every message that waits for a domain wait for room where its mail goes; gives how many that are. */
  async #parkAll(domain: string): Promise<number> {
    const { queue, lanes, holds, settings, loop } = this.#options;
    const filled = new Set<Lane<Job>>();
    let count = 0;
    await inSlices(queue.overviews(), ({ id, state, domains, nextHop }) => {
      const waits = state === "incoming" || state === "deferred";
      // It may be held again by now.
      if (!waits || !domains.includes(domain) || holds.has(domain)) return;
      const lane = lanes.of(destinationOf(`@${domain}`, settings(), nextHop));
      lane.park(id);
      filled.add(lane);
      count++;
    });
    for (const lane of filled) loop.refill(lane);
    return count;
  }
}

function stateOf(lane: Lane<Job>, isHeld: boolean): DestinationState {
  const { destination, state, failures, load } = lane;
  return {
    destination,
    state: isHeld ? "held" : state.kind,
    ...(state.kind === "resting" && { until: state.until }),
    ...(state.kind !== "open" && { error: state.error }),
    failures,
    ...load,
  };
}
