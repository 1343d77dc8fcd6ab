import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { run, type Serving, withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { smoke } from "../smoke/smoke.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;
const posix = Deno.build.os !== "windows";

/** Talks SMTP in lock-step: sends each command after the reply to the one before, and gives the last reply. */
async function converse(connection: Deno.Conn, ...commands: string[]): Promise<string> {
  let answer = await reply(connection);
  for (const command of commands) {
    await connection.write(new TextEncoder().encode(`${command}\r\n`));
    answer = await reply(connection);
  }
  return answer;
}

/** One reply, all of its lines. */
async function reply(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!/^\d{3} .*\r\n$/m.test(text)) {
    const length = await connection.read(buffer);
    if (length === null) throw new Error(`closed after "${text}"`);
    text += new TextDecoder().decode(buffer.subarray(0, length));
  }
  return text;
}

const ENVELOPE = ["EHLO client.example", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.net>"];

function connect({ port }: Serving): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

Deno.test("it accepts a message, delivers it and stops", () =>
  smoke([Deno.execPath(), "run", "-A", MAIN]));

Deno.test("at start it says where it listens, who may relay, where the spool is and what waits", () =>
  withTempDir((spool) =>
    withServer([`--spool=${spool}`, "--hold", "--local-domain=Example.org"], async (serving) => {
      assert(serving.port > 0);
      assertEquals(await serving.log.find("relaying for"), {
        trust: ["127.0.0.0/8", "::1/128"],
        localDomains: ["example.org"],
      });
      assertEquals(await serving.log.find("spool"), { path: spool, messages: 0, held: 0 });
      await serving.log.find("holding: mail is accepted and queued, nothing is delivered");
    })
  ));

Deno.test("what was accepted waits at the next start", () =>
  withTempDir(async (spool) => {
    const flags = [`--spool=${spool}`, "--hold"];
    await withServer(flags, async (serving) => {
      using connection = await connect(serving);
      const answer = await converse(connection, ...ENVELOPE, "DATA", "Subject: x\r\n\r\nx\r\n.");
      assertStringIncludes(answer, "250 ");
      serving.signal("SIGTERM");
      assertEquals(await serving.ended(), posix ? 0 : 1);
    });
    await withServer(flags, async ({ log }) => {
      assertEquals(await log.find("spool"), { path: spool, messages: 1, held: 0 });
    });
  }));

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test({
    name: `${signal} stops it with status 0`,
    ignore: !posix,
    fn: () =>
      withTempDir((spool) =>
        withServer([`--spool=${spool}`], async (serving) => {
          serving.signal(signal);
          assertEquals(await serving.ended(), 0);
          assertEquals(await serving.log.find("stopping"), { signal });
          await serving.log.find("stopped");
        })
      ),
  });
}

Deno.test({
  name: "a second signal ends it at once, in the middle of a transaction",
  ignore: !posix,
  fn: () =>
    withTempDir((spool) =>
      withServer([`--spool=${spool}`], async (serving) => {
        using connection = await connect(serving);
        assertStringIncludes(await converse(connection, ...ENVELOPE, "DATA"), "354 ");
        serving.signal("SIGTERM");
        await serving.log.find("stopping");
        serving.signal("SIGTERM");
        assertEquals(await serving.ended(), 143);
      })
    ),
});

/** Runs it where it cannot start; gives the only line it says. */
async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  assertEquals([code, stdout, stderr.length], [1, "", 1], stderr.join("\n"));
  return stderr[0]!;
}

Deno.test("a port in use gets one line that names the address, and status 1", () =>
  withTempDir(async (spool) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `127.0.0.1:${taken.addr.port}`;
    const line = await refusal(`--spool=${spool}`, `--listen=${address}`);
    assertStringIncludes(line, address);
  }));

Deno.test("a spool that cannot be made gets one line that names it, and status 1", () =>
  withTempDir(async (directory) => {
    await Deno.writeTextFile(`${directory}/file`, "");
    const spool = `${directory}/file/spool`;
    assertStringIncludes(await refusal(`--spool=${spool}`, "--listen=127.0.0.1:0"), spool);
  }));

Deno.test("a spool that another process holds gets one line that says so, and status 1", () =>
  withTempDir((spool) =>
    withServer([`--spool=${spool}`], async () => {
      const line = await refusal(`--spool=${spool}`, "--listen=127.0.0.1:0");
      assertStringIncludes(line, spool);
      assertMatch(line, /in use|held/);
    })
  ));
