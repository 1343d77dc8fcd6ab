/**
 * `deno run -A tests/prove/steps.ts [--seed N] [--kills N]`: proves that a server
 * killed before any of its file operations loses nothing that it acknowledged,
 * and that this proof finds servers that do. `--kills 0`, the default, takes every
 * step, another number as many. Needs a C compiler. Exit status 0 when both held,
 * 1 when one did not; what the spools hold is kept then.
 *
 * @module
 */
import { tool } from "../helpers/tools.ts";
import { numberFlags } from "./flags.ts";
import { runProof } from "./run_proof.ts";
import { COURSES } from "./steps/courses.ts";
import { FAULTS } from "./steps/faults.ts";
import { findFault, held, makeBench, proveSteps } from "./steps/proof.ts";
import { report } from "./steps/report.ts";
import type { Bench } from "./steps/trial.ts";
import { compareWithStrace } from "./steps/witness.ts";

const flags = numberFlags(Deno.args, { seed: 1, kills: 0 });

await runProof("steps", async (directory) => {
  const cc = tool("cc");
  if (cc === undefined) {
    throw new Error("this proof needs a C compiler, cc, which is not installed");
  }
  const began = Date.now();
  const bench = await makeBench(cc, directory);
  const results = await proveSteps(bench, { ...flags, progress: console.log });
  console.log(report(results));
  console.log(`seed ${flags.seed}, ${Math.round((Date.now() - began) / 1000)} s`);
  const witnessed = await isWitnessed(bench);
  let sound = held(results) && witnessed;
  for (const fault of FAULTS) {
    const found = await findFault(bench, fault);
    console.log(`planted: a server that ${fault.name}: ${found ? `caught, ${found}` : "MISSED"}`);
    sound &&= found !== undefined;
  }
  return sound;
});

/** Whether strace sees the same steps; without strace nobody says. */
async function isWitnessed(bench: Bench): Promise<boolean> {
  const strace = tool("strace");
  if (strace === undefined) {
    console.log("strace is not installed: nothing shows that every file operation was seen");
    return true;
  }
  const courses = COURSES.filter(({ long }) => !long);
  const differences: string[] = [];
  for (const course of courses) {
    differences.push(...await compareWithStrace(bench, course, strace));
  }
  console.log(`seen otherwise by strace, in ${courses.length} courses: ${differences.length}`);
  for (const difference of differences) console.log(`  ${difference}`);
  return differences.length === 0;
}
