/** What the store does when the disk says no: full, failing, or slow to forget. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { encode } from "../../base/bytes.ts";
import type { FileQueue } from "../../queue/file_queue.ts";
import type { FileQueueOptions } from "../../queue/open_spool.ts";
import { type Queue, QueueError } from "../../queue/queue.ts";
import { TestClock } from "../helpers/test_clock.ts";
import {
  binary,
  changes,
  claimOne,
  contentOf,
  deferred,
  delivered,
  envelopeTo,
  openQueue,
  put,
  textOf,
} from "./fixtures.ts";
import { failing, heal, SimDisk, systemError } from "./sim_disk.ts";

const SPOOL = "/spool";
const MINUTE = 60_000;

function open(
  files: SimDisk,
  clock = new TestClock(),
  options: Partial<FileQueueOptions> = {},
): Promise<FileQueue> {
  return openQueue({ directory: SPOOL, clock, files, ...options });
}

async function assertRefused(
  work: () => Promise<unknown>,
  kind: QueueError["kind"],
): Promise<void> {
  const error = await assertRejects(work, QueueError);
  assertEquals(error.kind, kind);
}

async function idsOf(disk: SimDisk): Promise<string[]> {
  const queue = await open(disk);
  const ids = [...queue.overviews()].map(({ id }) => id);
  await queue.close();
  return ids.sort();
}

for (
  const [operation, code, kind] of [
    ["write", "ENOSPC", "no-space"],
    ["write", "EDQUOT", "no-space"],
    ["sync", "EIO", "storage"],
    ["create", "EMFILE", "storage"],
    ["create", "ENOSPC", "no-space"],
  ] as const
) {
  Deno.test(`a journal whose ${operation} fails with ${code} refuses mail as ${kind}, then goes on`, async () => {
    const disk = new SimDisk();
    // With segments of one batch each, every batch has to create one.
    const segmentSize = operation === "create" ? 1 : undefined;
    const queue = await open(disk, new TestClock(), { segmentSize });
    const before = await put(queue, "before");
    failing(disk, operation, ".jsonl", code);
    await assertRefused(() => put(queue, "refused"), kind);
    await assertRefused(() => put(queue, "refused again"), kind);
    heal(disk);
    const after = await put(queue, "after");
    const expected = [before.id, after.id].sort();
    for (const crash of ["kill", "power cut"] as const) {
      const ids = await idsOf(disk.after(crash));
      assertEquals(ids.filter((id) => expected.includes(id)), expected);
      assertEquals(ids.length, queue.counts().messages);
    }
    await queue.close();
    assertEquals(disk.paths().filter((path) => path.includes("/corrupt/")), []);
  });
}

Deno.test("a segment that failed is cut to what was durable and never synced again", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  await put(queue, "before");
  failing(disk, "sync", ".jsonl");
  await assertRefused(() => put(queue, "refused"), "storage");
  heal(disk);
  const failed = disk.steps.length;
  await put(queue, "after");
  const later = disk.steps.slice(failed).filter((step) => step.path.endsWith("00000001.jsonl"));
  assertEquals(later.filter((step) => step.operation !== "remove"), []);
  await queue.close();
});

Deno.test("mail refused by a failing journal does not come back after a later commit", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  await put(queue, "before");
  // Neither the sync nor the attempt to take the record back works.
  disk.fault = ({ operation, path }) =>
    path.endsWith(".jsonl") && operation !== "write" ? systemError("EIO") : undefined;
  await assertRefused(() => put(queue, "refused"), "storage");
  heal(disk);
  await put(queue, "after");
  const again = await open(disk.after("kill"));
  const texts: string[] = [];
  for (const claim of await again.claim(10)) texts.push(await textOf(claim.content()));
  assertEquals(texts.sort(), ["after", "before"]);
  await again.close();
  await queue.close();
});

Deno.test("a segment that could not even be removed is disowned too", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  disk.fault = ({ operation, path }) =>
    path.endsWith(".jsonl") && operation !== "create" && operation !== "write"
      ? systemError("EIO")
      : undefined;
  await assertRefused(() => put(queue, "refused"), "storage");
  heal(disk);
  const { id } = await put(queue, "after");
  assertEquals(await idsOf(disk.after("kill")), [id]);
  await queue.close();
});

Deno.test("what a failed write left in the middle of a journal is not taken for damage", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  const before = await put(queue, "before");
  disk.fault = ({ path }) => path.endsWith(".jsonl") ? systemError("EIO") : undefined;
  await assertRefused(() => put(queue, "refused"), "storage");
  heal(disk);
  const after = await put(queue, "after");
  const found = disk.after("kill");
  assertEquals(await idsOf(found), [before.id, after.id].sort());
  assertEquals(found.paths().filter((path) => path.includes("/corrupt/")), []);
  await queue.close();
});

Deno.test("a segment whose name cannot be made durable takes no mail", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  failing(disk, "sync names", "/journal");
  await assertRefused(() => put(queue, "refused"), "storage");
  heal(disk);
  const { id } = await put(queue, "after");
  assertEquals(await idsOf(disk.after("power cut")), [id]);
  await queue.close();
});

Deno.test("a full disk leaves no trail of empty segments", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  failing(disk, "write", ".jsonl", "ENOSPC");
  for (let i = 0; i < 20; i++) await assertRefused(() => put(queue, "refused"), "no-space");
  assertEquals(disk.paths(), []);
  await queue.close();
});

Deno.test("what was noted in a failed batch is written with the next", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock);
  const { id } = await put(queue, "delivered");
  const claim = await claimOne(queue);
  await claim.settle(changes(delivered()));
  claim.release();
  failing(disk, "sync", ".jsonl");
  await assertRefused(() => put(queue, "refused"), "storage");
  assertEquals(await idsOf(disk.after("power cut")), [id]);
  heal(disk);
  const after = await put(queue, "after");
  assertEquals(await idsOf(disk.after("power cut")), [after.id]);
  await queue.close();
});

Deno.test("a delivery is noted on disk a tenth of a second later when nothing else is", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock);
  await put(queue, "delivered");
  const claim = await claimOne(queue);
  await claim.settle(changes(delivered()));
  claim.release();
  failing(disk, "sync", ".jsonl");
  const steps = disk.steps.length;
  clock.advance(100);
  // It fails once, and is tried again a second later.
  await eventually(() => disk.steps.length > steps && clock.nextTimer() < Infinity);
  heal(disk);
  clock.advance(1000);
  await eventually(() => disk.steps.at(-1)?.operation === "sync");
  assertEquals(await idsOf(disk.after("power cut")), []);
  await queue.close();
});

/** Waits, without a clock, until what is under way in memory has come about. */
async function eventually(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (condition()) return;
    await Promise.resolve();
  }
  throw new Error("it never came about");
}

