/** What the store says of itself while it can be written, and while it cannot. */
import { assertEquals, assertRejects } from "@std/assert";
import type { FileQueue } from "../../queue/file_queue.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import { QueueError } from "../../queue/queue.ts";
import { WriteCheck } from "../../queue/write_check.ts";
import { capturedLog } from "../helpers/captured_log.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { Gate } from "../helpers/waiting.ts";
import { changes, claimOne, deferred, openQueue, put } from "./fixtures.ts";
import { failing, heal, SimDisk, type Step } from "./sim_disk.ts";

const SPOOL = "/spool";
const FRESH_FOR = 5000;

/** Runs a check with a queue on a simulated disk. */
async function withQueue(
  check: (site: { queue: FileQueue; disk: SimDisk; clock: TestClock }) => Promise<void>,
): Promise<void> {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await openQueue({ directory: SPOOL, clock, files: disk, lowWater: 2000 });
  await check({ queue, disk, clock });
  await queue.close();
}

Deno.test("a store that can be written has no fault, and nothing is left of the trial", () =>
  withQueue(async ({ queue, disk }) => {
    const before = disk.paths();
    assertEquals(await queue.fault(), undefined);
    assertEquals(disk.paths(), before);
    const tried = disk.steps.filter(({ operation }) => operation === "sync");
    assertEquals(tried.map(({ path }) => path), [
      `${SPOOL}/journal/probe.tmp`,
      `${SPOOL}/probe.tmp`,
    ]);
  }));

for (
  const [operation, code, kind] of [
    ["create", "EROFS", "storage"],
    ["create", "ENOENT", "storage"],
    ["write", "ENOSPC", "no-space"],
    ["sync", "EIO", "storage"],
  ] as const
) {
  Deno.test(`a disk whose ${operation} fails with ${code} is a fault of the kind ${kind}, until it works again`, () =>
    withQueue(async ({ queue, disk, clock }) => {
      failing(disk, operation, "probe.tmp", code);
      assertEquals(await queue.fault(), { kind, code });
      heal(disk);
      assertEquals(await queue.fault(), { kind, code }, "it was tried just now");
      clock.advance(FRESH_FOR);
      assertEquals(await queue.fault(), undefined);
      assertEquals(disk.paths().filter((path) => path.endsWith("probe.tmp")), []);
    }));
}

Deno.test("the log tells once that the spool cannot be written, and once that it can again", () =>
  withQueue(async ({ queue, disk, clock }) => {
    const ask = async (times: number) => {
      for (; times > 0; times--) {
        await queue.fault();
        clock.advance(FRESH_FOR);
      }
    };
    failing(disk, "create", "probe.tmp", "EROFS");
    const errors = await capturedLog("error", () => ask(3));
    assertEquals(errors.map(({ message }) => message), ["The spool cannot be written"]);
    heal(disk);
    const infos = await capturedLog("info", () => ask(3));
    assertEquals(infos.map(({ message }) => message), ["The spool can be written again"]);
  }));

Deno.test("however often it is asked, the disk is tried once every five seconds", () =>
  withQueue(async ({ queue, disk, clock }) => {
    const trials = () =>
      disk.steps.filter(({ operation, path }) =>
        operation === "create" && path === `${SPOOL}/probe.tmp`
      ).length;
    await Promise.all(Array.from({ length: 20 }, () => queue.fault()));
    assertEquals(trials(), 1);
    clock.advance(FRESH_FOR - 1);
    await queue.fault();
    assertEquals(trials(), 1);
    clock.advance(1);
    await queue.fault();
    assertEquals(trials(), 2);
  }));

Deno.test("a disk that hangs is a fault after two seconds, and is not tried again before it answers", async () => {
  const clock = new TestClock();
  const gate = new Gate();
  let trials = 0;
  const check = new WriteCheck(clock, () => {
    trials++;
    return gate.wait();
  });
  const first = check.fault();
  clock.advance(2000);
  const silent = { kind: "storage", code: "ETIMEDOUT" } as const;
  assertEquals(await first, silent);
  clock.advance(FRESH_FOR);
  const second = check.fault();
  clock.advance(0);
  assertEquals([await second, trials], [silent, 1]);
  gate.open();
  await check.idle();
  assertEquals(await check.fault(), undefined);
  assertEquals([trials, clock.timers], [2, 0]);
});

