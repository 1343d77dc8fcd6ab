/** `queue history --refused`: what was never let in, of a running server and of a spool. */
import { assertEquals, assertMatch } from "@std/assert";
import { decode, encode } from "../../base/bytes.ts";
import { run, type Serving, withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";

/** A session of a client to whom nothing beyond the local domain is open. */
async function isRefused({ port, log }: Serving): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(4096);
  const reply = async () => decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
  assertMatch(await reply(), /^220 /);
  await conn.write(encode("EHLO spam.example\r\n"));
  assertMatch(await reply(), /^250-/);
  await conn.write(
    encode("MAIL FROM:<ann@example.com>\r\nRCPT TO:<bob@example.net>\r\nQUIT\r\n"),
  );
  await log.find("session");
}

/** Where strangers may send to one domain only. */
async function withStranger(
  check: (spool: string, serving: Serving) => Promise<void>,
): Promise<string> {
  return await withTempDir(async (directory) => {
    const spool = `${directory}/spool`;
    const flags = ["--spool", spool, "--trust=192.0.2.0/24", "--local-domain=example.org"];
    await withServer(flags, async (serving) => {
      await isRefused(serving);
      await check(spool, serving);
      serving.signal("SIGTERM");
      await serving.ended();
    });
    return (await refused(spool)).join("\n");
  });
}

/** The lines of `queue history --refused`. */
async function refused(spool: string, ...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await run(
    ["queue", "history", "--refused", ...args, "--spool", spool],
  );
  assertEquals([code, stderr], [0, []], args.join(" "));
  return stdout.split("\n").slice(0, -1);
}

Deno.test("what a client was refused is found by its address, sender, recipient and time, and without a server", async () => {
  let seen = "";
  const after = await withStranger(async (spool) => {
    const [row = "", ...rest] = await refused(spool);
    assertEquals(rest, []);
    seen = row;
    const [when, session, client, helo, user, sender, recipient, reply, about] = row.split("\t");
    assertMatch(when!, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assertEquals([client, helo, user], ["127.0.0.1", "spam.example", "-"]);
    assertEquals([sender, recipient, about], ["ann@example.com", "bob@example.net", "recipient"]);
    assertMatch(reply!, /^55\d 5\.7\.1 /);
    for (
      const found of [
        ["--client", "127.0.0.1"],
        ["--client", "::ffff:127.0.0.1"],
        ["--from", "*@example.com"],
        ["--to", "BOB@example.net"],
        ["--id", session!],
        ["--since", "1h"],
      ]
    ) {
      assertEquals(await refused(spool, ...found), [row], found.join(" "));
    }
    for (const not of [["--client", "192.0.2.1"], ["--to", "x@example.net"], ["--until", "1h"]]) {
      assertEquals(await refused(spool, ...not), [], not.join(" "));
    }
    const { decision, kind } = JSON.parse((await refused(spool, "--json"))[0]!);
    assertEquals([kind, decision.about], ["refused", "recipient"]);
  });
  assertEquals(after, seen);
});

Deno.test("what cannot be asked of refusals, or only of them, is said", async () => {
  await withTempDir(async (spool) => {
    await Deno.writeTextFile(`${spool}/.lock`, "");
    const problem = async (...args: string[]) => {
      const { code, stderr } = await run(["queue", "history", ...args, "--spool", spool]);
      return [code, stderr[0]];
    };
    assertEquals(
      await problem("--refused", "--outcome", "failed"),
      [2, "deno-smtp-server: --outcome: not with --refused"],
    );
    assertEquals(
      await problem("--client", "127.0.0.1"),
      [2, "deno-smtp-server: --client: only with --refused"],
    );
    assertEquals(
      await problem("--refused", "--client", "localhost"),
      [2, "deno-smtp-server: --client: expected an IP address"],
    );
  });
});
