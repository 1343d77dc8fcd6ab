/**
 * The delivery loop: claims due messages, cuts them into jobs by destination,
 * attempts each job when its destination has room, and settles what came of it.
 * A failure of one job is recorded in its message and touches no other; a
 * message whose outcome cannot be recorded is tried again later.
 *
 * @module
 */
import type { Clock } from "./base/clock.ts";
import { log } from "./base/log.ts";
import type { DeliverySettings } from "./config/config.ts";
import { attempt, type AttemptDeps, type AttemptResult } from "./deliver/attempt.ts";
import { rest } from "./deliver/backoff.ts";
import type { SmtpClient } from "./deliver/client.ts";
import type { DeliveryObserver } from "./deliver/events.ts";
import { Claiming } from "./deliver/claiming.ts";
import { isAlone, type Job, jobsOf, waitedForHost, type Work } from "./deliver/job.ts";
import { Hold, type Lane } from "./deliver/lane.ts";
import { Lanes } from "./deliver/lanes.ts";
import { hasNews } from "./deliver/news.ts";
import { notify } from "./deliver/notify.ts";
import type { Pool } from "./deliver/pool.ts";
import { reportAttempt, reportFinished, reportNotice, reportWait } from "./deliver/report.ts";
import type { Host, Route } from "./deliver/route.ts";
import { Sessions } from "./deliver/sessions.ts";
import {
  isNews,
  parkedUntil,
  setAside,
  settlementOf,
  type SettleRules,
  verdictsOf,
} from "./deliver/settle.ts";
import { LaneTurns } from "./deliver/lane_turns.ts";
import type { StoryTaker } from "./history/story.ts";
import type { Claim, DeliveryError, Queue } from "./queue/queue.ts";

/** What delivery needs. */
export interface DeliveryOptions {
  readonly queue: Queue;
  readonly settings: DeliverySettings;
  /** What this server calls itself. */
  readonly hostname: string;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Finds the hosts of a destination; where TLS is required (RFC 8689), only those whose names are proven. */
  readonly route: (destination: string, requireTls: boolean) => Promise<Route>;
  /** Connects to a host, in verified TLS where that is required; gives up when the signal is aborted. @throws {DeliveryFailure} */
  readonly open: (host: Host, signal: AbortSignal, requireTls: boolean) => Promise<SmtpClient>;
  /** Keeps connections between messages. */
  readonly pool: Pool;
  /** Told what becomes of each message. */
  readonly stories: StoryTaker;
  readonly observer: DeliveryObserver;
}

const logger = log("deliver");

/** Delivers what is in a queue. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #claiming: Claiming;
  readonly #lanes: Lanes;
  readonly #turns: LaneTurns<Job>;
  readonly #sessions: Sessions;
  readonly #attemptDeps: AttemptDeps;
  readonly #underWay = new Set<Promise<void>>();
  #stopping = false;

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
  }

  /** Begins to deliver. */
  start(): void {
    this.#claiming.begin();
  }

  /**
   * Stops: begins no attempt, lets those under way finish within `grace` ms,
   * then breaks them off; what was not delivered waits in the queue as before.
   */
  async stop(grace: number): Promise<void> {
    this.#stopping = true;
    this.#claiming.end();
    this.#lanes.cancelRests();
    for (const lane of this.#lanes.all()) {
      for (const job of lane.drain()) this.#jobOver(job);
    }
    const cancel = this.#options.clock.after(grace, () => this.#sessions.breakOff());
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    cancel();
    await this.#sessions.close();
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    work.finally(() => this.#underWay.delete(work));
  }

  // Placing

  #dispatch(claim: Claim): void {
    const { clock, settings } = this.#options;
    const { work, jobs } = jobsOf(claim, clock.now(), settings);
    this.#claiming.add(work);
    if (jobs.length === 0 || this.#stopping) return this.#workOver(work);
    for (const job of jobs) this.#place(job);
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
    while (!this.#stopping) {
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
    const { clock, settings } = this.#options;
    const { message } = work.claim;
    if (hasNews(message, clock.now(), settings.retry)) this.#track(this.#notify(work));
    else this.#doneWith(work);
  }

  #doneWith(work: Work): void {
    const { message } = work.claim;
    if (!work.retryLater) reportFinished(message, this.#options.clock.now(), this.#options);
    this.#giveBack(work);
    this.#claiming.delete(work);
  }

  async #notify(work: Work): Promise<void> {
    const { message } = work.claim;
    const { settings, clock } = this.#options;
    try {
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
    const now = this.#options.clock.now();
    const { retry } = this.#options.settings;
    if (work.retryLater) return claim.release(now + retry.first);
    if (parkAt === undefined || this.#stopping) return claim.release();
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
        if (this.#stopping) return true;
        if (!lane.narrow()) {
          this.#letRest(lane, result.destination.error);
          return true;
        }
        lane.add(job);
        return false;
      default:
        return result.destination satisfies never;
    }
  }

  /** The destination answers: what waits because it did not goes now. */
  #recovered(lane: Lane<Job>, job: Job): void {
    lane.succeeded();
    this.#lanes.cancelRest(lane);
    if (!lane.recover(waitedForHost(job))) return;
    const { queue, settings } = this.#options;
    queue.wake(settings.smarthost === undefined ? lane.destination : undefined);
  }

  /** Tries what waits for a domain's hosts now, and not when their rest is over; gives how many messages that are. */
  wake(domain: string): number {
    const lane = this.#lanes.get(domain);
    if (lane !== undefined) this.#endRest(lane);
    return this.#options.queue.wake(domain);
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
    if (this.#stopping) return;
    this.#turns.add(lane);
    this.#run();
    if (lane.takesParked) this.#track(this.#fill(lane));
    else this.#lanes.forgetIdle(lane);
  }

  /** Claims messages that are parked at a lane, as far as it has room. */
  async #fill(lane: Lane<Job>): Promise<void> {
    try {
      await this.#lanes.fill(lane, () => !this.#stopping, async (id) => {
        const claim = await this.#options.queue.claimById(id);
        if (claim) this.#dispatch(claim);
      });
    } catch (error) {
      logger.error("cannot claim a parked message", { error });
    }
    this.#lanes.forgetIdle(lane);
  }
}
