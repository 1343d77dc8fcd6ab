/** Short runs of the input proof: on the program as it is, and on copies that misread. */
import { assert, assertEquals } from "@std/assert";
import { concat } from "../../base/bytes.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { parseDialogue } from "../protocol/dialogue.ts";
import { END_OF_DATA, finds, SMALL_LEAK } from "./input/faults.ts";
import { makeAttempt } from "./input/make_script.ts";
import { printed } from "./input/print_dialogue.ts";
import { faultsOf, proveInput } from "./input/proof.ts";
import { goldenScripts } from "./input/script.ts";
import { runOnSession, sessionMaker } from "./input/session_run.ts";
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

Deno.test("a damaged dialogue that is printed can be read as a golden one", async () => {
  const golden = await goldenScripts();
  const make = await sessionMaker(PROGRAM);
  for (let index = 0; index < 200; index++) {
    const attempt = makeAttempt(golden, 3, index);
    const { script, cuts } = attempt;
    const observed = await runOnSession(make, script, cuts[0]);
    const { stretches, limits, startTls, tls, auth, closes } = parseDialogue(
      printed(attempt, observed),
    );
    const read = stretches.map(({ client }) => concat(client));
    assertEquals({ limits, startTls, tls, auth, stretches: read }, {
      auth: undefined,
      ...script,
      limits: { ...script.limits },
      stretches: script.stretches.map((stretch) => new Uint8Array(stretch)),
    });
    assertEquals(stretches.map(({ server }) => server.map((line) => `${line}\r\n`).join("")), [
      ...observed.parts,
      ...stretches.slice(observed.parts.length).map(() => ""),
    ]);
    assertEquals(closes, observed.ending === "closed");
  }
});

for (const fault of [END_OF_DATA, SMALL_LEAK]) {
  Deno.test(`a server that ${fault.name} is found out`, () =>
    withTempDir(async (directory) => {
      assert(await finds(fault, { seed: 2, count: 3000, directory }));
    }));
}
