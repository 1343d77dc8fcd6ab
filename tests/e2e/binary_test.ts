/**
 * Content without the form of lines, from end to end. No client and no other server
 * that is packaged speaks BINARYMIME, so a second server of ours is the next hop that
 * does, and Postfix, which has CHUNKING alone, the one that does not.
 */
import { assert, assertEquals } from "@std/assert";
import type { StartOptions } from "../../mod.ts";
import { take } from "../../policy/hooks.ts";
import { hasPostfix, Postfix } from "../helpers/postfix.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { octetsOf as contentOctets } from "../queue/fixtures.ts";
import { handOver, octetsOf, textOf } from "./hand_over.ts";
import { TestServer } from "./test_server.ts";

const HEADER = "Subject: x\r\nContent-Transfer-Encoding: binary\r\n\r\n";

/** Everything that lines may not hold. */
const BINARY = HEADER + "\r\n.\r\n\n.\n\r.\r\0" + "\xff".repeat(2000) + "MAIL FROM:<>\r";

const CASES: readonly (readonly [name: string, content: string])[] = [
  ["small", BINARY],
  ["without a line end", HEADER + "x"],
  ["of a megabyte", BINARY + "\0\r\xfe\n".repeat(250_000)],
];

/** A server before another one, or before Postfix. */
async function between(
  hop: StartOptions | number,
  check: (server: TestServer) => Promise<void>,
): Promise<void> {
  await withTempDir(async (directory) => {
    const after = typeof hop === "number"
      ? undefined
      : await TestServer.start({ spool: `${directory}/after`, binaryMime: true, ...hop });
    await using server = await TestServer.start({
      spool: `${directory}/before`,
      binaryMime: true,
      smarthost: `smtp://127.0.0.1:${after?.port ?? hop}`,
    });
    await check(server).finally(() => after?.[Symbol.asyncDispose]());
  });
}

for (const [name, content] of CASES) {
  Deno.test(`binary content, ${name}, comes to a next hop that takes it, octet for octet`, async () => {
    const taken: string[] = [];
    const message: NonNullable<StartOptions["hooks"]>["message"] = async (
      { envelope, content },
    ) => {
      assertEquals(envelope.body, "BINARYMIME");
      taken.push(textOf(await contentOctets(content)));
      return take();
    };
    await between({ hooks: { message } }, async (server) => {
      const parameters = "BODY=BINARYMIME";
      await handOver(server.port, { parameters, content: octetsOf(content) }, "BDAT");
      assertEquals((await server.outcome()).kind, "delivered");
      assertEquals(taken.length, 1);
      assert(taken[0]!.endsWith("\r\n" + content), "the content is not what was sent");
      assertEquals(server.waiting, 0);
    });
  });
}

Deno.test({
  name: "binary content for a Postfix, which does not take it, comes back with 5.6.3",
  ignore: !hasPostfix,
  fn: () =>
    Postfix.use([], (postfix) =>
      between(postfix.host.port, async (server) => {
        const message = { parameters: "BODY=BINARYMIME", content: octetsOf(BINARY) };
        await handOver(server.port, message, "BDAT");
        const outcome = await server.outcome();
        assert(outcome.kind === "bounced", outcome.kind);
        assertEquals([outcome.error.enhanced, outcome.error.permanent], ["5.6.3", true]);
        assertEquals((await server.outcome()).recipients, ["a@here.test"]);
        const [bounce, ...others] = await postfix.messages();
        assertEquals(others, []);
        assert(/^Status: 5\.6\.3$/m.test(bounce!), bounce);
      })),
});
