/** The faults that the proofs plant: that each still has its place in the program. */
import { assertEquals } from "@std/assert";
import { FAULTS as CRASH } from "./crash/faults.ts";
import { FAULTS as FAILING_FILES } from "./faults/faults.ts";
import { SERVER_FAULTS, SESSION_FAULTS } from "./input/faults.ts";
import { FAULTS as LOAD } from "./load/faults.ts";
import { FAULTS as ORDER } from "./order/faults.ts";
import { FAULTS as PEERS } from "./peers/faults.ts";
import { occurrences } from "./planted.ts";
import { FAULTS as STEPS } from "./steps/faults.ts";

const PROOFS = {
  crash: CRASH,
  faults: FAILING_FILES,
  input: [...SESSION_FAULTS, ...SERVER_FAULTS],
  load: LOAD,
  order: ORDER,
  peers: PEERS,
  steps: STEPS,
};

for (const [proof, faults] of Object.entries(PROOFS)) {
  Deno.test(`every fault that prove:${proof} plants replaces text that is in the program once`, async () => {
    const found = await Promise.all(
      faults.map(async (fault) => [fault.name, await occurrences(fault)] as const),
    );
    assertEquals(found.filter(([, count]) => count !== 1), []);
  });
}
