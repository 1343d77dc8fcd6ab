/** A short run of the order proof on the program as it is, and one on a copy that syncs too little. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { FAULTS } from "./order/faults.ts";
import { findFault, proveOrder } from "./order/proof.ts";
import { plant } from "./planted.ts";

const strace = Deno.build.os === "linux" ? tool("strace") : undefined;
const ignore = strace === undefined;
const root = new URL("../../", import.meta.url).pathname;

Deno.test({
  name: "nothing is acknowledged before it is durable, and nothing removed before its end is",
  ignore,
  fn: () =>
    withTempDir(async (directory) => {
      const options = { strace: strace!, seed: 2, root, directory, segments: 0, patience: 10_000 };
      const { violations, faults } = await proveOrder(options);
      assertEquals({ violations, faults }, { violations: [], faults: [] });
    }),
});

Deno.test({
  name: "a server that does not make the names of content durable is found out",
  ignore,
  fn: () =>
    withTempDir(async (directory) => {
      const fault = FAULTS.find(({ name }) => name.includes("for the name of content"))!;
      assert(await findFault(fault, { strace: strace!, seed: 3, directory, patience: 3000 }));
    }),
});

Deno.test("every fault of the order proof can still be planted", () =>
  withTempDir(async (directory) => {
    for (const [i, fault] of FAULTS.entries()) {
      assertStringIncludes(await plant(fault, `${directory}/${i}`), "main.ts");
    }
  }));
