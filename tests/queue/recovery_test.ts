/** What a start makes of the files it finds: torn, damaged, left over, foreign. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat, encode } from "../../base/bytes.ts";
import { FileQueue } from "../../queue/file_queue.ts";
import { SpoolError } from "../../queue/lock.ts";
import type { QueuedMessage } from "../../queue/queue.ts";
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
import { SimDisk, systemError } from "./sim_disk.ts";
import { diskWithSlowFiles } from "./slow_disk.ts";

const SPOOL = "/spool";
const SEGMENT = `${SPOOL}/journal/00000001.jsonl`;

function open(files: SimDisk, clock = new TestClock()): Promise<FileQueue> {
  return openQueue({ directory: SPOOL, clock, files, contentBudget: 0 });
}

/** A disk whose process was killed after accepting these messages. */
async function diskWith(
  ...contents: (string | Uint8Array)[]
): Promise<{ disk: SimDisk; messages: QueuedMessage[] }> {
  const disk = new SimDisk();
  const queue = await open(disk);
  const messages: QueuedMessage[] = [];
  for (const content of contents) messages.push(await put(queue, content));
  return { disk: disk.after("kill"), messages };
}

/** A disk with one message that waits in its file. */
async function diskWithFile(
  content: string | Uint8Array,
): Promise<{ disk: SimDisk; id: string }> {
  const disk = new SimDisk();
  const queue = await open(disk);
  const { id } = await put(queue, content);
  await queue.close();
  return { disk: disk.after("kill"), id };
}

function corrupt(disk: SimDisk): string[] {
  return disk.paths().filter((path) => path.includes("/corrupt/"));
}

async function texts(queue: FileQueue): Promise<string[]> {
  const found: string[] = [];
  for (const claim of await queue.claim(100)) {
    found.push(await textOf(claim.content()));
    claim.release();
  }
  return found;
}

/** Turns one octet into another. */
async function flip(disk: SimDisk, path: string, at: number): Promise<void> {
  const bytes = await disk.read(path);
  bytes[at]! ^= 1;
  disk.put(path, bytes);
}

Deno.test("a torn tail is cut off wherever it is torn, and does not show up again", async () => {
  const { disk } = await diskWith("one", "two");
  const whole = await disk.read(SEGMENT);
  const second = await diskWith("one").then(({ disk }) => disk.read(SEGMENT));
  for (let size = second.length + 1; size < whole.length; size += 7) {
    const torn = disk.after("kill");
    torn.put(SEGMENT, whole.slice(0, size));
    const queue = await open(torn);
    assertEquals(await texts(queue), ["one"]);
    assertEquals((await torn.read(SEGMENT)).length, second.length);
    await put(queue, "three");
    // The process dies; what was torn is now in the middle of the journal.
    const next = torn.after("kill");
    const again = await open(next);
    assertEquals((await texts(again)).sort(), ["one", "three"]);
    await again.close();
    assertEquals(corrupt(next), []);
    await queue.close();
  }
});

Deno.test("a tail of zeros is torn too", async () => {
  const { disk } = await diskWith("one");
  const whole = await disk.read(SEGMENT);
  disk.put(SEGMENT, concat([whole, new Uint8Array(5000)]));
  const queue = await open(disk);
  assertEquals(await texts(queue), ["one"]);
  assertEquals((await disk.read(SEGMENT)).length, whole.length);
  await queue.close();
  assertEquals(corrupt(disk), []);
});

Deno.test("one flipped bit costs one record, whichever it is, and the record is kept aside", async () => {
  const { disk } = await diskWith("one", "two", "three");
  const whole = await disk.read(SEGMENT);
  const size = whole.length / 3;
  for (let at = 0; at < 2 * size; at += 11) {
    const damaged = disk.after("kill");
    await flip(damaged, SEGMENT, at);
    const queue = await open(damaged);
    assertEquals(await texts(queue), at < size ? ["two", "three"] : ["one", "three"]);
    const [kept, ...others] = corrupt(damaged);
    assertEquals(others, []);
    assertEquals((await damaged.read(kept!)).length > 0, true);
    await queue.close();
  }
});

Deno.test("damage that stays in the journal is kept aside once, not at every start", async () => {
  const { disk } = await diskWith("one", "two");
  await flip(disk, SEGMENT, 100);
  let found = disk;
  for (let start = 0; start < 3; start++) {
    await open(found);
    assertEquals(corrupt(found).length, 1);
    found = found.after("kill");
  }
});

