/**
 * Makes a dialogue that goes wrong as small as it can be and still goes wrong.
 *
 * @module
 */
import { concat } from "../../../base/bytes.ts";
import type { Attempt } from "./make_script.ts";
import type { Cut } from "./script.ts";
import type { SessionMaker } from "./session_run.ts";
import { tryAttempt } from "./try_attempt.ts";

/** How often a smaller one is tried, for each stretch. */
const MOST_TRIES = 3000;

/** The simplest ways to say it, best first. */
const SIMPLE: readonly (readonly [Cut, Cut])[] = [
  [{ kind: "whole" }, { kind: "whole" }],
  [{ kind: "singly" }, { kind: "whole" }],
];

/** A dialogue that goes wrong, and how. */
export interface Minimised {
  readonly attempt: Attempt;
  readonly fault: string;
}

/** Makes it smaller; its cuts become simple ones, where it goes wrong with those too. */
export async function minimised(make: SessionMaker, attempt: Attempt): Promise<Minimised> {
  const faultOf = async (attempt: Attempt) => (await tryAttempt(make, attempt, true)).fault;
  let best = await simplestCut(attempt, faultOf);
  for (let i = 0; i < attempt.script.stretches.length; i++) best = await smaller(best, i, faultOf);
  return best;
}

type FaultOf = (attempt: Attempt) => Promise<string | undefined>;

async function simplestCut(attempt: Attempt, faultOf: FaultOf): Promise<Minimised> {
  for (const cuts of [...SIMPLE, attempt.cuts]) {
    const simpler = { ...attempt, cuts };
    const fault = await faultOf(simpler);
    if (fault !== undefined) return { attempt: simpler, fault };
  }
  return { attempt, fault: "it went wrong only once" };
}

/** Leaves out of one stretch whatever can be: halves, quarters, … single octets. */
async function smaller(given: Minimised, which: number, faultOf: FaultOf): Promise<Minimised> {
  let best = given;
  let tries = 0;
  const length = () => best.attempt.script.stretches[which]!.length;
  for (let size = length(); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < length() && tries < MOST_TRIES; tries++) {
      const attempt = without(best.attempt, which, at, size);
      const fault = await faultOf(attempt);
      if (fault === undefined) at += size;
      else best = { attempt, fault };
    }
  }
  return best;
}

function without(attempt: Attempt, which: number, at: number, size: number): Attempt {
  const { script } = attempt;
  const stretches = script.stretches.map((stretch, i) =>
    i === which ? concat([stretch.subarray(0, at), stretch.subarray(at + size)]) : stretch
  );
  return { ...attempt, script: { ...script, stretches } };
}
