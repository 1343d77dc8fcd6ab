/** The limits of the configuration file, in the program that runs. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Serving, withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { Peer } from "../transport/peer.ts";

/** Runs the program for `us.example` with these limits, and nobody on loopback trusted. */
function withLimits(limits: string, check: (serving: Serving) => Promise<void>): Promise<void> {
  return withTempDir(async (directory) => {
    const file = `${directory}/mail.toml`;
    await Deno.writeTextFile(file, `trust = ["192.0.2.1"]\n[limits]\n${limits}\n`);
    const flags = [`--config=${file}`, `--spool=${directory}/spool`, "--local-domain=us.example"];
    await withServer([...flags, "--hold"], check);
  });
}

function connect({ port }: Serving): Promise<Peer> {
  return Peer.connect({ hostname: "127.0.0.1", port });
}

Deno.test("the rates of the file hold for strangers", () =>
  withLimits("message_rate = 1\nrecipient_rate = 2", async (serving) => {
    using peer = await connect(serving);
    await peer.hello();
    assertMatch(await peer.ask("MAIL FROM:<a@them.example>"), /^250 /);
    const recipients = ["b", "c", "d"].map((name) => `RCPT TO:<${name}@us.example>\r\n`);
    await peer.say(recipients.join(""));
    assertEquals(await peer.codes(3), "250 250 450");
    await peer.ask("DATA");
    assertMatch(await peer.ask("Subject: x\r\n."), /^250 2\.0\.0 /);
    assertMatch(await peer.ask("MAIL FROM:<a@them.example>"), /^450 4\.7\.1 /);
  }));

Deno.test("clients that are turned away share a line a second, which counts them", () =>
  withLimits("connection_rate = 1", async (serving) => {
    using first = await connect(serving);
    assertMatch(await first.reply(), /^220 /);
    for (let i = 0; i < 5; i++) {
      using peer = await connect(serving);
      assertMatch(await peer.reply(), /^421 4\.7\.0 /);
    }
    serving.signal("SIGTERM");
    await serving.log.end();
    const lines = serving.log.complaints.map((line) => JSON.parse(line));
    assert(lines.length < 5);
    assertEquals(lines.map(({ message }) => message), lines.map(() => "connection turned away"));
    assertEquals(lines.map(({ fields }) => fields.client), lines.map(() => "127.0.0.1"));
    assertEquals(lines.reduce((sum, { fields }) => sum + fields.count, 0), 5);
  }));
