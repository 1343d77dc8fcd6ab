/** What `plan` says of mail that would not go at once. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { run, withServer } from "../helpers/program.ts";
import { startDnsmasq } from "../helpers/dnsmasq.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";

const dnsmasq = tool("dnsmasq");
const RECORDS = ["mx-host=here.test,mx.here.test,10", "host-record=mx.here.test,1.0.0.2"];

/** A command line for the spool of a server that asks name servers of ours. */
async function withShell(
  flags: readonly string[],
  check: (shell: (...args: string[]) => Promise<[code: number, first: string]>) => Promise<void>,
): Promise<void> {
  await using names = await startDnsmasq(dnsmasq!, RECORDS);
  await withTempDir(async (spool) => {
    const dns = ["--dns", `127.0.0.1:${names.port}`];
    await withServer(["--spool", spool, ...dns, ...flags], async (serving) => {
      await check(async (...args) => {
        const { code, stdout, stderr } = await run([...args, "--spool", spool]);
        assertEquals(stderr, []);
        return [code, stdout.split("\n")[0]!];
      });
      serving.signal("SIGTERM");
      await serving.ended();
    });
  });
}

const MAIL = "Mail from anna@example.org for bob@here.test would be accepted and";
const here = ["plan", "anna@example.org", "bob@here.test"];

Deno.test({
  name: "a plan says what is held, and by what",
  ignore: dnsmasq === undefined,
  fn: () =>
    withShell([], async (shell) => {
      assertEquals(await shell(...here), [0, `${MAIL} delivered`]);
      await shell("queue", "hold", "--domain", "HERE.test", "--yes");
      const domain = "all mail for here.test is (queue release --domain here.test)";
      assertEquals(await shell(...here), [0, `${MAIL} held: ${domain}`]);
      const [code, json] = await shell(...here, "--json");
      assertEquals([code, JSON.parse(json).stays], [0, "domain_held"]);
      await shell("queue", "hold", "--all", "--yes");
      const all = "all delivery is held (queue release --all)";
      assertEquals(await shell(...here), [0, `${MAIL} held: ${all}`]);
    }),
});

Deno.test({
  name: "a plan says that mail would be captured, whether its domain exists or not",
  ignore: dnsmasq === undefined,
  fn: () =>
    withShell(["--capture"], async (shell) => {
      const [code, text] = await shell("plan", "<>", "bob@nowhere.test");
      assertEquals(code, 0);
      assertStringIncludes(text, "would be accepted and captured: it would stay in the inbox");
    }),
});

Deno.test({
  name:
    "a plan says that mail for a domain which does not exist comes back at once, and lists no retries",
  ignore: dnsmasq === undefined,
  fn: () =>
    withShell([], async (shell) => {
      const end = "domain nowhere.test does not exist";
      for (const [from, fate] of [["a@b.test", "come back"], ["<>", "be given up"]] as const) {
        assertEquals(await shell("plan", from, "bob@nowhere.test"), [
          1,
          `Mail from ${from} for bob@nowhere.test would be accepted and ${fate} at once: ${end}`,
        ]);
      }
      const [, json] = await shell("plan", "a@b.test", "bob@nowhere.test", "--json");
      assertEquals(JSON.parse(json).route.retries, []);
    }),
});
