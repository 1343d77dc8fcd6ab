/**
 * `deno run -A tests/prove/peers.ts [--seed N] [--cases N]`: proves that no next
 * hop, however it behaves, makes the server lose or repeat mail, wait for ever,
 * hold up other mail or keep a connection; and that this proof finds servers
 * that do. The seed sets the order; `--cases 0`, the default, takes every case,
 * another number as many. Needs Linux. Exit status 0 when it held, 1 when it did
 * not.
 *
 * @module
 */
import { numberFlags } from "./flags.ts";
import { CASES } from "./peers/cases.ts";
import { FAULTS, finds } from "./peers/faults.ts";
import { faultsOf, provePeers } from "./peers/proof.ts";
import { report } from "./peers/report.ts";
import { runProof } from "./run_proof.ts";
import { PROGRAM } from "./running_server.ts";
import { SeededRandom } from "./seeded_random.ts";

const { seed, cases: count } = numberFlags(Deno.args, { seed: 1, cases: 0 });

await runProof("peers", async (directory) => {
  const began = Date.now();
  const chosen = new Set(new SeededRandom(seed).shuffled(CASES).slice(0, count || CASES.length));
  const cases = CASES.filter((one) => chosen.has(one));
  const results = await provePeers({ program: PROGRAM, seed, directory, cases });
  const faults = faultsOf(results);
  console.log(report(results));
  console.log(
    `seed ${seed}, ${results.length} of ${cases.length} cases carried out, ` +
      `${Math.round((Date.now() - began) / 1000)} s`,
  );
  for (const fault of faults) console.log(`wrong: ${fault}`);
  let sound = faults.length === 0 && results.length === cases.length;
  for (const [i, fault] of FAULTS.entries()) {
    const found = await finds(fault, { seed, directory: `${directory}/${i}` });
    console.log(`planted: a server that ${fault.name}: ${found ? `caught, ${found}` : "MISSED"}`);
    sound &&= found !== undefined;
  }
  return sound;
});
