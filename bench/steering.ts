/**
 * What looking into a long queue and steering all of it cost: on a spool with so
 * many deferred messages, the time to go through them all, then to hold, release
 * and remove each, 64 at a time, while another commits a message every few
 * milliseconds; how long those take is printed too. Throws when a message cannot be
 * steered.
 *
 * `deno run -A bench/steering.ts [--messages 100000]`
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { systemClock } from "../base/clock.ts";
import { forEachLimited } from "../queue/concurrency.ts";
import { FileQueue } from "../queue/file_queue.ts";
import type { Steering } from "../queue/queue.ts";
import { withTempDir } from "../tests/helpers/temp_dir.ts";
import { fillSpool } from "./growth/waiting_spool.ts";

/** Messages steered at a time. */
const AT_ONCE = 64;
/** How often the other commits, ms. */
const EVERY = 5;
/** How often the list is gone through. */
const ROUNDS = 5;

const count = Number(parseArgs(Deno.args, { string: ["messages"] }).messages ?? 100_000);
await withTempDir(measure);

async function measure(directory: string): Promise<void> {
  fillSpool(directory, count);
  const queue = await FileQueue.open({ directory, clock: systemClock });
  await queue.allRead;
  const ids = [...queue.overviews()].map(({ id }) => id);
  const lists = Array.from({ length: ROUNDS }, () => timeToList(queue)).sort((a, b) => a - b);
  console.log(`list     ${lists[ROUNDS >> 1]!.toFixed(0)} ms for ${count} messages (median)`);
  for (const kind of ["hold", "release", "remove"] as const) await steerAll(queue, ids, { kind });
  await queue.close();
}

function timeToList(queue: FileQueue): number {
  const begin = performance.now();
  let held = 0;
  for (const { recipients, state } of queue.overviews()) {
    if (state === "held" || recipients.length === 0) held++;
  }
  if (held > 0) throw new Error(`${held} messages do not wait`);
  return performance.now() - begin;
}

async function steerAll(
  queue: FileQueue,
  ids: readonly string[],
  change: Steering,
): Promise<void> {
  const done = new AbortController();
  const waits = commits(queue, done.signal);
  const begin = performance.now();
  await forEachLimited(ids, AT_ONCE, async (id) => {
    const outcome = await queue.steer(id, change);
    if (outcome !== "done") throw new Error(`${id}: ${outcome}`);
  }).finally(() => done.abort());
  const took = performance.now() - begin;
  const sorted = (await waits).sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(part * (sorted.length - 1))]!.toFixed(1);
  console.log(
    `${change.kind.padEnd(8)} ${(took / 1000).toFixed(1)} s, ${
      (took / count).toFixed(2)
    } ms each; ` +
      `a commit meanwhile: ${at(0.5)} ms (median), ${at(0.99)} ms (99 of 100), ${at(1)} ms at most`,
  );
}

/** Commits a message now and then; gives how long each took, ms. */
async function commits(queue: FileQueue, signal: AbortSignal): Promise<number[]> {
  const took: number[] = [];
  while (!signal.aborted) {
    const begin = performance.now();
    const draft = queue.draft();
    await draft.commit({
      reversePath: "sender@example.org",
      recipients: ["recipient@example.net"],
      smtputf8: false,
      body: "7BIT",
      client: { address: "192.0.2.1", port: 4711, helo: "client.example.org", protocol: "ESMTP" },
    });
    took.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
  return took;
}
