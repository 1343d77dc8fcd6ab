/** How much memory large messages take, as the kernel counts it for a server in a process of its own. */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { type Serving, withServer } from "../helpers/program.ts";
import { SmtpSink } from "../helpers/smtp_sink.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { Peer } from "../transport/peer.ts";

const MIB = 2 ** 20;
const MESSAGES = 10;
/** A thousand lines of 62 octets as they are sent, each hundredth with a dot that is doubled. */
const BLOCK = `${`${"x".repeat(60)}\r\n`.repeat(99)}..${"x".repeat(58)}\r\n`.repeat(10);
const BLOCKS = Math.ceil(30 * MIB / BLOCK.length);
/** Octets of a message where it is kept: lines end in LF there, and dots are single. */
const KEPT = BLOCKS * BLOCK.replaceAll("\r\n..", "\n.").replaceAll("\r", "").length;

const SINK = tool("smtp-sink");

/** A line of what the kernel tells of a process, octets. */
async function memory(pid: number, line: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const found = new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(status);
  assert(found, status);
  return Number(found[1]) * 1024;
}

/** Makes the kernel forget the most memory that the process has had so far (proc(5), `clear_refs`). */
async function forgetPeak(pid: number): Promise<void> {
  await Deno.writeTextFile(`/proc/${pid}/clear_refs`, "5", { create: false });
}

/** Hands a message over. */
async function send({ port }: Serving): Promise<void> {
  using peer = await Peer.connect({ hostname: "127.0.0.1", port });
  await peer.hello();
  await peer.ask("MAIL FROM:<a@here.test>");
  await peer.ask("RCPT TO:<b@there.test>");
  assertMatch(await peer.ask("DATA"), /^354 /);
  const block = new TextEncoder().encode(BLOCK);
  for (let blocks = 0; blocks < BLOCKS; blocks++) await peer.say(block);
  assertMatch(await peer.ask("."), /^250 /);
}

/** The sizes of the messages that came to a sink. */
function sizesIn(directory: string): number[] {
  return Array.from(
    Deno.readDirSync(directory),
    ({ name }) => Deno.statSync(`${directory}/${name}`).size,
  );
}

Deno.test({
  name: "ten messages of 30 MiB that pass at once take no more than 64 MiB of memory",
  ignore: SINK === undefined || Deno.build.os !== "linux",
  fn: () =>
    withTempDir(async (directory) => {
      const taken = `${directory}/taken`;
      await Deno.mkdir(taken);
      const sink = await SmtpSink.start(SINK!, taken);
      const smarthost = `--smarthost=smtp://127.0.0.1:${sink.host.port}`;
      try {
        await withServer([`--spool=${directory}/spool`, smarthost], async (serving) => {
          const { pid, log } = serving;
          await log.find("spool");
          const idle = await memory(pid, "VmRSS");
          await forgetPeak(pid);
          await Promise.all(Array.from({ length: MESSAGES }, () => send(serving)));
          for (let i = 0; i < MESSAGES; i++) {
            assertEquals((await log.find("attempt")).delivered, 1);
          }
          assertLess(await memory(pid, "VmHWM") - idle, 64 * MIB);
        });
        const sizes = sizesIn(taken);
        assertEquals(sizes.length, MESSAGES);
        // Each begins with the envelope and two trace headers.
        for (const size of sizes) assert(size > KEPT && size < KEPT + 1000, `${size} octets`);
      } finally {
        await sink.stop();
      }
    }),
});
