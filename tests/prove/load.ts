/**
 * `deno run -A tests/prove/load.ts [--connections N] [--messages N] [--junk N]`:
 * proves that clients who are idle, slow or deaf are ended in time, cost little
 * and do not slow down one that behaves; and that this proof finds servers of
 * which that is not true. Exit status 0 when both held, 1 when one did not.
 *
 * @module
 */
import { numberFlags } from "./flags.ts";
import { expectationsFor } from "./load/crowd.ts";
import { FAULTS, finds } from "./load/faults.ts";
import { descriptorLimit } from "./load/process_figures.ts";
import { proveLoad } from "./load/proof.ts";
import { faultsOf, report } from "./load/verdict.ts";
import { runProof } from "./run_proof.ts";
import { PROGRAM } from "./running_server.ts";

const flags = numberFlags(Deno.args, { connections: 5000, messages: 2000, junk: 10_000 });

/** Times of the full run, ms. The crowd has to have come, and the good client been measured, before the first deadline. */
const PATIENCE = { deadline: 40_000, slowness: 10_000 };

/** What copies with a fault are run with. */
const SMALL = { connections: 300, messages: 200, junk: 100, deadline: 4000, slowness: 1000 };

/** Descriptors that a process needs besides those of the connections. */
const OTHERS = 200;

const needed = flags.connections + OTHERS;
const available = await descriptorLimit();
if (available < needed) {
  console.error(`${needed} open files are needed, ${available} are allowed: raise "ulimit -n"`);
  Deno.exit(2);
}

await runProof("load", async (directory) => {
  const expectations = expectationsFor(PATIENCE, false);
  const sizes = { ...flags, ...PATIENCE, expectations };
  const options = { ...sizes, program: PROGRAM, directory, progress: console.log };
  const findings = await proveLoad(options);
  console.log(report(options, findings));
  let sound = faultsOf(options, findings).length === 0;
  for (const [i, fault] of FAULTS.entries()) {
    const place = `${directory}/${i}`;
    const found = await finds(fault, {
      ...SMALL,
      expectations: expectationsFor(SMALL, true),
      directory: place,
    });
    console.log(`planted: a server that ${fault.name}: ${found ? "caught" : "MISSED"}`);
    sound &&= found;
  }
  return sound;
});
