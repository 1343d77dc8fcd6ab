/** The parts of the queue one by one: records, heap, buffer, shared tasks, ids. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { concat, encode } from "../../base/bytes.ts";
import { forEachLimited, SharedTask } from "../../queue/concurrency.ts";
import { ContentBuffer } from "../../queue/content.ts";
import { DueHeap } from "../../queue/due_heap.ts";
import { isId, newId } from "../../queue/id.ts";
import { nextStart, queuedText, readRecord, seal } from "../../queue/record.ts";
import { Entry } from "../../queue/entry.ts";
import { newMessage } from "../../queue/state.ts";
import { attemptAt, deferred, envelopeTo } from "./fixtures.ts";

const ID = "01JZ0000000000000000000000";

function message() {
  const made = newMessage(ID, 1000, envelopeTo("a@b"), { size: 1, eightBit: false });
  made.recipients[0]!.lastError = deferred(0).error!;
  made.history.push(attemptAt(2000));
  return made;
}

Deno.test("a record read is the record written, for any content", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.nat(50), (content, before) => {
    const bytes = concat([new Uint8Array(before), seal(queuedText(message(), content))]);
    const found = readRecord(bytes, before);
    assertEquals(found, {
      record: { type: "queued", message: message(), content },
      end: bytes.length,
    });
  }));
});

Deno.test("what a sender asked for, and what it was told, is in the record", () => {
  const made = message();
  const recipients = [{ notify: ["SUCCESS" as const], orcpt: "rfc822;a+40b" }];
  const wishes = { dsn: { envid: "1", recipients }, release: Date.UTC(2030, 0, 1), priority: -2 };
  const asked = { ...made, envelope: { ...made.envelope, ...wishes } };
  asked.recipients[0]!.delayTold = true;
  const found = readRecord(seal(queuedText(asked, "x")), 0);
  assertEquals(found!.record, { type: "queued", message: asked, content: "x" });
  assertMatch(queuedText(asked), /"release":"2030-01-01T00:00:00\.000Z"/);
});

Deno.test("a record of the first version of the program is read as ever", () => {
  const text = '{"type":"queued","id":"01JZ0000000000000000000000","arrived":' +
    '"2026-01-01T00:00:00.000Z","held":false,"size":1,"eightBit":false,"envelope":{"reversePath":' +
    '"s@example.org","recipients":["a@b"],"smtputf8":false,"body":"7BIT","client":{"address":"",' +
    '"port":0,"helo":"","protocol":""}},"recipients":[{"address":"a@b","status":"waiting",' +
    '"attempts":0,"nextAttempt":"2026-01-01T00:00:00.000Z"}],"history":[],"content":"x"}';
  const { record } = readRecord(seal(text), 0)!;
  assert(record.type === "queued");
  const nextAttempt = Date.UTC(2026, 0, 1);
  const recipient = { address: "a@b", status: "waiting", attempts: 0, nextAttempt } as const;
  assertEquals(record.message.recipients, [recipient]);
  assertEquals(queuedText(record.message, "x"), text);
});

Deno.test("a record is a line of JSON whose length and check cover what it holds", () => {
  const line = new TextDecoder().decode(seal(queuedText(message(), "x\n")));
  assertEquals(line.indexOf("\n"), line.length - 1);
  const { v, len, crc, r } = JSON.parse(line);
  assertEquals(v, 1);
  assertEquals(len, encode(JSON.stringify(r)).length);
  assert(/^[0-9a-f]{8}$/.test(crc));
});

Deno.test("every single changed octet of a record is noticed", () => {
  const bytes = seal(queuedText(message(), "x"));
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at]! ^= 4;
    assertEquals(readRecord(changed, 0), undefined);
    assertEquals(readRecord(bytes.subarray(0, at), 0), undefined);
  }
});

Deno.test("a sealed text that is no record of ours is none", () => {
  const texts = [
    "{}",
    "null",
    "[",
    '{"type":"later"}',
    '{"type":"done","id":"../../etc/passwd"}',
    '{"type":"queued","id":"x"}',
    queuedText(message()).replace('"contentFile":"', '"contentFile":"../'),
    queuedText(message(), "x").replace("1970", "MCMLXX"),
  ];
  for (const text of texts) assertEquals(readRecord(seal(text), 0), undefined, text);
});

Deno.test("the next record is found after any damage", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (garbage) => {
    fc.pre(!garbage.includes(0x7b));
    const bytes = concat([garbage, seal('{"type":"done"}')]);
    assertEquals(nextStart(bytes, 0), garbage.length);
    assertEquals(nextStart(bytes, garbage.length + 1), bytes.length);
  }));
});

Deno.test("the heap gives entries by time, equal ones in their order, whatever was removed", () => {
  const times = fc.array(fc.tuple(fc.nat(20), fc.boolean()), { maxLength: 200 });
  fc.assert(fc.property(times, (list) => {
    const heap = new DueHeap<{ due: number; order: number; position: number }>();
    const entries = list.map(([due]) => ({ due, order: 0, position: -1 }));
    for (const entry of entries) heap.add(entry);
    const kept = entries.filter((_, i) => list[i]![1]);
    for (const entry of entries) if (!kept.includes(entry)) heap.remove(entry);
    const expected = kept.toSorted((a, b) => a.due - b.due || a.order - b.order);
    for (const entry of expected) {
      assert(heap.first() === entry);
      heap.remove(entry);
      heap.remove(entry);
    }
    assertEquals(heap.first(), undefined);
  }));
});

Deno.test("the buffer takes what fits, and nothing of what does not", () => {
  const buffer = new ContentBuffer(10_000);
  assert(buffer.add(encode("x")));
  assert(!buffer.add(new Uint8Array(10_000)));
  assert(buffer.add(new Uint8Array(9_999)));
  assert(!buffer.add(encode("x")));
  assertEquals(buffer.size, 10_000);
  assertEquals(buffer.bytes()[0], 120);
  assertEquals(buffer.take().length, 10_000);
  assert(buffer.add(encode("y")));
  assertEquals(buffer.take(), encode("y"));
});

Deno.test("calls during a run of a shared task share the next one", async () => {
  const runs: PromiseWithResolvers<void>[] = [];
  const task = new SharedTask(() => {
    runs.push(Promise.withResolvers());
    return runs.at(-1)!.promise;
  });
  const first = task.run();
  const second = task.run();
  const third = task.run();
  assertEquals(runs.length, 1);
  assert(second === third);
  runs[0]!.reject(new Error("the first fails"));
  await assertRejects(() => first, Error, "the first fails");
  assert(task.busy);
  await Promise.resolve();
  assertEquals(runs.length, 2);
  const idle = task.idle();
  runs[1]!.resolve();
  await second;
  await idle;
  assert(!task.busy);
});

Deno.test("no more than the limit is worked on at a time", async () => {
  let at = 0;
  let most = 0;
  const done: number[] = [];
  await forEachLimited([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++at);
    await Promise.resolve();
    at--;
    done.push(item);
  });
  assertEquals(most, 3);
  assertEquals(done.length, 7);
});

Deno.test("ids sort by time, look like ids, and are not ones in use", () => {
  const early = newId(1000, () => false);
  const late = newId(2_000_000_000_000, () => false);
  assert(early < late);
  assert(isId(early));
  const tried: string[] = [];
  const third = newId(1000, (id) => tried.push(id) < 3);
  assertEquals(tried.indexOf(third), 2);
  for (const name of ["", "..", "a".repeat(26), `${early}x`, 5]) assert(!isId(name));
});

Deno.test("lists of one domain are shared, and not without bound", () => {
  const of = (address: string) =>
    new Entry(newMessage(ID, 0, envelopeTo(address), { size: 0, eightBit: false }), 0).destinations;
  assert(of("a@example.com") === of("b@EXAMPLE.com"));
  const before = of("a@example.com");
  for (let i = 0; i < 10_000; i++) of(`a@d${i}.example`);
  assert(of("a@example.com") !== before);
});
