/** Short runs of the load proof: on the program as it is, and on a copy that costs too much. */
import { assert, assertEquals } from "@std/assert";
import { withTempDir } from "../helpers/temp_dir.ts";
import { expectationsFor } from "./load/crowd.ts";
import { finds, LARGE_BUFFERS } from "./load/faults.ts";
import { proveLoad } from "./load/proof.ts";
import { faultsOf } from "./load/verdict.ts";
import { PROGRAM } from "./running_server.ts";

/** What is looked at is in `/proc`. */
const ignore = Deno.build.os !== "linux";

const PATIENCE = { deadline: 3000, slowness: 500 };
const SIZES = {
  ...PATIENCE,
  connections: 200,
  messages: 100,
  junk: 1000,
  expectations: expectationsFor(PATIENCE, true),
};

Deno.test({
  name: "a crowd of idle and slow clients is ended in time and does not slow down one that behaves",
  ignore,
  fn: () =>
    withTempDir(async (directory) => {
      const options = { ...SIZES, program: PROGRAM, directory };
      const findings = await proveLoad(options);
      assertEquals(faultsOf(options, findings), []);
      assert(findings.ends!.length >= 176);
      assertEquals(
        findings.figures.crowded.descriptors - findings.connected,
        findings.figures.before.descriptors,
      );
    }),
});

Deno.test({
  name: `a server that ${LARGE_BUFFERS.name} is found out`,
  ignore,
  fn: () =>
    withTempDir(async (directory) => {
      assert(await finds(LARGE_BUFFERS, { ...SIZES, directory }));
    }),
});
