/**
 * The delivery loop: claims due messages, cuts them into jobs by destination,
 * attempts each job when its destination has room, and settles what came of it.
 * A failure of one job is recorded in its message and touches no other; a
 * message whose outcome cannot be recorded is tried again later.
 *
 * @module
 */
import { log } from "./base/log.ts";
import { attempt, type AttemptDeps, type AttemptResult } from "./deliver/attempt.ts";
import { rest } from "./deliver/backoff.ts";
import { Claiming } from "./deliver/claiming.ts";
import type { DeliveryOptions } from "./deliver/delivery_options.ts";
import { wakingOf } from "./deliver/destination.ts";
import { heldReasons } from "./deliver/held.ts";
import { isAlone, type Job, waitedForHost, whatMayGo, type Work, workOn } from "./deliver/job.ts";
import { Hold, type Lane } from "./deliver/lane.ts";
import { LaneTurns } from "./deliver/lane_turns.ts";
import { Lanes } from "./deliver/lanes.ts";
import { hasNews } from "./deliver/news.ts";
import { notify } from "./deliver/notify.ts";
import { reportAttempt, reportFinished, reportNotice, reportWait } from "./deliver/report.ts";
import { Sessions } from "./deliver/sessions.ts";
import {
  isNews,
  parkedUntil,
  setAside,
  settlementOf,
  type SettleRules,
  verdictsOf,
} from "./deliver/settle.ts";
import { DeliverySteering, type Loop } from "./deliver/steering.ts";
import { Withheld } from "./deliver/withheld.ts";
import type { Claim, DeliveryError, RecipientChange } from "./queue/queue.ts";

/**
 * What the loop does.
 * - `ready`: not started
 * - `going`: it claims and delivers
 * - `halted`: all mail is held; attempts under way end, and none is begun
 * - `stopped`: for good
 */
type Phase = "ready" | "going" | "halted" | "stopped";

const logger = log("deliver");

/** Delivers what is in a queue. */
export class Delivery {
  /** What an operator can do with it. */
  readonly steering: DeliverySteering;
  #options: DeliveryOptions;
  readonly #claiming: Claiming;
  readonly #lanes: Lanes;
  readonly #turns: LaneTurns<Job>;
  readonly #sessions: Sessions;
  readonly #withheld: Withheld;
  readonly #attemptDeps: AttemptDeps;
  readonly #underWay = new Set<Promise<void>>();
  #phase: Phase = "ready";

