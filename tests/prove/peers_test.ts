/** Short runs of the peers proof: on the program as it is, and on a copy that gives up too early. */
import { assert, assertEquals } from "@std/assert";
import { withTempDir } from "../helpers/temp_dir.ts";
import { CASES } from "./peers/cases.ts";
import { FAULTS, finds, GIVES_UP } from "./peers/faults.ts";
import { faultsOf, provePeers } from "./peers/proof.ts";
import { plant } from "./planted.ts";
import { PROGRAM } from "./running_server.ts";

/** The hosts are on many addresses of 127/8, which only Linux has without being told to, and descriptors are counted in /proc. */
const ignore = Deno.build.os !== "linux";

/** Each stage and behaviour, and some of the mixed replies. */
const SOME = CASES.filter(({ stage }, i) => !stage.startsWith("mixed") || i % 13 === 0);

Deno.test({
  name: "whatever a next hop does, each recipient is reached or its sender told, exactly once",
  ignore,
  fn: () =>
    withTempDir(async (directory) => {
      const results = await provePeers({ program: PROGRAM, seed: 2, directory, cases: SOME });
      assertEquals(faultsOf(results), []);
      assertEquals(results.length, SOME.length);
    }),
});

Deno.test({
  name: "a server that gives up where a connection breaks is found out",
  ignore,
  fn: () =>
    withTempDir(async (directory) => {
      assert(await finds(GIVES_UP, { seed: 2, directory }));
    }),
});

Deno.test("every fault of the peers proof can still be planted, and has its cases", () =>
  withTempDir(async (directory) => {
    for (const [i, fault] of FAULTS.entries()) {
      await plant(fault, `${directory}/${i}`);
      assert(fault.stages.every((stage) => CASES.some((one) => one.stage === stage)), fault.name);
    }
  }));
