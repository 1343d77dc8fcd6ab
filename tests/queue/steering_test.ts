/** Steering messages on a spool: those not read yet, damaged ones, and what a disk that says no makes of it. */
import { assertEquals, assertRejects } from "@std/assert";
import { decode } from "../../base/bytes.ts";
import { FileQueue } from "../../queue/file_queue.ts";
import type { FileQueueOptions } from "../../queue/open_spool.ts";
import { QueueError, type Steering } from "../../queue/queue.ts";
import { TestClock } from "../helpers/test_clock.ts";
import {
  assertCounts,
  binary,
  changes,
  claimOne,
  deferred,
  delivered,
  openQueue,
  put,
  textOf,
} from "./fixtures.ts";
import { putDeferred } from "./overview_contract.ts";
import { failing, heal, SimDisk, systemError } from "./sim_disk.ts";
import { diskWithSlowFiles } from "./slow_disk.ts";

const SPOOL = "/spool";
const MINUTE = 60_000;

const HOLD: Steering = { kind: "hold" };
const REMOVE: Steering = { kind: "remove" };

function open(
  files: SimDisk,
  clock = new TestClock(),
  options: Partial<FileQueueOptions> = {},
): Promise<FileQueue> {
  return openQueue({ directory: SPOOL, clock, files, ...options });
}

/** Has these messages' files read at once, whatever the others wait for. */
function readFirst(disk: SimDisk, ids: readonly string[]): void {
  const slow = disk.read.bind(disk);
  const fast = SimDisk.prototype.read.bind(disk);
  disk.read = (path) => ids.some((id) => path.includes(id)) ? fast(path) : slow(path);
}

Deno.test("a message that is known by name only is read to be steered or looked at", async () => {
  const { disk, ids, letRead } = await diskWithSlowFiles(30);
  const [held, removed, shown, claimed] = ids.slice(-4) as [string, string, string, string];
  readFirst(disk, ids.slice(-4));
  const queue = await FileQueue.open({ directory: SPOOL, clock: new TestClock(), files: disk });
  assertCounts(queue, { messages: 30, unread: 30 });
  assertEquals(queue.overview(held), undefined);
  assertEquals(await queue.steer(held, HOLD), "done");
  assertEquals(await queue.steer(removed, REMOVE), "done");
  assertEquals(await textOf((await queue.contentOf(shown))!), "message 28");
  assertEquals((await queue.claimById(claimed))!.message.id, claimed);
  assertEquals((await queue.read(held))!.held, true);
  assertCounts(queue, { messages: 29, unread: 26, held: 1, active: 1, incoming: 1 });
  letRead();
  await queue.allRead;
  assertCounts(queue, { messages: 29, unread: 0 });
  await queue.close();
  const again = await open(disk.after("power cut"));
  assertCounts(again, { messages: 29, held: 1 });
  await again.close();
});

Deno.test("a message is read once, whoever asks for it while the files are read", async () => {
  const { disk, ids, letRead } = await diskWithSlowFiles(5);
  const read = disk.read.bind(disk);
  const reads: string[] = [];
  disk.read = (path) => {
    reads.push(path);
    return read(path);
  };
  const queue = await FileQueue.open({ directory: SPOOL, clock: new TestClock(), files: disk });
  const found = ids.flatMap((id) => [queue.read(id), queue.read(id)]);
  assertEquals(reads.filter((path) => path.endsWith(".json")).length, ids.length);
  letRead();
  assertEquals(
    (await Promise.all(found)).map((message) => message!.id),
    ids.flatMap((id) => [id, id]),
  );
  await queue.allRead;
  assertCounts(queue, { messages: 5, incoming: 5 });
  await queue.close();
});

Deno.test("a damaged message is set aside when it is steered, read or not", async () => {
  for (const kind of ["unread", "waiting"] as const) {
    const before = new SimDisk();
    const first = await open(before);
    const { id } = await put(first, "x");
    await first.close();
    const disk = before.after("kill");
    const damage = () => disk.put(`${SPOOL}/${id}.json`, binary(100));
    if (kind === "unread") damage();
    const queue = await FileQueue.open({ directory: SPOOL, clock: new TestClock(), files: disk });
    if (kind === "waiting") await queue.allRead;
    damage();
    assertEquals(await queue.steer(id, HOLD, MINUTE), "gone");
    assertCounts(queue, { messages: 0 });
    assertEquals(disk.paths().includes(`${SPOOL}/corrupt/${id}.json`), true);
    await queue.close();
  }
});

Deno.test("a held message that cannot be read for now stays on hold, and its steering fails", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock);
  const { id } = await put(queue, "x", ["a@example.com"], true);
  const read = disk.read.bind(disk);
  disk.read = () => Promise.reject(systemError("EIO"));
  await assertRejects(() => queue.steer(id, { kind: "release" }), QueueError, "cannot be read");
  await assertRejects(() => queue.contentOf(id), QueueError);
  disk.read = read;
  clock.advance(60 * MINUTE);
  assertEquals([await queue.claim(1), queue.overview(id)!.state], [[], "held"]);
  assertEquals(await queue.steer(id, { kind: "release" }), "done");
  assertEquals((await claimOne(queue)).message.id, id);
  await queue.close();
});

