/** SIGHUP: the program reads its configuration again. */
import { assertEquals, assertMatch } from "@std/assert";
import { type Serving, withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { Peer } from "../transport/peer.ts";

/** There are no such signals there. */
const NOT_WINDOWS = { ignore: Deno.build.os === "windows" };

/** Runs the program with a file that `write` replaces; nobody on loopback is trusted. */
function withFile(
  check: (
    serving: Serving,
    write: (text: string) => Promise<void>,
    socket: string,
  ) => Promise<void>,
): Promise<void> {
  return withTempDir(async (directory) => {
    const file = `${directory}/mail.toml`;
    const write = (text: string) => Deno.writeTextFile(file, text);
    await write('trust = ["192.0.2.1"]\n');
    const flags = [`--config=${file}`, `--spool=${directory}/spool`, "--hold"];
    await withServer(flags, (serving) => check(serving, write, `${directory}/spool/control.sock`));
  });
}

/** The code of the reply to a recipient elsewhere. */
async function relaying({ port }: Serving): Promise<string> {
  using peer = await Peer.connect({ hostname: "127.0.0.1", port });
  await peer.hello();
  await peer.ask("MAIL FROM:<a@b.test>");
  return (await peer.ask("RCPT TO:<c@d.test>")).slice(0, 3);
}

Deno.test(
  "SIGHUP puts the file in force as it is then, and the log says what has changed",
  NOT_WINDOWS,
  () =>
    withFile(async (serving, write) => {
      assertEquals(await relaying(serving), "550");
      await write(
        'trust = ["127.0.0.0/8"]\nlog_level = "debug"\n' +
          'smarthost = "smtps://jo:secret@relay.test"\n[retry]\nfirst = "10m"\n',
      );
      serving.signal("SIGHUP");
      const { changes } = await serving.log.find("reloaded");
      assertEquals(
        changes,
        "trust: + 127.0.0.0/8 - 192.0.2.1/32; smarthost: none → smtps://…@relay.test:465; " +
          "retry.first: 5m → 10m; log_level: info → debug",
      );
      assertEquals(await relaying(serving), "250");
    }),
);

Deno.test(
  "a file that is wrong changes nothing, and the log says why",
  NOT_WINDOWS,
  () =>
    withFile(async (serving, write) => {
      await write('trust = ["127.0.0.0/8"]\nspol = "x"\n[limits]\nhops = 0\n');
      serving.signal("SIGHUP");
      const { problems } = await serving.log.find("cannot reload, everything stays as it was");
      assertEquals((problems as string[]).length, 2);
      assertMatch(
        String(problems),
        /mail\.toml:4: limits\.hops 0: expected.*mail\.toml:2: spol: unknown key/s,
      );
      assertEquals(await relaying(serving), "550");
    }),
);
