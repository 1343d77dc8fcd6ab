/** Short runs of the crash proof: on the program as it is, and on a copy that loses mail. */
import { assert, assertEquals } from "@std/assert";
import { withTempDir } from "../helpers/temp_dir.ts";
import { finds, NOT_FILED } from "./crash/faults.ts";
import { held, proveCrash } from "./crash/proof.ts";

/** The next hops are on 127.0.0.2 and 127.0.0.3, which only Linux has without being told to. */
const ignore = Deno.build.os !== "linux";

Deno.test({
  name: "a server that is killed again and again loses nothing that it acknowledged",
  ignore,
  fn: () =>
    withTempDir(async (directory) => {
      const main = new URL("../../main.ts", import.meta.url).href;
      const result = await proveCrash({ seed: 2, kills: 6, senders: 32, main, directory });
      assert(held(result), JSON.stringify(result, undefined, 2));
      assert(result.found > 100);
      assertEquals(result.found, result.submissions.acknowledged);
    }),
});

Deno.test({
  name: "a server that does not write down what it put off is found out",
  ignore,
  fn: () =>
    withTempDir(async (directory) => {
      assert(await finds(NOT_FILED, { seed: 3, kills: 4, senders: 32, directory }));
    }),
});
