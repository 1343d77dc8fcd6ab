/**
 * How long the page takes with a long queue: a server with so many deferred messages
 * for so many domains, and each view asked for over HTTP, several times. Throws when
 * a view is not there, or does not show what waits.
 *
 * `deno run -A bench/page.ts [--messages 100000]`
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { start } from "../mod.ts";
import { withTempDir } from "../tests/helpers/temp_dir.ts";
import { CERTIFICATE } from "../tests/transport/running.ts";
import { fillSpool } from "./growth/waiting_spool.ts";

/** How often each view is asked for. */
const ROUNDS = 7;

const VIEWS = ["/", "/queue", "/queue?error=refused", "/queue?sender=*@nowhere.test", "/inbox"];

const count = Number(parseArgs(Deno.args, { string: ["messages"] }).messages ?? 100_000);
await withTempDir(measure);

async function measure(spool: string): Promise<void> {
  fillSpool(spool, count);
  const server = await start({
    ...{ listen: "127.0.0.1:0", certificate: CERTIFICATE, spool, hold: true, web: ":0" },
  });
  try {
    while (server.counts().unread > 0) await new Promise((resolve) => setTimeout(resolve, 100));
    for (const view of VIEWS) {
      const times: number[] = [];
      for (let i = 0; i < ROUNDS; i++) times.push(await timeOf(`${server.control.web}${view}`));
      const sorted = times.toSorted((a, b) => a - b);
      const [median, most] = [sorted[ROUNDS >> 1]!, sorted.at(-1)!];
      console.log(
        `${view.padEnd(30)} ${median.toFixed(0)} ms (median), ${most.toFixed(0)} ms at most`,
      );
    }
  } finally {
    await server.stop();
  }
}

async function timeOf(url: string): Promise<number> {
  const began = performance.now();
  const answer = await fetch(url);
  await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return performance.now() - began;
}
