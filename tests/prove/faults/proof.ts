/**
 * The faults proof: trial after trial, each on a spool of its own.
 *
 * @module
 */
import { tool } from "../../helpers/tools.ts";
import { makeSetting } from "../rig/setting.ts";
import { SeededRandom } from "../seeded_random.ts";
import { descriptorTrial } from "./descriptor_trial.ts";
import { comebackTrials, passingTrials, recordTrials, steadyTrials } from "./disk_trials.ts";
import { FailingFiles } from "./failing_files.ts";
import { type Bench, Site } from "./site.ts";
import { mayMount, SPACE_TRIAL } from "./space_trial.ts";
import type { Trial, TrialFigures } from "./trial.ts";

/** What came of a trial. */
export interface TrialResult extends Partial<TrialFigures> {
  /** What failed in it, in words. */
  readonly name: string;
  /** Messages that were acknowledged. */
  readonly acknowledged: number;
  /** What the server did wrong, in words. */
  readonly complaints: readonly string[];
}

/** What of the proof cannot be had on this machine, in words; nothing usually. */
export function missing(): string[] {
  const lacks: string[] = [];
  if (Deno.build.os !== "linux") lacks.push("Linux");
  if (tool("cc") === undefined) lacks.push("a C compiler, cc");
  if (tool("prlimit") === undefined) lacks.push("prlimit");
  if (!mayMount()) lacks.push("the right to mount file systems: run it as root");
  return lacks;
}

/** Every trial: the steady ones once, those with faults that pass in so many rounds. @throws {Error} where something is missing. */
export async function allTrials(
  directory: string,
  options: { readonly seed: number; readonly rounds: number },
): Promise<Trial[]> {
  const files = await FailingFiles.build(tool("cc")!, directory);
  const random = new SeededRandom(options.seed);
  const rounds = Array.from({ length: options.rounds }, () => passingTrials(files, random));
  return [
    SPACE_TRIAL,
    descriptorTrial(tool("prlimit")!),
    ...steadyTrials(files),
    ...comebackTrials(files),
    ...recordTrials(files),
    ...rounds.flat(),
  ];
}

/** Makes the bench for trials of a program. */
export async function makeBench(main: string, directory: string): Promise<Bench> {
  return { main, setting: await makeSetting(directory) };
}

/** Carries out a trial in a directory of its own, which stays when something was wrong. */
export async function carryOut(
  trial: Trial,
  bench: Bench,
  directory: string,
): Promise<TrialResult> {
  const own = await Deno.makeTempDir({ dir: directory, prefix: "trial-" });
  await using site = new Site(bench, own);
  const figures = await trial.run(site).catch((error) => {
    site.complaints.push(`the trial ended with ${error}`);
    return {};
  });
  const { complaints, acknowledged } = site;
  if (complaints.length === 0) await Deno.remove(own, { recursive: true });
  return { name: trial.name, acknowledged, complaints, ...figures };
}