  /** Prepares; nothing goes before `start`. */
  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { queue, clock, route, settings } = options;
    this.#claiming = new Claiming({
      queue,
      clock,
      take: (claim) => this.#dispatch(claim),
      track: (work) => this.#track(work),
    });
    const { concurrencyPerDestination } = settings;
    this.#lanes = new Lanes({ clock, concurrencyPerDestination });
    this.#turns = new LaneTurns(settings.concurrency);
    this.#sessions = new Sessions(options);
    this.#attemptDeps = { clock, route, sessions: this.#sessions };
    const { holds } = options;
    this.#withheld = new Withheld(options);
    const parts = { queue, holds, lanes: this.#lanes, claiming: this.#claiming };
    const current = () => this.#options.settings;
    this.steering = new DeliverySteering({ ...parts, settings: current, loop: this.#loop() });
  }

  /**
   * Goes by other settings from now on. What has not begun is cut into jobs again, as
   * its next hop may be another one; what waits because a host did not answer is tried
   * at once, as the way to it may be.
   */
  change(changed: Pick<DeliveryOptions, "settings" | "hostname">): void {
    this.#options = { ...this.#options, ...changed };
    const { concurrency, concurrencyPerDestination, idleTimeout } = changed.settings;
    this.#turns.change(concurrency);
    this.#lanes.change(concurrencyPerDestination);
    this.#sessions.change(idleTimeout);
    this.#dropWaiting();
    for (const lane of [...this.#lanes.all()]) this.#endRest(lane);
    this.#options.queue.wake();
  }

  /** Halts or goes on, as the configuration says now; what an operator holds stays held. */
  setHeld(held: boolean): void {
    if (!held && !this.#options.holds.areForAll) this.#go();
    if (held && this.#isGoing) this.#endClaims("halted");
  }

  /** Begins to deliver; where all mail is held, or is to be until it is released, only to be ready for that. */
  start(held = false): void {
    this.#options.queue.onRecall((id) => this.steering.recall(id));
    this.#phase = "halted";
    if (!held && !this.#options.holds.areForAll) this.#go();
  }

  /**
   * Stops: begins no attempt, lets those under way finish within `grace` ms,
   * then breaks them off; what was not delivered waits in the queue as before.
   */
  async stop(grace: number): Promise<void> {
    this.#endClaims("stopped");
    this.#lanes.cancelRests();
    const cancel = this.#options.clock.after(grace, () => this.#sessions.breakOff());
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    cancel();
    await this.#sessions.close();
  }

  #go(): void {
    if (this.#phase !== "halted") return;
    this.#phase = "going";
    this.#claiming.begin();
    for (const lane of [...this.#lanes.all()]) this.#refill(lane);
  }

  /** Claims no more, and gives back what has not begun. */
  #endClaims(phase: "halted" | "stopped"): void {
    this.#phase = phase;
    this.#claiming.end();
    this.#dropWaiting();
  }

  /** Gives back what has not begun. */
  #dropWaiting(): void {
    const jobs = [...this.#lanes.all()].flatMap((lane) => lane.drain());
    for (const job of jobs) this.#jobOver(job);
  }

  #loop(): Loop {
    const isHalted = () => this.#phase === "halted";
    return {
      get isHalted(): boolean {
        return isHalted();
      },
      place: (job) => this.#place(job),
      drop: (job) => this.#jobOver(job),
      refill: (lane) => this.#refill(lane),
      endRest: (lane) => this.#endRest(lane),
      halt: () => this.#isGoing && this.#endClaims("halted"),
      go: () => this.#go(),
    };
  }

  get #isGoing(): boolean {
    return this.#phase === "going";
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    work.finally(() => this.#underWay.delete(work));
  }

  // Placing

  #dispatch(claim: Claim): void {
    const { clock, settings, holds } = this.#options;
    const work = workOn(claim, clock.now(), settings, holds);
    this.#claiming.add(work);
    if (work.jobs.length === 0 || work.recalled || !this.#isGoing) return this.#workOver(work);
    for (const job of work.jobs) this.#place(job);
    this.#run();
  }

  #place(job: Job): void {
    const lane = this.#lanes.of(job.destination);
    const { state } = lane;
    if (state.kind === "resting") {
      this.#track(this.#setAside(job, state.error, state.until));
    } else if (lane.hasRoomFor(job) || !isAlone(job)) {
      lane.add(job);
      this.#turns.add(lane);
    } else {
      job.work.parkAt = lane.destination;
      this.#jobOver(job);
    }
  }

  // Attempting

  /** Begins as many jobs as may go, the lanes by turns. */
  #run(): void {
    while (this.#isGoing) {
      const next = this.#turns.begin();
      if (next === undefined) return;
      this.#track(this.#carryOut(next.lane, next.job));
    }
  }

  /** A destination answers that had not: it may have more connections now, and another be met. */
  readonly #met = (lane: Lane<Job>): void => {
    this.#turns.met(lane);
    this.#run();
  };

  async #carryOut(lane: Lane<Job>, job: Job): Promise<void> {
    const hold = new Hold(lane, this.#met);
    const { work } = job;
    let over = true;
    try {
      const result = await attempt(job, hold, this.#attemptDeps);
      over = this.#learn(lane, job, result, hold);
      if (over) await this.#settle(job, result);
    } catch (error) {
      const { id } = work.claim.message;
      logger.error("an attempt could not be carried out or recorded", { id, error });
      work.retryLater = true;
    }
    hold.release();
    this.#turns.ended(lane);
    if (over) this.#jobOver(job);
    this.#refill(lane);
  }

  // Settling

  /** Records what came of an attempt. */
  async #settle(job: Job, result: AttemptResult): Promise<void> {
    const counted = this.#sessions.areBrokenOff ? verdictsOf(result) : result;
    if (counted.outcomes.size === 0) return;
    const settlement = settlementOf(job, counted, this.#rules());
    await job.work.claim.settle(settlement);
    reportAttempt(job, counted, settlement, this.#options);
  }

  /** Records that a job was not tried because its destination rests. */
  async #setAside(job: Job, error: DeliveryError, until: number): Promise<void> {
    const { work } = job;
    const rules = this.#rules();
    const settlement = setAside(job, error, until, rules);
    const news = isNews(job, settlement);
    try {
      if (!isAlone(job) || news) await work.claim.settle(settlement);
      if (news) reportWait(job, error, until, rules.now, this.#options);
      if (isAlone(job)) work.parkAt = job.destination;
    } catch (error) {
      logger.error("cannot record a deferral", { id: work.claim.message.id, error });
      work.retryLater = true;
    }
    this.#jobOver(job);
  }

  #rules(): SettleRules {
    const { clock, settings, random } = this.#options;
    return { now: clock.now(), schedule: settings.retry, random };
  }

  /** One job less; with the last one the message is done with for now. */
  #jobOver({ work }: Job): void {
    work.openJobs--;
    if (work.openJobs === 0) this.#workOver(work);
  }

  #workOver(work: Work): void {
    const { clock, settings: { retry }, holds } = this.#options;
    const { message } = work.claim;
    const now = clock.now();
    const reasons = heldReasons(message, holds, now, retry);
    const isToTell = reasons.length > 0 || hasNews(message, now, retry);
    if (isToTell) this.#track(this.#notify(work, reasons));
    else this.#doneWith(work);
  }

  #doneWith(work: Work): void {
    const { message } = work.claim;
    if (!work.retryLater) reportFinished(message, this.#options.clock.now(), this.#options);
    this.#giveBack(work);
    this.#claiming.delete(work);
  }

  /** Tells the sender what there is to tell, after recording the reasons for it that are not on record. */
  async #notify(work: Work, reasons: readonly RecipientChange[]): Promise<void> {
    const { message } = work.claim;
    const { settings, clock } = this.#options;
    try {
      if (reasons.length > 0) await work.claim.settle({ changes: reasons });
      const notices = await notify(work.claim, { ...this.#options, schedule: settings.retry });
      for (const notice of notices) reportNotice(message, notice, clock.now(), this.#options);
    } catch (error) {
      logger.error("cannot tell a sender what became of its message", { id: message.id, error });
      work.retryLater = true;
    }
    this.#doneWith(work);
  }

  /** Gives the message back to the queue, where it waits unless it is finished. */
  #giveBack(work: Work): void {
    const { claim, parkAt } = work;
    const { clock, settings: { retry } } = this.#options;
    const now = clock.now();
    if (work.retryLater) return claim.release(now + retry.first);
    if (!this.#isGoing) return claim.release();
    if (parkAt === undefined) return claim.release(this.#withheld.until(claim.message, now, retry));
    const lane = this.#lanes.of(parkAt);
    lane.park(claim.message.id, claim.message.envelope.priority);
    claim.release(parkedUntil(claim.message, now, retry));
    this.#refill(lane);
  }

  // Destinations

  /** Learns from an attempt how the destination is doing. False when the job goes again and nothing is to be recorded. */
  #learn(lane: Lane<Job>, job: Job, result: AttemptResult, hold: Hold<Job>): boolean {
    switch (result.destination.kind) {
      case "answered":
        this.#recovered(lane, job);
        return true;
      case "unknown":
        return true;
      case "failed":
        hold.release();
        if (this.#phase === "stopped") return true;
        if (!lane.narrow()) {
          this.#letRest(lane, result.destination.error);
          return true;
        }
        this.#again(lane, job);
        return false;
      default:
        return result.destination satisfies never;
    }
  }

  /** A job goes again when there is room, as far as it may. */
  #again(lane: Lane<Job>, job: Job): void {
    const rest = this.#isGoing ? whatMayGo(job, this.#options.holds) : undefined;
    if (rest === undefined) this.#jobOver(job);
    else lane.add(rest);
  }

  /** The destination answers: what waits because it did not goes now. */
  #recovered(lane: Lane<Job>, job: Job): void {
    lane.succeeded();
    this.#lanes.cancelRest(lane);
    if (!lane.recover(waitedForHost(job))) return;
    this.#options.queue.wake(wakingOf(lane.destination));
  }

  /** The destination does not answer: nothing goes there for a while. */
  #letRest(lane: Lane<Job>, error: DeliveryError): void {
    if (lane.state.kind === "resting") return;
    const { clock, settings, random } = this.#options;
    const wait = rest(lane.failures + 1, settings.retry, random());
    const until = clock.now() + wait;
    const { destination } = lane;
    logger.info("destination rests", { destination, until: new Date(until), error: error.text });
    for (const job of lane.fail(until, error)) this.#track(this.#setAside(job, error, until));
    this.#lanes.bookRest(lane, wait, () => this.#endRest(lane));
  }

  #endRest(lane: Lane<Job>): void {
    this.#lanes.cancelRest(lane);
    lane.wake();
    this.#refill(lane);
  }

  /** Something changed at a lane: gives it its turn, and work from what is parked there. */
  #refill(lane: Lane<Job>): void {
    if (!this.#isGoing) return;
    this.#turns.add(lane);
    this.#run();
    if (lane.takesParked) this.#track(this.#fill(lane));
    else this.#lanes.forgetIdle(lane);
  }

  /** Claims messages that are parked at a lane, as far as it has room. */
  async #fill(lane: Lane<Job>): Promise<void> {
    try {
      await this.#lanes.fill(lane, () => this.#isGoing, (id) => this.#claiming.claimById(id));
    } catch (error) {
      logger.error("cannot claim a parked message", { error });
    }
    this.#lanes.forgetIdle(lane);
  }
}