Deno.test("a damaged message file is moved aside with its content, and the others go on", async () => {
  for (const content of ["inline", binary(100_000)]) {
    const { disk, id } = await diskWithFile(content);
    const path = `${SPOOL}/${id}.json`;
    const size = (await disk.read(path)).length;
    for (const at of [0, 20, Math.floor(size / 2), size - 1]) {
      const damaged = disk.after("kill");
      await flip(damaged, path, at);
      const queue = await open(damaged);
      assertEquals(queue.counts().messages, 0);
      const expected = content === "inline" ? [".json"] : [".eml", ".json"];
      assertEquals(corrupt(damaged), expected.map((kind) => `${SPOOL}/corrupt/${id}${kind}`));
      await queue.close();
    }
  }
});

Deno.test("a message file under another message's name is damaged", async () => {
  const { disk, id } = await diskWithFile("x");
  const other = "0".repeat(26);
  disk.put(`${SPOOL}/${other}.json`, await disk.read(`${SPOOL}/${id}.json`));
  const queue = await open(disk);
  assertEquals([...queue.overviews()].map(({ id }) => id), [id]);
  assertEquals(corrupt(disk), [`${SPOOL}/corrupt/${other}.json`]);
  await queue.close();
});

Deno.test("a damaged message file gives way to the journal's record of the message", async () => {
  const { disk, messages: [message] } = await diskWith("from the journal");
  disk.put(`${SPOOL}/${message!.id}.json`, encode("{}"));
  const queue = await open(disk);
  assertEquals(await texts(queue), ["from the journal"]);
  assertEquals(corrupt(disk).length, 1);
  await queue.close();
});

Deno.test("a message without its content is set aside, filed or journaled", async () => {
  for (const filed of [true, false]) {
    const { disk, id } = filed
      ? await diskWithFile(binary(100_000))
      : await diskWith(binary(100_000)).then(({ disk, messages }) => ({
        disk,
        id: messages[0]!.id,
      }));
    await disk.remove(`${SPOOL}/${id}.eml`);
    const queue = await open(disk);
    assertEquals(queue.counts().messages, 0);
    assertEquals(corrupt(disk), [`${SPOOL}/corrupt/${id}.json${filed ? "" : "l"}`]);
    await queue.close();
  }
});

Deno.test("a message that is damaged while it waits is set aside when it is claimed", async () => {
  const { disk, id } = await diskWithFile(binary(100_000));
  const queue = await open(disk);
  const sound = await put(queue, "sound");
  disk.put(`${SPOOL}/${id}.eml`, binary(99_999));
  const claims = await queue.claim(10);
  assertEquals(claims.map((claim) => claim.message.id), [sound.id]);
  assertEquals(queue.counts().messages, 1);
  assertEquals(await queue.read(id), undefined);
  await queue.close();
  assertEquals(corrupt(disk), [".eml", ".json"].map((kind) => `${SPOOL}/corrupt/${id}${kind}`));
});

Deno.test("a journal record that is damaged while its message waits is set aside", async () => {
  const { disk, messages: [message] } = await diskWith("x");
  const queue = await open(disk);
  await flip(disk, SEGMENT, 200);
  assertEquals(await queue.read(message!.id), undefined);
  assertEquals(await queue.claim(1), []);
  assertEquals(queue.counts().messages, 0);
  assertEquals(corrupt(disk), [`${SPOOL}/corrupt/${message!.id}.jsonl`]);
  await queue.close();
});

Deno.test("a damaged message that cannot be moved stays and is looked at again", async () => {
  const { disk, id } = await diskWithFile("x");
  const queue = await open(disk);
  disk.put(`${SPOOL}/${id}.json`, encode("{}"));
  disk.fault = ({ operation }) => operation === "rename" ? systemError("EIO") : undefined;
  assertEquals(await queue.claim(1), []);
  assertCounts(queue, { messages: 1, active: 0, held: 0 });
  assertEquals(corrupt(disk), []);
  disk.fault = () => undefined;
  await queue.close();
});

Deno.test("a message file removed by hand is forgotten", async () => {
  const { disk, id } = await diskWithFile("x");
  const queue = await open(disk);
  await disk.remove(`${SPOOL}/${id}.json`);
  assertEquals(await queue.claim(1), []);
  assertEquals(queue.counts().messages, 0);
  await queue.close();
});

Deno.test("a message that shrinks while it is read fails the read", async () => {
  const { disk, id } = await diskWithFile(binary(100_000));
  const queue = await open(disk);
  const claim = await claimOne(queue);
  disk.put(`${SPOOL}/${id}.eml`, binary(99_999));
  await assertRejects(() => textOf(claim.content()), Error, "is not 100000 octets long");
  disk.put(`${SPOOL}/${id}.eml`, binary(100_001));
  await assertRejects(() => textOf(claim.content()), Error, "is not 100000 octets long");
  await disk.remove(`${SPOOL}/${id}.eml`);
  await assertRejects(() => textOf(claim.content()), Error, "reading");
  await queue.close();
});