for (
  const [operation, ending] of [["write", ".json.tmp"], ["rename", ".json"], [
    "sync names",
    SPOOL,
  ]] as const
) {
  Deno.test(`a message stays as it was when "${operation}" fails as it is steered, and can be steered after`, async () => {
    const disk = new SimDisk();
    const clock = new TestClock();
    const queue = await open(disk, clock);
    const id = await putDeferred(queue, clock);
    const before = await queue.read(id);
    const overview = queue.overview(id);
    failing(disk, operation, ending);
    for (const change of [HOLD, { kind: "retry" }, { kind: "redirect", nextHop: "x" }] as const) {
      await assertRejects(() => queue.steer(id, change), QueueError);
      assertEquals([await queue.read(id), queue.overview(id)], [before, overview]);
    }
    heal(disk);
    const left = await open(disk.after("kill"));
    assertCounts(left, { messages: 1 });
    await left.close();
    assertEquals(await queue.steer(id, HOLD), "done");
    const again = await open(disk.after("power cut"));
    assertCounts(again, { messages: 1, held: 1 });
    await again.close();
    await queue.close();
  });
}

Deno.test("what a steering that failed may have left on disk is made good at the stop", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock);
  const id = await putDeferred(queue, clock);
  failing(disk, "sync names", SPOOL);
  await assertRejects(() => queue.steer(id, HOLD), QueueError);
  heal(disk);
  await queue.close();
  const again = await open(disk.after("power cut"));
  assertEquals(again.overview(id)!.state, "deferred");
  await again.close();
});

Deno.test("a message whose removal cannot be recorded is gone, and that is said", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  const { id } = await put(queue, "x");
  failing(disk, "write", ".jsonl");
  await assertRejects(() => queue.steer(id, REMOVE), QueueError);
  assertEquals(await queue.steer(id, REMOVE), "gone");
  heal(disk);
  await queue.close();
  const again = await open(disk.after("power cut"));
  assertCounts(again, { messages: 0 });
  await again.close();
});

Deno.test("a message is steered while its segment is emptied, and nothing of either is lost", async () => {
  const disk = new SimDisk();
  const queue = await open(disk, new TestClock(), { segmentSize: 1500, contentBudget: 0 });
  const { id } = await put(queue, "x");
  let steered: Promise<unknown> | undefined;
  disk.fault = ({ operation, path }) => {
    if (operation === "create" && path.endsWith(`${id}.json.tmp`)) {
      steered ??= queue.steer(id, HOLD, MINUTE);
    }
    return undefined;
  };
  for (let i = 0; i < 30 && steered === undefined; i++) await put(queue, `filler ${i}`);
  assertEquals(await steered, "done");
  const again = await open(disk.after("power cut"));
  assertEquals(again.overview(id)!.state, "held");
  await again.close();
  await queue.close();
});

Deno.test("a stop waits for what is being steered", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  const { id } = await put(queue, "x");
  const steering = queue.steer(id, HOLD);
  await put(queue, "y");
  await queue.close();
  assertEquals(await steering, "done");
  const again = await open(disk.after("power cut"));
  assertCounts(again, { messages: 2, held: 1 });
  await again.close();
});

Deno.test("a message that is recorded as its claim is released is steered after that", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock);
  const { id } = await put(queue, "x", ["a@example.com", "b@example.com"]);
  const claim = await claimOne(queue);
  const settled = claim.settle(changes(delivered(0), deferred(clock.now() + MINUTE, 1)));
  claim.release();
  assertEquals(await queue.steer(id, HOLD), "done");
  await settled;
  const again = await open(disk.after("power cut"));
  const { held, recipients } = (await again.read(id))!;
  assertEquals([held, ...recipients.map(({ status }) => status)], [true, "delivered", "waiting"]);
  await again.close();
  await queue.close();
});

Deno.test("what is captured, redirected and held stays so across restarts, as plain JSON", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock);
  const draft = queue.draft();
  await draft.write(new TextEncoder().encode("to be looked at"));
  const { envelope } = await put(queue, "held", ["a@example.com"], true);
  const captured = await draft.commit(envelope, { capture: true });
  const redirected = await putDeferred(queue, clock);
  const recipients = new Map([["rcpt@example.com", "x@example.net"]]);
  await queue.steer(redirected, { kind: "redirect", nextHop: "relay.example:26", recipients });
  await queue.close();
  const file = decode(await disk.read(`${SPOOL}/${captured.id}.json`));
  assertEquals(JSON.parse(file).r.captured, true);
  const again = await open(disk.after("power cut"), clock);
  assertCounts(again, { messages: 3, held: 1, captured: 1, deferred: 1 });
  assertEquals(await again.read(captured.id), captured);
  const { nextHop, recipients: [recipient] } = (await again.read(redirected))!;
  assertEquals([nextHop, recipient!.address], ["relay.example:26", "x@example.net"]);
  assertEquals(await textOf((await again.contentOf(captured.id))!), "to be looked at");
  await again.close();
});
