/**
 * `deno run -A tests/prove/faults.ts [--seed N] [--rounds N]`: proves that no mail
 * is acknowledged that a failing disk, a full one or a lack of file descriptors
 * costs, that clients are told the truth, and that service resumes by itself; and
 * that this proof finds servers of which that is not true. Needs Linux, root, a C
 * compiler and prlimit. Exit status 0 when it held, 1 when it did not.
 *
 * @module
 */
import { FAULTS, finds } from "./faults/faults.ts";
import { allTrials, carryOut, makeBench, missing } from "./faults/proof.ts";
import { summary, trialLines } from "./faults/report.ts";
import { numberFlags } from "./flags.ts";
import { runProof } from "./run_proof.ts";

const flags = numberFlags(Deno.args, { seed: 1, rounds: 5 });
const main = new URL("../../main.ts", import.meta.url).href;

await runProof("faults", async (directory) => {
  const lacks = missing();
  if (lacks.length > 0) throw new Error(`this proof needs ${lacks.join(", and ")}`);
  const began = Date.now();
  const bench = await makeBench(main, directory);
  const results = [];
  for (const trial of await allTrials(directory, flags)) {
    const result = await carryOut(trial, bench, directory);
    console.log(trialLines(result));
    results.push(result);
  }
  console.log(summary(results, { seed: flags.seed, took: Date.now() - began }));
  let sound = results.every(({ complaints }) => complaints.length === 0);
  const oneRound = await allTrials(directory, { ...flags, rounds: 1 });
  for (const fault of FAULTS) {
    const found = await finds(fault, oneRound, directory);
    console.log(`planted: a server that ${fault.name}: ${found ? `caught, ${found}` : "MISSED"}`);
    sound &&= found !== undefined;
  }
  return sound;
});