Deno.test("leftovers are removed, and what is not the queue's own is left alone", async () => {
  const { disk, id } = await diskWithFile("x");
  const other = "1".repeat(26);
  for (const name of [`${other}.eml`, `${other}.json.tmp`, `${id}.json.tmp`]) {
    disk.put(`${SPOOL}/${name}`, encode("left over"));
  }
  const foreign = [".gitkeep", "cert.pem", "notes.json", "draft.eml", "journal/readme.txt"];
  for (const name of foreign) disk.put(`${SPOOL}/${name}`, encode("not ours"));
  const queue = await open(disk);
  const expected = [...foreign, `${id}.json`].map((name) => `${SPOOL}/${name}`).sort();
  assertEquals(disk.paths(), expected);
  await queue.close();
});

Deno.test("content that a lost record may have named is kept aside instead of removed", async () => {
  const { disk, messages } = await diskWith(binary(100_000), "sound");
  await flip(disk, SEGMENT, 100);
  const queue = await open(disk);
  assertEquals(await texts(queue), ["sound"]);
  assert(corrupt(disk).includes(`${SPOOL}/corrupt/${messages[0]!.id}.eml`));
  await queue.close();
});

Deno.test("a file that cannot be read at the start stays where it is, with its content", async () => {
  const { disk, id } = await diskWithFile(binary(100_000));
  const read = disk.read.bind(disk);
  disk.read = (path) => path.endsWith(".json") ? Promise.reject(systemError("EIO")) : read(path);
  const queue = await open(disk);
  assertEquals(queue.counts().messages, 0);
  await queue.close();
  assertEquals(disk.paths(), [`${SPOOL}/${id}.eml`, `${SPOOL}/${id}.json`]);
});

Deno.test("a spool whose directory cannot be read is unusable, and is not held on to", async () => {
  const disk = new SimDisk();
  const list = disk.list.bind(disk);
  disk.list = () => Promise.reject(systemError("EACCES"));
  const error = await assertRejects(() => open(disk), SpoolError, "cannot use spool /spool");
  assertEquals(error.kind, "unusable");
  disk.list = list;
  await (await open(disk)).close();
});

Deno.test("messages deferred before a restart keep their time, state and history", async () => {
  const disk = new SimDisk();
  const clock = new TestClock();
  const queue = await open(disk, clock);
  const { id } = await put(queue, "x");
  const claim = await claimOne(queue);
  const next = clock.now() + 300_000.4;
  await claim.settle({
    ...changes(deferred(next)),
    attempts: [{
      at: clock.now(),
      took: 3,
      destination: "example.com",
      recipients: [0],
      reply: "451 later",
      outcome: "deferred",
      next: "again in 5 minutes",
    }],
  });
  claim.release();
  const before = await queue.read(id);
  const again = await open(disk.after("power cut"), clock);
  assertEquals(again.nextDue(), Math.round(next));
  assertEquals(await again.read(id), before);
  assertEquals([...again.overviews()][0]!.hostFailure, true);
  await again.close();
  await queue.close();
});

Deno.test("mail is taken and delivered before what waits in files has been read", async () => {
  const { disk, ids, letRead } = await diskWithSlowFiles(20);
  const queue = await FileQueue.open({ directory: SPOOL, clock: new TestClock(), files: disk });
  assertEquals(queue.counts().messages, 20);
  const { id } = await put(queue, "fresh");
  assertEquals(queue.counts().messages, 21);
  const [claim, ...others] = await queue.claim(100);
  assertEquals([claim!.message.id, others.length], [id, 0]);
  await claim!.settle(changes(delivered()));
  claim!.release();
  letRead();
  await queue.allRead;
  assertEquals(queue.counts().messages, 20);
  const waiting = (await queue.claim(100)).map(({ message }) => message.id);
  assertEquals(waiting.sort(), ids.sort());
  await queue.close();
});

Deno.test("a message is counted once while the files are read, at any moment", async () => {
  const { disk, letRead } = await diskWithSlowFiles(20);
  const queue = await FileQueue.open({ directory: SPOOL, clock: new TestClock(), files: disk });
  const counts: number[] = [];
  queue.onDue(() => counts.push(queue.counts().messages));
  letRead();
  for (let turn = 0; turn < 200; turn++) {
    await Promise.resolve();
    counts.push(queue.counts().messages);
  }
  await queue.allRead;
  assertEquals(new Set(counts), new Set([20]));
  await queue.close();
});

Deno.test("a queue closed before it has read what waits leaves it where it is", async () => {
  const { disk, ids, letRead } = await diskWithSlowFiles(20);
  disk.put(`${SPOOL}/${"0".repeat(26)}.eml`, encode("who named it is not known yet"));
  const queue = await FileQueue.open({ directory: SPOOL, clock: new TestClock(), files: disk });
  const closed = queue.close();
  letRead();
  await closed;
  const again = await open(disk.after("power cut"));
  assertEquals([...again.overviews()].map(({ id }) => id).sort(), ids.sort());
  await again.close();
});
