/**
 * `deno run -A tests/prove/input.ts [--seed N] [--dialogues N] [--sockets N]`:
 * proves that no input makes the server crash, hang, grow or take another
 * message than was sent; and that this proof finds servers of which that is not
 * true. Exit status 0 when both held, 1 when one did not.
 *
 * @module
 */
import { numberFlags } from "./flags.ts";
import { FAULTS, finds } from "./input/faults.ts";
import { faultsOf, proveInput, report } from "./input/proof.ts";
import { runProof } from "./run_proof.ts";
import { PROGRAM } from "./running_server.ts";

const flags = numberFlags(Deno.args, { seed: 1, dialogues: 1_000_000, sockets: 5000 });
/** In how many ways each attack is cut over sockets. */
const CUTS = 10;
/** How many damaged dialogues a copy with a fault gets. */
const DIALOGUES_FOR_COPIES = 10_000;

await runProof("input", async (directory) => {
  const options = { ...flags, program: PROGRAM, cuts: CUTS, directory, progress: console.log };
  const findings = await proveInput(options);
  console.log(report(options, findings));
  let sound = faultsOf(findings).length === 0;
  for (const [i, fault] of FAULTS.entries()) {
    const found = await finds(fault, {
      seed: flags.seed,
      count: DIALOGUES_FOR_COPIES,
      directory: `${directory}/${i}`,
    });
    console.log(`planted: a server that ${fault.name}: ${found ? "caught" : "MISSED"}`);
    sound &&= found;
  }
  return sound;
});
