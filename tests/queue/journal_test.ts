/** Group commit, batches of any size, and what happens to a segment under its readers. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { encode } from "../../base/bytes.ts";
import type { FileQueue } from "../../queue/file_queue.ts";
import type { FileQueueOptions } from "../../queue/open_spool.ts";
import type { Claim } from "../../queue/queue.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { changes, deferred, delivered, openQueue, put, textOf } from "./fixtures.ts";
import { SimDisk, systemError } from "./sim_disk.ts";

const SPOOL = "/spool";

function open(files: SimDisk, options: Partial<FileQueueOptions> = {}): Promise<FileQueue> {
  return openQueue({ directory: SPOOL, clock: new TestClock(), files, ...options });
}

/** Every message's content, as the next process reads it from the journal. */
async function textsAfterCrash(disk: SimDisk): Promise<string[]> {
  const queue = await open(disk.after("power cut"), { contentBudget: 0 });
  const claims = await queue.claim(1000);
  const texts = await Promise.all(claims.map((claim) => textOf(claim.content())));
  for (const claim of claims) claim.release();
  await queue.close();
  return texts.sort();
}

function countSyncs(disk: SimDisk): number {
  return disk.steps.filter(({ operation, path }) => operation === "sync" && path.endsWith(".jsonl"))
    .length;
}

Deno.test("whoever commits at the same time shares one write and one sync", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  const texts = Array.from({ length: 50 }, (_, i) => `message ${i}`);
  await Promise.all(texts.map((text) => put(queue, text)));
  assertEquals(countSyncs(disk), 1);
  assertEquals(await textsAfterCrash(disk), texts.sort());
  await queue.close();
});

Deno.test("those who come during a commit share the next", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  let late: Promise<unknown>[] = [];
  disk.fault = ({ operation }) => {
    if (operation === "sync" && late.length === 0) {
      late = Array.from({ length: 9 }, (_, i) => put(queue, `late ${i}`));
    }
    return undefined;
  };
  await put(queue, "early");
  await Promise.all(late);
  assertEquals(countSyncs(disk), 2);
  assertEquals((await textsAfterCrash(disk)).length, 10);
  await queue.close();
});

Deno.test("a batch too large for one write takes several", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  const texts = Array.from({ length: 60 }, (_, i) => `${i} `.padEnd(65_000, "x"));
  await Promise.all(texts.map((text) => put(queue, text)));
  assert(countSyncs(disk) > 1);
  assertEquals(await textsAfterCrash(disk), texts.sort());
  await queue.close();
});

Deno.test("a record larger than any batch is written all the same", async () => {
  const disk = new SimDisk();
  const queue = await open(disk);
  const recipients = Array.from({ length: 1000 }, (_, i) => `${"l".repeat(250)}${i}@example.com`);
  const content = "\u0001".repeat(60_000);
  await Promise.all([
    put(queue, "before"),
    put(queue, content, recipients),
    put(queue, "after"),
  ]);
  assertEquals(await textsAfterCrash(disk), [content, "after", "before"]);
  await queue.close();
});

Deno.test("segments stay few while mail passes through and some of it stays", async () => {
  const disk = new SimDisk();
  const queue = await open(disk, { segmentSize: 2000 });
  const stays = await put(queue, "stays");
  const claim = (await queue.claimById(stays.id))!;
  for (let i = 0; i < 100; i++) {
    const { id } = await put(queue, encode(`passes ${i}`));
    const passing = (await queue.claimById(id))!;
    await passing.settle(changes(delivered()));
    passing.release();
  }
  assert(disk.paths().filter((path) => path.endsWith(".jsonl")).length <= 6);
  // The last delivery is durable with the next commit.
  await put(queue, "last");
  assertEquals(await textsAfterCrash(disk), ["last", "stays"]);
  claim.release();
  await queue.close();
});

Deno.test("a burst that outruns the filing leaves few segments behind", async () => {
  const disk = new SimDisk();
  const queue = await open(disk, { segmentSize: 2000 });
  const segments = () => disk.paths().filter((path) => path.endsWith(".jsonl")).length;
  const gate = Promise.withResolvers<void>();
  const create = disk.create.bind(disk);
  disk.create = async (path) => {
    if (path.endsWith(".tmp")) await gate.promise;
    return await create(path);
  };
  const texts = Array.from({ length: 60 }, (_, i) => `message ${i}`);
  for (const text of texts) await put(queue, text);
  assert(segments() > 10);
  gate.resolve();
  for (let turn = 0; turn < 10_000 && segments() > 4; turn++) await Promise.resolve();
  assert(segments() <= 4);
  assertEquals(await textsAfterCrash(disk), texts.sort());
  await queue.close();
});

/** Fills a segment with messages that are not in memory, and then so many more that it is emptied; gives how often it was read, as a whole and in parts. */
async function readsOfEmptied(
  disk: SimDisk,
  count: number,
): Promise<[whole: number, parts: number]> {
  const first = `${SPOOL}/journal/00000001.jsonl`;
  const reads: [number, number] = [0, 0];
  const { read, readAt } = disk;
  disk.read = (path) => {
    if (path === first) reads[0]++;
    return read.call(disk, path);
  };
  disk.readAt = (path, at, size) => {
    if (path === first) reads[1]++;
    return readAt.call(disk, path, at, size);
  };
  const queue = await open(disk, { segmentSize: 1000, contentBudget: 0 });
  const texts = Array.from({ length: count }, (_, i) => `message ${i}`);
  await Promise.all(texts.map((text) => put(queue, text)));
  for (let i = 0; i < 500 && disk.paths().includes(first); i++) {
    texts.push(`more ${i}`);
    await put(queue, `more ${i}`);
  }
  assertEquals(await textsAfterCrash(disk), texts.sort());
  await queue.close();
  return reads;
}

