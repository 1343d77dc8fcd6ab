/**
 * Whether the library that kills sees every step: a course is run under strace as
 * well, and what the two saw is compared. A runtime that went round libc, or used
 * a call that the library does not know, would show here.
 *
 * @module
 */
import { type Call, readTrace, straceCommand } from "../order/strace.ts";
import type { Course } from "./courses.ts";
import { type Bench, makeTrial, wrongs } from "./trial.ts";

/** What the library calls a step, by the system call that makes it. Opening counts where it makes or empties. */
const OPERATIONS: ReadonlyMap<string, string> = new Map([
  ["open", "create"],
  ["openat", "create"],
  ["creat", "create"],
  ["mkdir", "mkdir"],
  ["mkdirat", "mkdir"],
  ["ftruncate", "truncate"],
  ["pwrite64", "write"],
  ["writev", "write"],
  ["renameat", "rename"],
  ["renameat2", "rename"],
  ["unlinkat", "unlink"],
]);
const OPENING = new Set(["open", "openat"]);

/** Runs a course under strace; gives what was seen otherwise there, and what went wrong, in words. */
export async function compareWithStrace(
  bench: Bench,
  course: Course,
  strace: string,
): Promise<string[]> {
  const output = await Deno.makeTempFile({ dir: bench.directory, prefix: "trace-" });
  const trial = await makeTrial({ ...bench, under: straceCommand(strace, output) }, course);
  const counts = new Map<string, number>();
  const count = (step: string, by: number) => counts.set(step, (counts.get(step) ?? 0) + by);
  for (const { operation, path } of trial.steps) count(`${operation} ${path}`, 1);
  for await (const { kind, call } of readTrace(output)) {
    const step = kind === "begin" ? stepOf(call) : undefined;
    if (step !== undefined) count(step, -1);
  }
  await Deno.remove(output);
  const unequal = [...counts].filter(([, balance]) => balance !== 0);
  const words = unequal.map(([step, balance]) =>
    `${step}: ${Math.abs(balance)} seen only by ${balance > 0 ? "the library" : "strace"}`
  );
  return [...words, ...wrongs(trial)];
}

/** A call as the library would log it; undefined where it is none on the spool, or changes nothing. */
function stepOf(call: Call): string | undefined {
  const { name, target, plain } = call;
  if (OPENING.has(name) && !/O_CREAT|O_TRUNC/.test(plain)) return undefined;
  const path = target === "" ? call.text() : target;
  const inside = /\/spool(?:\/(.*))?$/.exec(path);
  return inside === null ? undefined : `${OPERATIONS.get(name) ?? name} ${inside[1] ?? "."}`;
}
