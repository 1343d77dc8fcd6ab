/**
 * `deno run -A tests/prove/crash.ts [--seed N] [--kills N] [--senders N]`: proves
 * that a killed server loses nothing that it acknowledged, and that this proof
 * finds servers that do. Exit status 0 when both held, 1 when one did not; what
 * the spool holds is kept then.
 *
 * @module
 */
import { FAULTS, finds } from "./crash/faults.ts";
import { held, proveCrash } from "./crash/proof.ts";
import { report } from "./crash/report.ts";
import { numberFlags } from "./flags.ts";
import { runProof } from "./run_proof.ts";

const flags = numberFlags(Deno.args, { seed: 1, kills: 300, senders: 32 });
/** How often a copy with a fault is killed: a life that is long is among them, and another after it. */
const KILLS_OF_COPIES = 12;

const main = new URL("../../main.ts", import.meta.url).href;

await runProof("crash", async (directory) => {
  const options = { ...flags, main, directory, progress: console.log };
  const result = await proveCrash(options);
  console.log(report(options, result));
  let sound = held(result);
  for (const [i, fault] of FAULTS.entries()) {
    const place = { kills: KILLS_OF_COPIES, directory: `${directory}/${i}` };
    const found = await finds(fault, { ...flags, ...place });
    console.log(`planted: a server that ${fault.name}: ${found ? "caught" : "MISSED"}`);
    sound &&= found;
  }
  return sound;
});