Deno.test("a segment of which much is read back to be filed is read once", async () => {
  assertEquals(await readsOfEmptied(new SimDisk(), 300), [1, 0]);
  assertEquals(await readsOfEmptied(new SimDisk(), 50), [0, 50]);
});

Deno.test("a segment that cannot be read as a whole is read record by record", async () => {
  const disk = new SimDisk();
  disk.read = () => Promise.reject(systemError("EIO"));
  assertEquals(await readsOfEmptied(disk, 300), [1, 300]);
});

Deno.test("a message that is filed while it is read from the journal is read from its file", async () => {
  const disk = new SimDisk();
  const queue = await open(disk, { contentBudget: 0 });
  const { id } = await put(queue, "x");
  const gone = Promise.withResolvers<never>();
  const readAt = disk.readAt.bind(disk);
  disk.readAt = () => gone.promise;
  const reading = queue.read(id);
  disk.readAt = readAt;
  const claim = (await queue.claimById(id))!;
  await claim.settle(changes(deferred(0)));
  gone.reject(new Deno.errors.NotFound("the segment was removed"));
  assertEquals((await reading)!.recipients[0]!.attempts, 1);
  claim.release();
  await queue.close();
});

Deno.test("mail claimed while its segment is emptied keeps what is settled meanwhile", async () => {
  const disk = new SimDisk();
  const queue = await open(disk, { segmentSize: 1500, contentBudget: 0 });
  const { id } = await put(queue, "x", ["a@example.com", "b@example.com"]);
  const claim = (await queue.claimById(id))!;
  let settled: Promise<void> | undefined;
  disk.fault = ({ operation, path }) => {
    if (operation === "create" && path.endsWith(`${id}.json.tmp`)) {
      settled ??= claim.settle(changes(delivered(0)));
    }
    return undefined;
  };
  for (let i = 0; i < 30 && settled === undefined; i++) await put(queue, `filler ${i}`);
  await settled!;
  const again = await open(disk.after("power cut"));
  assertEquals((await again.read(id))!.recipients[0]!.status, "delivered");
  await again.close();
  claim.release();
  await queue.close();
});

/** Waits for some turns of the microtask queue. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await undefined;
}

/** Lets operations of the journal's directory take longer or shorter, so that they meet in every order. */
function uneven(disk: SimDisk, seed: number): void {
  let state = seed;
  const some = () => (state = (state * 1103515245 + 12345) % 2 ** 31) >> 16 & 15;
  const { create, remove, syncDirectory } = disk;
  disk.create = (path) => turns(some()).then(() => create.call(disk, path));
  disk.remove = (path) => remove.call(disk, path).then(() => turns(some()));
  disk.syncDirectory = (path) => syncDirectory.call(disk, path).then(() => turns(some()));
}

/** A queue on a disk that a killed process left, whose only message is claimed. */
async function withOneClaimed(seed: number): Promise<[FileQueue, SimDisk, Claim]> {
  const before = new SimDisk();
  await put(await open(before), "old");
  const disk = before.after("kill");
  const queue = await open(disk);
  const [claim] = await queue.claim(1);
  uneven(disk, seed);
  return [queue, disk, claim!];
}

async function textsAfterKill(disk: SimDisk): Promise<string[]> {
  const queue = await open(disk.after("kill"), { contentBudget: 0 });
  const claims = await queue.claim(1000);
  const texts = await Promise.all(claims.map((claim) => textOf(claim.content())));
  for (const claim of claims) claim.release();
  await queue.close();
  return texts;
}

const SEEDS = 300;

Deno.test("a segment that is being opened is not given back with those before it", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const [queue, disk, claim] = await withOneClaimed(seed);
    const settled = claim.settle(changes(delivered()));
    await Promise.all([settled, put(queue, "new")]);
    const texts = await textsAfterKill(disk);
    assert(texts.includes("new"), `acknowledged and lost, with seed ${seed}`);
    claim.release();
    await queue.close();
  }
});

Deno.test("a segment that fails is not given back twice, nor another in its place", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const [queue, disk, claim] = await withOneClaimed(seed);
    let failures = 1;
    disk.fault = ({ operation, path }) =>
      operation === "sync" && path.endsWith(".jsonl") && failures-- > 0
        ? systemError("EIO")
        : undefined;
    const settled = claim.settle(changes(delivered()));
    const refused = assertRejects(() => put(queue, "refused"));
    await Promise.all([settled, refused.then(() => put(queue, "new"))]);
    const texts = await textsAfterKill(disk);
    assert(texts.includes("new"), `acknowledged and lost, with seed ${seed}`);
    assert(!texts.includes("refused"), `refused, and back again, with seed ${seed}`);
    claim.release();
    await queue.close();
    const left = disk.paths().filter((path) => path.includes("/journal/"));
    assertEquals(left, [], `with seed ${seed}`);
  }
});