for (const operation of ["create", "write", "sync", "rename"] as const) {
  Deno.test(`a deferral whose ${operation} fails is reported, remembered, and recorded later`, async () => {
    const disk = new SimDisk();
    const clock = new TestClock();
    const queue = await open(disk, clock);
    const { id } = await put(queue, contentOf("x"), ["a@example.com", "b@example.com"]);
    const claim = await claimOne(queue);
    failing(disk, operation, operation === "rename" ? ".json" : ".json.tmp", "ENOSPC");
    const settled = changes(delivered(0), deferred(clock.now() + MINUTE, 1));
    await assertRefused(() => claim.settle(settled), "no-space");
    claim.release();
    assertEquals(await idsOf(disk.after("power cut")), [id]);
    clock.advance(MINUTE);
    heal(disk);
    const again = await claimOne(queue);
    assertEquals(again.message.recipients.map(({ status }) => status), ["delivered", "waiting"]);
    await again.settle(changes(deferred(clock.now() + MINUTE, 1)));
    again.release();
    const restarted = await open(disk.after("power cut"));
    const message = (await restarted.read(id))!;
    assertEquals(message.recipients.map(({ attempts }) => attempts), [1, 2]);
    await restarted.close();
    await queue.close();
  });
}

Deno.test("what could not be recorded is recorded at the end", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock);
  const { id } = await put(queue, "x", ["a@example.com", "b@example.com"]);
  for (const index of [0, 1]) {
    const claim = (await queue.claimById(id))!;
    failing(disk, "sync names", SPOOL);
    await assertRefused(() => claim.settle(changes(deferred(clock.now(), index))), "storage");
    claim.release();
    heal(disk);
  }
  await queue.close();
  const again = await open(disk.after("power cut"));
  assertEquals((await again.read(id))!.recipients.map(({ attempts }) => attempts), [1, 1]);
  await again.close();
});

Deno.test("a message whose filing failed half-way does not come back when it is done", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock);
  await put(queue, "x", ["a@example.com", "b@example.com"]);
  const claim = await claimOne(queue);
  failing(disk, "sync names", SPOOL);
  await assertRefused(() => claim.settle(changes(delivered(0))), "storage");
  heal(disk);
  await claim.settle(changes(delivered(1)));
  claim.release();
  const after = await put(queue, "after");
  for (const crash of ["kill", "power cut"] as const) {
    assertEquals(await idsOf(disk.after(crash)), [after.id]);
  }
  await queue.close();
});

for (const operation of ["create", "write", "sync", "sync names"] as const) {
  Deno.test(`large content whose ${operation} fails is refused at its end and removed`, async () => {
    const disk = new SimDisk();
    const queue = await open(disk);
    const code = operation === "write" ? "ENOSPC" : "EIO";
    failing(disk, operation, operation === "sync names" ? SPOOL : ".eml", code);
    const draft = queue.draft();
    for (let i = 0; i < 5; i++) await draft.write(binary(50_000));
    const gone = operation === "create" || operation === "write";
    assertEquals(disk.paths().some((path) => path.endsWith(".eml")), !gone);
    const kind = operation === "write" ? "no-space" : "storage";
    await assertRefused(() => draft.commit(envelopeTo("a@example.com")), kind);
    assertEquals(disk.paths().filter((path) => path.endsWith(".eml")), []);
    heal(disk);
    await put(queue, binary(100_000));
    await queue.close();
  });
}

