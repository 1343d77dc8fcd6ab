/**
 * `deno run -A tests/prove/input.ts [--seed N] [--dialogues N] [--sockets N]`:
 * proves that no input makes the server crash, hang, grow or take another
 * message than was sent; and that this proof finds servers of which that is not
 * true. Exit status 0 when both held, 1 when one did not.
 *
 * @module
 */
import { numberFlags } from "./flags.ts";
import { finds, findsOverSockets, SERVER_FAULTS, SESSION_FAULTS } from "./input/faults.ts";
import { faultsOf, proveInput, report } from "./input/proof.ts";
import type { Fault } from "./planted.ts";
import { runProof } from "./run_proof.ts";
import { PROGRAM } from "./running_server.ts";

const flags = numberFlags(Deno.args, { seed: 1, dialogues: 1_000_000, sockets: 5000 });
/** In how many ways each attack is cut over sockets. */
const CUTS = 10;
/** How many damaged dialogues a copy with a fault gets, without sockets and over them. */
const DIALOGUES_FOR_COPIES = 10_000;
const SOCKETS_FOR_COPIES = 300;

await runProof("input", async (directory) => {
  const options = { ...flags, program: PROGRAM, cuts: CUTS, directory, progress: console.log };
  const findings = await proveInput(options);
  console.log(report(options, findings));
  let sound = faultsOf(findings).length === 0;
  const catches = async (fault: Fault, search: typeof finds, count: number) => {
    const place = await Deno.makeTempDir({ dir: directory });
    const found = await search(fault, { seed: flags.seed, count, directory: place });
    console.log(`planted: a server that ${fault.name}: ${found ? "caught" : "MISSED"}`);
    sound &&= found;
  };
  for (const fault of SERVER_FAULTS) await catches(fault, findsOverSockets, SOCKETS_FOR_COPIES);
  for (const fault of SESSION_FAULTS) await catches(fault, finds, DIALOGUES_FOR_COPIES);
  return sound;
});
