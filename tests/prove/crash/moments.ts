/**
 * When the server is killed: at random, but so that every part of its life gets
 * its share, and its short ones more than that.
 *
 * @module
 */
import { pause } from "../pause.ts";
import type { SeededRandom } from "../seeded_random.ts";
import type { ServerRun } from "./server_run.ts";

/**
 * A moment, in ms.
 * - `start`: after the process was started
 * - `replay`: after it took the lock of the spool
 * - `work`: after it began to listen
 * - `stop`: after it began to listen it is asked to stop, and killed a little later
 */
export type Moment =
  | { readonly kind: "start" | "replay" | "work"; readonly after: number }
  | { readonly kind: "stop"; readonly after: number; readonly leave: number };

/** How long a start takes, roughly, ms: the server's runtime alone needs most of it. */
const START = 400;
/** Within this, ms, most of a replay falls. */
const REPLAY = 60;
/** How long it is left to work on average, ms; long enough for notes that wait a second to be written. */
const WORK = 1000;
/** The longest that it is left to work, ms. */
const LONGEST_WORK = 6000;
/** One life of so many is a long one: what was done seconds ago has to be on disk by then. */
const LONG_LIFE_EVERY = 10;
/** The least that it is left to work in a long life, ms. */
const LONG_WORK = 4500;
/** Within this, ms, most of a stop falls. */
const STOP = 80;

/** Chooses a moment; `life` counts the runs of the server from 1. */
export function chooseMoment(random: SeededRandom, life: number): Moment {
  if (life % LONG_LIFE_EVERY === 0) {
    return { kind: "work", after: random.between(LONG_WORK, LONGEST_WORK) };
  }
  const share = random.next();
  if (share < 0.15) return { kind: "start", after: random.between(0, START) };
  if (share < 0.4) return { kind: "replay", after: random.between(0, REPLAY) };
  const after = Math.min(-Math.log(1 - random.next()) * WORK, LONGEST_WORK);
  if (share < 0.5) return { kind: "stop", after, leave: random.between(0, STOP) };
  return { kind: "work", after };
}

/** Waits for a moment in the life of a run. */
export async function waitFor(moment: Moment, run: ServerRun): Promise<void> {
  switch (moment.kind) {
    case "start":
      break;
    case "replay":
      await run.locked();
      break;
    case "work":
      await run.listening();
      break;
    case "stop":
      await run.listening();
      await pause(moment.after);
      run.askToStop();
      return await pause(moment.leave);
    default:
      moment satisfies never;
  }
  await pause(moment.after);
}