Deno.test("held mail that cannot be filed is refused", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  failing(disk, "sync names", SPOOL);
  await assertRefused(() => put(queue, "held", ["a@example.com"], true), "storage");
  heal(disk);
  assertEquals(queue.counts().messages, 0);
  await queue.close();
  assertEquals(await idsOf(disk), []);
});

Deno.test("files that cannot be removed keep the note that their message is done", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock, { segmentSize: 2000 });
  await put(queue, "x");
  const claim = await claimOne(queue);
  await claim.settle(changes(deferred(clock.now() + MINUTE)));
  await claim.settle(changes(delivered()));
  claim.release();
  failing(disk, "remove", ".json");
  for (let i = 0; i < 20; i++) await put(queue, "filler".repeat(50));
  const expected = [...queue.overviews()].map(({ id }) => id).sort();
  assertEquals(await idsOf(disk.after("kill")), expected);
  assert(disk.paths().some((path) => path.endsWith(".json")));
  const segments = () => disk.paths().filter((path) => path.includes("/journal/")).length;
  assert(segments() < 8, "one stuck file must not keep the whole journal");
  heal(disk);
  for (let i = 0; i < 20; i++) await put(queue, "filler".repeat(50));
  await queue.close();
  assertEquals(segments(), 0);
});

Deno.test("a journal that cannot be emptied at the end stays, and nothing is lost", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  const { id } = await put(queue, "x");
  failing(disk, "create", ".json.tmp");
  await queue.close();
  heal(disk);
  assertEquals(await idsOf(disk.after("power cut")), [id]);
});

Deno.test("a journal that cannot be completed or removed at the end does no harm", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  await put(queue, "x");
  const claim = await claimOne(queue);
  await claim.settle(changes(delivered()));
  claim.release();
  disk.fault = ({ path }) => path.endsWith(".jsonl") ? systemError("EIO") : undefined;
  await queue.close();
  heal(disk);
  const found = disk.after("power cut");
  assertEquals((await idsOf(found)).length, 1);
  assertEquals((await idsOf(found)).length, 1);
  assertEquals(found.paths().filter((path) => path.includes("/corrupt/")), []);
});

Deno.test("a message that cannot be read for now is tried again a minute later", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock);
  const { id } = await put(queue, "x");
  const claim = await claimOne(queue);
  await claim.settle(changes(deferred(clock.now())));
  claim.release();
  const read = disk.read.bind(disk);
  disk.read = () => Promise.reject(systemError("EMFILE"));
  assertEquals(await queue.claim(1), []);
  await assertRejects(() => queue.read(id), Error, "EMFILE");
  assertEquals(queue.nextDue(), clock.now() + MINUTE);
  disk.read = read;
  clock.advance(MINUTE);
  assertEquals(await textOf((await claimOne(queue)).content()), "x");
  await queue.close();
});

Deno.test("below the low-water mark no draft is begun, until there is space again", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  disk.free = 1000;
  const queue = await open(disk, clock, { lowWater: 2000 });
  assertEquals(assertThrows(() => queue.draft(), QueueError).kind, "no-space");
  disk.free = 3000;
  assertThrows(() => queue.draft(), QueueError);
  clock.advance(5000);
  assertThrows(() => queue.draft(), QueueError);
  await eventually(() => drafted(queue));
  disk.free = undefined;
  clock.advance(5000);
  assert(drafted(queue));
  await queue.close();
});

Deno.test("there is room for a message as long as it leaves the low-water mark free", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  disk.free = 3000;
  const queue = await open(disk, clock, { lowWater: 2000 });
  assertEquals([0, 1000, 1001].map((size) => queue.hasRoom(size)), [true, true, false]);
  disk.free = 1999;
  clock.advance(5000);
  assert(queue.hasRoom(0), "it is not known yet");
  await eventually(() => !queue.hasRoom(0));
  disk.free = undefined;
  clock.advance(5000);
  await eventually(() => queue.hasRoom(1e12));
  await queue.close();
});

Deno.test("a refusal for want of space makes it look at the space at once", async () => {
  const disk = new SimDisk();
  const queue = await open(disk, new TestClock(), { lowWater: 2000 });
  failing(disk, "write", ".jsonl", "ENOSPC");
  disk.free = 1000;
  await assertRefused(() => put(queue, encode("x")), "no-space");
  await eventually(() => !drafted(queue));
  await queue.close();
});

function drafted(queue: Queue): boolean {
  try {
    queue.draft();
    return true;
  } catch (error) {
    if (error instanceof QueueError) return false;
    throw error;
  }
}

Deno.test("the names of a new spool are durable before anything is put into it", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  await put(queue, "x");
  const first = disk.steps.findIndex((step) => step.operation === "create");
  const synced = disk.steps.slice(0, first).filter((step) => step.operation === "sync names");
  assertEquals(new Set(synced.map((step) => step.path)), new Set([SPOOL, `${SPOOL}/journal`, "/"]));
  await queue.close();
});
