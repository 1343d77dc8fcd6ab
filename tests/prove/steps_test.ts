/** Short runs of the steps proof: some steps of the program as it is, and a copy that loses mail. */
import { assert, assertEquals } from "@std/assert";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { plant } from "./planted.ts";
import { COURSES } from "./steps/courses.ts";
import { FAULTS } from "./steps/faults.ts";
import { findFault, held, killCount, makeBench, proveSteps } from "./steps/proof.ts";
import { compareWithStrace } from "./steps/witness.ts";

const linux = Deno.build.os === "linux";
const cc = linux ? tool("cc") : undefined;
const strace = linux ? tool("strace") : undefined;

Deno.test({
  name: "a server that is killed before a file operation loses nothing that it acknowledged",
  ignore: cc === undefined,
  fn: () =>
    withTempDir(async (directory) => {
      const results = await proveSteps(await makeBench(cc!, directory), { seed: 7, kills: 5 });
      assert(held(results), JSON.stringify(results, undefined, 2));
      assert(results.every((result) => result.whole > 0 && result.found > 0));
      assert(results.reduce((sum, result) => sum + killCount(result), 0) > 0);
    }),
});

Deno.test({
  name: "a server that says 250 before a message is written is found out",
  ignore: cc === undefined,
  fn: () =>
    withTempDir(async (directory) => {
      assert(await findFault(await makeBench(cc!, directory), FAULTS[0]!));
    }),
});

Deno.test({
  name: "the library that kills sees every file operation that strace sees",
  ignore: cc === undefined || strace === undefined,
  fn: () =>
    withTempDir(async (directory) => {
      const bench = await makeBench(cc!, directory);
      const course = COURSES.find(({ name }) => name === "bounce")!;
      assertEquals(await compareWithStrace(bench, course, strace!), []);
    }),
});

Deno.test("every fault of the steps proof can still be planted, and has its course", () =>
  withTempDir(async (directory) => {
    for (const [i, fault] of FAULTS.entries()) {
      await plant(fault, `${directory}/${i}`);
      assert(COURSES.some(({ name }) => name === fault.course), fault.course);
    }
  }));
