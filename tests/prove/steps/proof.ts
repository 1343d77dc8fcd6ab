/**
 * The steps proof: every course is run again and again, with the server killed
 * before its first step, its second, and so on until a run comes to its end; at
 * writes once more with half of the octets written. What goes wrong is counted,
 * not thrown.
 *
 * @module
 */
import { plant } from "../planted.ts";
import { MAIN } from "../rig/server_process.ts";
import { makeSetting } from "../rig/setting.ts";
import { SeededRandom } from "../seeded_random.ts";
import type { DuplicateReason } from "./books.ts";
import { type Course, COURSES } from "./courses.ts";
import type { StepsFault } from "./faults.ts";
import { Interposer, type Kill, stepText } from "./interpose.ts";
import { type Bench, makeTrial, type Trial, wrongs } from "./trial.ts";

/** How the proof is made. */
export interface StepsOptions {
  /** Chooses the steps where not all are taken. */
  readonly seed: number;
  /** How many steps are taken; 0 for every one. */
  readonly kills: number;
  /** Told how it gets on. */
  readonly progress?: (text: string) => void;
}

/** What came of one course, over all of its trials. */
export interface CourseResult {
  /** Its name. */
  readonly course: string;
  /** How often the server was killed before each step, and in the middle of it. */
  readonly kills: Map<string, { before: number; within: number }>;
  /** Trials in which the server was not killed. */
  whole: number;
  /** Messages acknowledged. */
  acknowledged: number;
  /** Of these: found. */
  found: number;
  /** Messages delivered though no client heard that they were accepted. */
  unacknowledged: number;
  /** Deliveries beyond the first that a kill explains. */
  readonly duplicates: Map<DuplicateReason, number>;
  /** What was lost, in words. */
  readonly lost: string[];
  /** What was changed, in words. */
  readonly corrupt: string[];
  /** Whatever else was wrong, in words. */
  readonly faults: string[];
}

/** More steps than any course has. */
const MOST_STEPS = 300;

/** Makes what trials need in a directory, with the C compiler `cc`. @throws {Error} when the library that kills cannot be built. */
export async function makeBench(cc: string, directory: string): Promise<Bench> {
  const interposer = await Interposer.build(cc, directory);
  return { main: MAIN, interposer, setting: await makeSetting(directory), directory };
}

/** Carries out the proof. */
export async function proveSteps(bench: Bench, options: StepsOptions): Promise<CourseResult[]> {
  return options.kills === 0 ? await everyStep(bench, options) : await someSteps(bench, options);
}

/** Whether nothing was wrong. */
export function held(results: readonly CourseResult[]): boolean {
  return results.every(({ lost, corrupt, faults }) =>
    lost.length + corrupt.length + faults.length === 0
  );
}

/** How often the server was killed in a course. */
export function killCount({ kills }: CourseResult): number {
  return [...kills.values()].reduce((sum, { before, within }) => sum + before + within, 0);
}

/**
 * Runs a fault's course on a copy with the fault, killed at step after step, until
 * something is wrong; gives that in words, undefined when nothing ever is.
 */
export async function findFault(bench: Bench, fault: StepsFault): Promise<string | undefined> {
  const main = await plant(fault, await Deno.makeTempDir({ dir: bench.directory }));
  const course = COURSES.find(({ name }) => name === fault.course)!;
  for (let at = 1; at <= MOST_STEPS; at++) {
    const trial = await makeTrial({ ...bench, main }, course, { at, torn: false });
    const wrong = wrongs(trial)[0];
    if (wrong !== undefined) return `killed at step ${at}: ${wrong}`;
    if (!trial.killed) return undefined;
  }
}

async function everyStep(bench: Bench, { progress }: StepsOptions): Promise<CourseResult[]> {
  const results: CourseResult[] = [];
  for (const course of COURSES) {
    const result = newResult(course);
    for (let at = 1; result.whole === 0 && at <= MOST_STEPS; at++) {
      const { killed, steps } = await account(bench, course, result, { at, torn: false });
      const isWrite = killed && steps[at - 1]!.operation === "write";
      if (isWrite) await account(bench, course, result, { at, torn: true });
    }
    if (result.whole === 0) result.faults.push(`no end after ${MOST_STEPS} steps`);
    results.push(result);
    progress?.(`${course.name}: ${killCount(result)} kills`);
  }
  return results;
}

/** Takes courses by turns; how many steps a course has is seen in a run to its end. */
async function someSteps(bench: Bench, options: StepsOptions): Promise<CourseResult[]> {
  const random = new SeededRandom(options.seed);
  const courses = random.shuffled(COURSES.filter(({ long }) => !long)).slice(0, options.kills);
  const results = courses.map(newResult);
  const lengths: number[] = [];
  for (let i = 0; i < options.kills; i++) {
    const turn = i % courses.length;
    const [course, result] = [courses[turn]!, results[turn]!];
    lengths[turn] ??= (await account(bench, course, result)).steps.length;
    const kill = { at: 1 + random.below(lengths[turn]!), torn: random.chance(0.5) };
    await account(bench, course, result, kill);
  }
  return results;
}

/** Makes a trial, and adds it to a result. */
async function account(
  bench: Bench,
  course: Course,
  result: CourseResult,
  kill?: Kill,
): Promise<Trial> {
  const trial = await makeTrial(bench, course, kill);
  const step = trial.killed ? trial.steps[kill!.at - 1]! : undefined;
  if (step === undefined) result.whole++;
  else countKill(result, stepText(step), kill!.torn && step.operation === "write");
  result.acknowledged += trial.acknowledged;
  result.found += trial.found;
  result.unacknowledged += trial.unacknowledged;
  for (const [reason, count] of trial.duplicates) {
    result.duplicates.set(reason, (result.duplicates.get(reason) ?? 0) + count);
  }
  const when = step === undefined ? "not killed" : `killed at step ${kill!.at}, ${stepText(step)}`;
  const tell = (what: string) => `${when}: ${what}`;
  result.lost.push(...trial.lost.map(tell));
  result.corrupt.push(...trial.corrupt.map(tell));
  result.faults.push(...[...trial.unexplained, ...trial.faults].map(tell));
  return trial;
}

function newResult({ name }: Course): CourseResult {
  return {
    course: name,
    kills: new Map(),
    whole: 0,
    acknowledged: 0,
    found: 0,
    unacknowledged: 0,
    duplicates: new Map(),
    lost: [],
    corrupt: [],
    faults: [],
  };
}

function countKill({ kills }: CourseResult, step: string, within: boolean): void {
  const counts = kills.get(step) ?? { before: 0, within: 0 };
  kills.set(step, counts);
  if (within) counts.within++;
  else counts.before++;
}
