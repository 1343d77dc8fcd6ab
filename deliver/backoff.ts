/**
 * When a deferred recipient, or a destination that does not answer, is tried
 * again. Pure: the same arguments give the same wait.
 *
 * @module
 */
import type { RetrySchedule } from "../config/config.ts";

/**
 * The wait before the next attempt, in ms.
 *
 * @param attempts how many attempts have failed, at least 1
 * @param random a number in [0, 1) for the jitter, so that messages deferred together do not return together
 */
export function backoff(attempts: number, schedule: RetrySchedule, random: number): number {
  const wait = Math.min(schedule.first * schedule.factor ** (attempts - 1), schedule.longest);
  return Math.round(wait * (1 + schedule.jitter * (2 * random - 1)));
}

/** How many first waits a destination rests at the most: mail that is new must not wait for hours unseen. */
const LONGEST_REST = 4;

/** How long a destination rests after `failures` failed probes in a row, in ms. */
export function rest(failures: number, schedule: RetrySchedule, random: number): number {
  const longest = Math.min(schedule.longest, LONGEST_REST * schedule.first);
  return backoff(failures, { ...schedule, longest }, random);
}
