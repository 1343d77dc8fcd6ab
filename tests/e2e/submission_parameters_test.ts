/** FUTURERELEASE and MT-PRIORITY as Python's smtplib asks for them; who lacks them is a stranger. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { tool } from "../helpers/tools.ts";
import { filedMessages } from "./spool_files.ts";
import { hasBothAddresses, TwoSides } from "./two_sides.ts";

const SMTPLIB = `
import smtplib, sys

with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "client.test") as client:
    client.ehlo()
    print(client.esmtp_features.get("futurerelease"), client.has_extn("mt-priority"))
    options = sys.argv[2].split() if client.has_extn("mt-priority") else []
    client.sendmail("ann@here.test", ["bob@there.test"], "Subject: x\\n\\nx\\n", options)
`;

async function sendWithSmtplib(port: number, options: string): Promise<string> {
  const args = ["-c", SMTPLIB, String(port), options];
  const { stdout, stderr } = await new Deno.Command(tool("python3")!, { args }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).trim();
}

const ignore = !hasBothAddresses || tool("python3") === undefined;

Deno.test({
  name: "mail that smtplib has held for an hour is kept for an hour, and goes then",
  ignore,
  fn: () => {
    const clock = new TestClock();
    return TwoSides.use({ clock }, async (sides) => {
      const offered = await sendWithSmtplib(sides.server.port, "HOLDFOR=3600 MT-PRIORITY=4");
      assertEquals(offered, "604800 2026-01-08T00:00:00Z True");
      clock.advance(3_599_999);
      assertEquals([sides.there.connections, sides.server.waiting], [0, 1]);
      clock.advance(1);
      assertEquals(await sides.outcomes(1), ["delivered bob@there.test"]);
    });
  },
});

Deno.test({
  name: "the spool says until when smtplib's mail is held, and how urgent it is",
  ignore,
  fn: () =>
    withTempDir((spool) =>
      TwoSides.use({ spool }, async (sides) => {
        await sendWithSmtplib(sides.server.port, "HOLDUNTIL=2099-01-01T00:00:00Z").then(
          () => assert(false, "held for a lifetime"),
          (error) => assertMatch(String(error), /Release too far in the future/),
        );
        const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
        await sendWithSmtplib(sides.server.port, `HOLDUNTIL=${tomorrow} MT-PRIORITY=-3`);
        assertEquals(sides.server.waiting, 1);
        await sides.server[Symbol.asyncDispose]();
        const [message] = await filedMessages(spool);
        const { release, priority } = message!.envelope;
        assertEquals([release, priority], [tomorrow, -3]);
      })
    ),
});

Deno.test({
  name: "smtplib as a stranger is offered neither, and its mail goes at once",
  ignore,
  fn: () => {
    const options = { trust: ["192.0.2.1"], localDomains: ["there.test"] };
    return TwoSides.use(options, async (sides) => {
      assertEquals(await sendWithSmtplib(sides.server.port, "HOLDFOR=3600"), "None False");
      assertEquals(await sides.outcomes(1), ["delivered bob@there.test"]);
    });
  },
});