for (
  const [what, ends, content] of [
    ["the journal", ".jsonl", "x"],
    ["a content file", ".eml", new Uint8Array(100_000)],
  ] as const
) {
  Deno.test(`what a real write of ${what} has met is a fault for five seconds, though the trial succeeds`, () =>
    withQueue(async ({ queue, disk, clock }) => {
      failing(disk, "write", ends, "EIO");
      await assertRejects(() => put(queue, content), QueueError);
      assertEquals(await queue.fault(), { kind: "storage", code: "EIO" });
      heal(disk);
      clock.advance(FRESH_FOR);
      assertEquals(await queue.fault(), undefined);
    }));
}

Deno.test("a message that cannot be filed is a fault too", () =>
  withQueue(async ({ queue, disk, clock }) => {
    await put(queue, "x");
    const claim = await claimOne(queue);
    failing(disk, "rename", ".json", "EROFS");
    const later = changes(deferred(clock.now() + 60_000));
    await assertRejects(() => claim.settle(later), QueueError);
    assertEquals(await queue.fault(), { kind: "storage", code: "EROFS" });
    heal(disk);
    await claim.settle(later);
    claim.release();
  }));

Deno.test("too little space is a fault without a code, and over as soon as it is there again", () =>
  withQueue(async ({ queue, disk, clock }) => {
    disk.free = 1999;
    assertEquals(await queue.fault(), { kind: "no-space" });
    assertEquals(queue.footprint().free, 1999);
    disk.free = 2000;
    clock.advance(FRESH_FOR);
    assertEquals(await queue.fault(), undefined);
    disk.free = undefined;
    clock.advance(FRESH_FOR);
    assertEquals([await queue.fault(), queue.footprint().free], [undefined, undefined]);
  }));

Deno.test("a journal that somebody has moved away is a fault, though it can be written", () =>
  withTempDir(async (directory) => {
    const clock = new TestClock();
    const queue = await openQueue({ directory, clock });
    await put(queue, "one");
    assertEquals(await queue.fault(), undefined);
    await Deno.rename(`${directory}/journal`, `${directory}/elsewhere`);
    await Deno.mkdir(`${directory}/journal`);
    await put(queue, "two");
    clock.advance(FRESH_FOR);
    assertEquals(await queue.fault(), { kind: "storage", code: "ENOENT" });
    await Deno.remove(`${directory}/journal`);
    await Deno.rename(`${directory}/elsewhere`, `${directory}/journal`);
    clock.advance(FRESH_FOR);
    assertEquals(await queue.fault(), undefined);
    await queue.close();
  }));

Deno.test("the journal's segments and octets are told as they are on the disk", () =>
  withQueue(async ({ queue, disk }) => {
    assertEquals([queue.footprint().segments, queue.footprint().journal], [0, 0]);
    await put(queue, "one");
    await put(queue, "two");
    const [segment] = disk.paths().filter((path) => path.endsWith(".jsonl"));
    const journal = await disk.size(segment!);
    assertEquals(queue.footprint(), { segments: 1, journal, free: 2 ** 40 });
  }));

Deno.test("a queue that is closed tries nothing, and one in memory has no fault", async () => {
  const disk = new SimDisk();
  const queue = await openQueue({ directory: SPOOL, clock: new TestClock(), files: disk });
  await queue.close();
  const steps: Step[] = [...disk.steps];
  assertEquals(await queue.fault(), { kind: "storage" });
  assertEquals(disk.steps, steps);
  const memory = new MemoryQueue(new TestClock());
  assertEquals([await memory.fault(), memory.footprint()], [undefined, undefined]);
});
