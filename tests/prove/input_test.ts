/** Short runs of the input proof: on the program as it is, and on copies that misread. */
import { assert, assertEquals } from "@std/assert";
import { withTempDir } from "../helpers/temp_dir.ts";
import { END_OF_DATA, finds, SMALL_LEAK } from "./input/faults.ts";
import { faultsOf, proveInput } from "./input/proof.ts";
import { PROGRAM } from "./running_server.ts";

Deno.test("attacks and damaged dialogues are answered in form, and exactly what was sent is taken", () =>
  withTempDir(async (directory) => {
    const sizes = { dialogues: 3000, sockets: 300, cuts: 1 };
    const findings = await proveInput({ program: PROGRAM, seed: 2, directory, ...sizes });
    assertEquals(faultsOf(findings), []);
    assertEquals(findings.dialogues.figures.done, 3000);
    assert(findings.dialogues.figures.messages > 500);
    assert(findings.sockets.messages > 100);
    assert(findings.outgoing.messages > 20);
  }));

for (const fault of [END_OF_DATA, SMALL_LEAK]) {
  Deno.test(`a server that ${fault.name} is found out`, () =>
    withTempDir(async (directory) => {
      assert(await finds(fault, { seed: 2, count: 3000, directory }));
    }));
}
