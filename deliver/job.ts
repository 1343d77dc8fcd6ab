/**
 * Work on one claimed message, cut into jobs: a job is some of its recipients
 * that share a destination and fit into one transaction.
 *
 * @module
 */
import type { DeliverySettings } from "../config/config.ts";
import { type Claim, isHostFailure, type Recipient } from "../queue/queue.ts";
import { releaseOf } from "../queue/state.ts";
import { type HeldDomains, isHeldFor } from "./held.ts";
import { destinationOf } from "./destination.ts";

/** A claimed message while its jobs are under way. */
export interface Work {
  readonly claim: Claim;
  /** What it was cut into; in the place of a job may be what is left of it. */
  readonly jobs: Job[];
  /** Jobs that are not over. */
  openJobs: number;
  /** The destination at whose lane the message waits until there is room. */
  parkAt?: string;
  /** The queue wants it back: what has not begun is dropped. */
  recalled: boolean;
  /** Something could not be recorded: the message rests, lest it be delivered again and again. */
  retryLater: boolean;
}

/** Some recipients of a message, for one transaction. */
export interface Job {
  readonly work: Work;
  readonly destination: string;
  /** The recipients' positions in the message's list. */
  readonly recipients: readonly number[];
}

/** A job's rank among those for its destination: the priority of its message (RFC 6710). */
export function rankOf({ work }: Job): number {
  return work.claim.message.envelope.priority ?? 0;
}

/** Whether the job is all that its message had to be done now. */
export function isAlone(job: Job): boolean {
  return job.work.jobs.length === 1;
}

/** Whether the job was tried before and the host was what failed. */
export function waitedForHost(job: Job): boolean {
  const { recipients } = job.work.claim.message;
  return job.recipients.some((index) => isHostFailure(recipients[index]!.lastError));
}

/** What of a job may still go: undefined when its message was recalled, or all of its recipients' domains are held. */
export function whatMayGo(job: Job, held: HeldDomains): Job | undefined {
  if (job.work.recalled) return undefined;
  if (held.size === 0) return job;
  const { work, recipients } = job;
  const addresses = work.claim.message.recipients;
  const free = recipients.filter((index) => !isHeldFor(addresses[index]!.address, held));
  if (free.length === recipients.length) return job;
  if (free.length === 0) return undefined;
  const rest = { ...job, recipients: free };
  work.jobs[work.jobs.indexOf(job)] = rest;
  return rest;
}

/** The work on the recipients of a claimed message that are due by `now`, ms since 1970, and whose domains are not held. */
export function workOn(
  claim: Claim,
  now: number,
  settings: Pick<DeliverySettings, "smarthost" | "recipientsPerTransaction">,
  held: HeldDomains,
): Work {
  const jobs: Job[] = [];
  const work: Work = { claim, jobs, openJobs: 0, recalled: false, retryLater: false };
  for (const [destination, recipients] of byDestination(claim, now, settings, held)) {
    for (let at = 0; at < recipients.length; at += settings.recipientsPerTransaction) {
      const some = recipients.slice(at, at + settings.recipientsPerTransaction);
      jobs.push({ work, destination, recipients: some });
    }
  }
  work.openJobs = jobs.length;
  return work;
}

function byDestination(
  claim: Claim,
  now: number,
  settings: Pick<DeliverySettings, "smarthost">,
  held: HeldDomains,
): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  // No news is a reason to deliver before the time that the sender chose (RFC 4865).
  const early = claim.early && now >= releaseOf(claim.message);
  claim.message.recipients.forEach((recipient, index) => {
    if (!isDue(recipient, now, early) || isHeldFor(recipient.address, held)) return;
    const destination = destinationOf(recipient.address, settings, claim.message.nextHop);
    const group = groups.get(destination);
    if (group) group.push(index);
    else groups.set(destination, [index]);
  });
  return groups;
}

/** A message claimed early was woken because its destination answers: that is news for those who waited for the host. */
function isDue(
  { status, nextAttempt, lastError }: Recipient,
  now: number,
  early: boolean,
): boolean {
  if (status !== "waiting") return false;
  return nextAttempt <= now || (early && (lastError === undefined || isHostFailure(lastError)));
}
