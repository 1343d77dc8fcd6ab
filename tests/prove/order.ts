/**
 * `deno run -A tests/prove/order.ts [--seed N] [--segments N]`:
 * proves from the server's system calls that nothing is acknowledged before it is
 * durable and nothing removed before its end is, and that this proof finds servers
 * that do. Needs strace. Exit status 0 when both held, 1 when one did not; the
 * traces are kept then.
 *
 * @module
 */
import { tool } from "../helpers/tools.ts";
import { numberFlags } from "./flags.ts";
import { FAULTS } from "./order/faults.ts";
import { findFault, held, proveOrder } from "./order/proof.ts";
import { report } from "./order/report.ts";
import { runProof } from "./run_proof.ts";

const flags = numberFlags(Deno.args, { seed: 1, segments: 5 });
const root = new URL("../../", import.meta.url).pathname;
/** How long a delivery may take, and how long one of a copy that may never make it, ms. */
const PATIENCE = 30_000;
const PATIENCE_WITH_COPIES = 3000;

await runProof("order", async (directory) => {
  const strace = tool("strace");
  if (strace === undefined) throw new Error("this proof needs strace, which is not installed");
  const place = async (name: string) => {
    await Deno.mkdir(`${directory}/${name}`);
    return { strace, seed: flags.seed, directory: `${directory}/${name}` };
  };
  const began = Date.now();
  const { segments } = flags;
  const options = { ...await place("program"), segments, root, patience: PATIENCE };
  const result = await proveOrder(options);
  console.log(report(result));
  let sound = held(result);
  for (const [i, fault] of FAULTS.entries()) {
    const copy = { ...await place(`copy${i}`), patience: PATIENCE_WITH_COPIES };
    const found = await findFault(fault, copy);
    console.log(`planted: a server that ${fault.name}: ${found ? `caught, ${found}` : "MISSED"}`);
    sound &&= found !== undefined;
  }
  const took = Math.round((Date.now() - began) / 1000);
  console.log(`seed ${flags.seed}, ${segments} segments, ${FAULTS.length} faults, ${took} s`);
  return sound;
});
