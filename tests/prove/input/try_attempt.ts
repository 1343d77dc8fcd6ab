/**
 * Tries one dialogue on a session, in one way or in two, and says what is wrong
 * with what came of it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { faultIn } from "./judge.ts";
import type { Attempt } from "./make_script.ts";
import { type Observed, runOnSession, type SessionMaker } from "./session_run.ts";

/** What came of a dialogue; `fault` in words where something is wrong. */
export interface Outcome {
  readonly fault?: string;
  /** Messages that were taken. */
  readonly messages: number;
  /** The longest step, ms. */
  readonly slowest: number;
}

/** A step that takes longer is a hang, ms; any honest one takes less than a thousandth of it. */
const LONGEST_STEP = 1000;

/** What a sender is called whose messages cannot be written: whether that is found out depends on how far it comes. */
const FAILING = Buffer.from("nowrite");

/** Tries a dialogue; `twice`: also cut otherwise and with a handler that answers otherwise, to the same end. */
export async function tryAttempt(
  make: SessionMaker,
  attempt: Attempt,
  twice: boolean,
): Promise<Outcome> {
  try {
    const { script, cuts, asynchronous } = attempt;
    const observed = await runOnSession(make, script, cuts[0], asynchronous);
    const comparable = !script.stretches.some((stretch) => Buffer.from(stretch).includes(FAILING));
    const again = twice && comparable
      ? await runOnSession(make, script, cuts[1], !asynchronous)
      : observed;
    const slowest = Math.max(observed.slowest, again.slowest);
    const late = slowest > LONGEST_STEP ? `a step took ${Math.round(slowest)} ms` : undefined;
    const fault = faultIn(script, observed) ?? differenceOf(observed, again) ?? late;
    return { fault, messages: observed.messages.length, slowest };
  } catch (error) {
    return { fault: `it threw: ${error}`, messages: 0, slowest: 0 };
  }
}

function differenceOf(one: Observed, other: Observed): string | undefined {
  const same = one.said === other.said && one.ending === other.ending &&
    one.messages.length === other.messages.length;
  return same ? undefined : "cut in another way it is answered otherwise";
}
