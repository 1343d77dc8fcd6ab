/** What is told is kept, within bounds, and survives what files do not. */
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { denoWriter, type SegmentWriter } from "../../history/fact_files.ts";
import type { AcceptedFact, StoryFact } from "../../history/story.ts";
import { capturedLog } from "../helpers/captured_log.ts";
import { accepted, attempt, BEGIN, finished, refused, session } from "./facts.ts";
import { DAY, idsOf, MIB, names, tell, withHistory, withPlace } from "./place.ts";

Deno.test("a message's story is told as it was, before it is written and after a restart", async () => {
  await withHistory(async (history, { open }) => {
    const message = accepted();
    const facts: StoryFact[] = [
      message,
      { kind: "waits", at: BEGIN + 1, id: message.id, destination: "x", why: "rests", until: 5 },
      attempt(message, { outcome: "deferred", delivered: 0, nextAttempt: BEGIN + 300_000 }),
      { kind: "steered", at: BEGIN + 30, id: message.id, action: "retry", by: "socket uid 0" },
      attempt(message, { at: BEGIN + 40 }),
      {
        kind: "notice",
        at: BEGIN + 50,
        id: message.id,
        action: "delivered",
        recipients: [],
        reason: "asked",
      },
      finished(message),
    ];
    for (const fact of facts) history.take(fact);
    tell(history, 3, { at: BEGIN + 100 });
    assertEquals(await history.story(message.id), facts);
    await history.close();
    const again = await open();
    assertEquals(await again.story(message.id), facts);
    assertEquals(await again.story("01ARZ3NDEKTSV4RRFFQ69G5FAV"), []);
    assertEquals(await again.story("no id"), []);
    await again.close();
  });
});

Deno.test("refusals and sessions have files of their own, and are found by client, address and id", async () => {
  await withHistory(async (history, { directory }) => {
    const mail = tell(history, 3);
    const first = refused({ at: BEGIN + 1 });
    const second = refused({ at: BEGIN + 2, id: "S3", to: "carol@example.net" });
    const third = session({ at: BEGIN + 3, ids: [mail[0]!.id] });
    for (const fact of [first, second, third]) history.take(fact);
    assertEquals(await history.refusals({ client: "203.0.113.9", limit: 9 }), [second, first]);
    assertEquals(await history.refusals({ to: "BOB@example.net", limit: 9 }), [first]);
    assertEquals(await history.refusals({ from: "*@example.com", limit: 1 }), [second]);
    assertEquals(await history.refusals({ limit: 9 }), [second, first]);
    assertEquals(await history.refusals({ until: BEGIN + 2, limit: 9 }), [first]);
    assertEquals(await history.refusals({ id: "S1", limit: 9 }), []);
    assertEquals(await history.sessions({ id: "S1", limit: 9 }), [third]);
    assertEquals(await history.sessions({ limit: 9 }), [third]);
    assertEquals((await history.find({ limit: 9 })).messages.length, 3);
    assertEquals((await names(directory, ".jsonl")).length, 2);
  });
});

Deno.test("sessions of a client do not crowd out what it was refused, nor refusals its sessions", async () => {
  await withHistory(async (history) => {
    const refusal = refused({ at: BEGIN });
    const ended = session({ at: BEGIN, client: { ...refusal.client, protocol: "ESMTP" } });
    history.take(refusal);
    for (let i = 1; i <= 20; i++) history.take({ ...ended, at: BEGIN + i, id: `s${i}` });
    const { address: client } = refusal.client;
    assertEquals(await history.refusals({ client, limit: 1 }), [refusal]);
    for (let i = 21; i <= 40; i++) history.take({ ...refusal, at: BEGIN + i });
    const [newest, ...rest] = await history.sessions({ client, limit: 1 });
    assertEquals([newest!.id, rest], ["s20", []]);
  });
});

Deno.test("files are for their owner only, and lines are JSON with times that people can read", async () => {
  await withHistory(async (history, { directory }) => {
    tell(history, 1, { subject: "line\r\nbreak \u202egnp.exe \u001b[31m" });
    await history.close();
    const [name] = await names(directory, ".jsonl");
    assertEquals((await Deno.stat(directory)).mode! & 0o777, 0o700);
    assertEquals((await Deno.stat(`${directory}/${name}`)).mode! & 0o777, 0o600);
    const text = await Deno.readTextFile(`${directory}/${name}`);
    const lines = text.trimEnd().split("\n");
    assertEquals(
      lines.map((line) => JSON.parse(line).at.slice(0, 19)),
      Array(3).fill("2026-01-01T00:00:00"),
    );
    assertEquals(JSON.parse(lines[0]!).subject, "line\r\nbreak \u202egnp.exe \u001b[31m");
    for (const misleading of ["\r", "\u202e", "\u001b"]) assert(!text.includes(misleading));
  });
});

Deno.test("it stays within its size: the oldest mail goes first, and refusals take none of its room", async () => {
  await withHistory(async (history, { directory }) => {
    const old = tell(history, 1)[0]!;
    for (let i = 0; i < 40; i++) {
      for (let n = 0; n < 300; n++) history.take(refused({ at: BEGIN + n, id: `S${i}-${n}` }));
      await history.story(old.id);
    }
    assertEquals((await history.story(old.id)).length, 3);
    let last: AcceptedFact[] = [];
    for (let i = 0; i < 60; i++) {
      last = tell(history, 100, { at: BEGIN + 1000 + i * 100 });
      await history.story(old.id);
    }
    assertEquals(await history.story(old.id), []);
    assertEquals((await history.story(last[0]!.id)).length, 3);
    const sizes = (await names(directory, "")).map((name) =>
      Deno.statSync(`${directory}/${name}`).size
    );
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assertLess(total, 4 * MIB);
    assertLess(3 * MIB, total);
    assertLess(Math.abs(history.octets - total), MIB / 8);
  });
});

Deno.test("a day has a file of its own, and what is too old goes, also while nothing happens", async () => {
  await withHistory(async (history, { directory, clock }) => {
    const [old] = tell(history, 1);
    assertEquals((await history.story(old!.id)).length, 3);
    clock.advance(DAY);
    const [later] = tell(history, 1, { at: BEGIN + DAY });
    assertEquals((await history.story(old!.id)).length, 3);
    assertEquals(await names(directory, ".jsonl"), [
      "mail-000001-2026-01-01.jsonl",
      "mail-000002-2026-01-02.jsonl",
    ]);
    clock.advance(29 * DAY + 3_600_000);
    assertEquals(await history.story(old!.id), []);
    assertEquals((await history.story(later!.id)).length, 3);
    clock.advance(DAY);
    assertEquals(await history.story(later!.id), []);
    assertEquals(await names(directory, ""), []);
  });
});

Deno.test("a torn line is skipped, and what is told after it is not", async () => {
  await withHistory(async (history, { directory, open }) => {
    const messages = tell(history, 3);
    await history.close();
    const [name] = await names(directory, ".jsonl");
    await Deno.writeTextFile(`${directory}/${name}`, '{"kind":"accepted","at":"2026-', {
      append: true,
    });
    const again = await open();
    assertEquals((await idsOf(again, {})).length, 3);
    const [next] = tell(again, 1, { at: BEGIN + 50 });
    assertEquals((await again.story(next!.id)).length, 3);
    assertEquals((await again.story(messages[2]!.id)).length, 3);
    await again.close();
    for (const line of (await Deno.readTextFile(`${directory}/${name}`)).trimEnd().split("\n")) {
      JSON.parse(line);
    }
  });
});

Deno.test("lines that a power cut left as zeros or rubbish are skipped", async () => {
  await withHistory(async (history, { directory, open }) => {
    const messages = tell(history, 3);
    await history.close();
    const path = `${directory}/${(await names(directory, ".jsonl"))[0]}`;
    const bytes = await Deno.readFile(path);
    bytes.fill(0, bytes.indexOf(10) - 40, bytes.indexOf(10) + 200);
    await Deno.writeFile(path, bytes);
    await Deno.remove(path.replace("jsonl", "idx"));
    const again = await open();
    assertEquals((await again.story(messages[2]!.id)).length, 3);
    assertLess((await again.story(messages[0]!.id)).length, 3);
    await again.close();
  });
});

Deno.test("an index that is missing, torn, or of something else is made anew", async () => {
  await withHistory(async (history, { directory, clock, open }) => {
    const messages = tell(history, 20);
    await history.story(messages[0]!.id);
    clock.advance(DAY);
    tell(history, 1, { at: BEGIN + DAY });
    await history.close();
    const path = `${directory}/mail-000001-2026-01-01.idx`;
    const whole = await Deno.readFile(path);
    const damages = [
      whole.subarray(0, 100),
      whole.subarray(0, 0),
      whole.map((octet) => octet ^ 255),
      undefined,
    ];
    for (const damage of damages) {
      if (damage === undefined) await Deno.remove(path);
      else await Deno.writeFile(path, damage);
      const again = await open();
      assertEquals((await again.story(messages[7]!.id)).length, 3);
      await again.close();
      assertEquals(await Deno.readFile(path), whole);
    }
  });
});

Deno.test("what cannot be written is lost with one warning, and what comes later is kept", async () => {
  await withPlace(async ({ directory, clock, open }) => {
    await Deno.writeTextFile(directory, "in the way");
    const history = await open();
    const records = await capturedLog("info", async () => {
      for (let i = 0; i < 5; i++) {
        tell(history, 2);
        await history.find({ limit: 1 });
      }
      await Deno.remove(directory);
      clock.advance(60_000);
      const [message] = tell(history, 1, { at: BEGIN + 60_000 });
      assertEquals((await history.story(message!.id)).length, 3);
    });
    assertEquals(records.map(({ message }) => message), [
      "The history cannot be written: mail goes on without it",
      "The history is written again",
    ]);
    assertEquals(history.lost, 30);
    await history.close();
  });
});

/** A disk that takes `room` octets in all, also the part of a write that fits. */
function smallDisk(disk: { room: number }): SegmentWriter {
  return {
    freeSpace: () => Promise.resolve(Infinity),
    async open(path, size) {
      const file = await denoWriter.open(path, size);
      const write = async (bytes: Uint8Array) => {
        const fits = bytes.subarray(0, disk.room);
        await file.write(fits);
        disk.room -= fits.length;
        if (fits.length < bytes.length) throw new Deno.errors.WriteZero("no space");
      };
      const rest = { syncData: () => file.syncData(), close: () => file.close() };
      return { ...rest, write, truncate: (length) => file.truncate(length) };
    },
  };
}

Deno.test("after a full disk the file goes on behind the last whole line", async () => {
  await withPlace(async ({ directory, open }) => {
    const disk = { room: 10_000 };
    const history = await open({ writer: smallDisk(disk) });
    const messages: AcceptedFact[] = [];
    for (let i = 0; i < 10; i++) {
      messages.push(...tell(history, 2, { at: BEGIN + 10 * i }));
      await history.find({ limit: 1 });
    }
    disk.room = Infinity;
    messages.push(...tell(history, 2, { at: BEGIN + 200 }));
    const known = await idsOf(history, {});
    assertEquals(history.lost, (messages.length - known.length) * 3);
    assertLess(known.length, messages.length);
    for (const id of known) assertEquals((await history.story(id)).length, 3);
    await history.close();
    const [name] = await names(directory, ".jsonl");
    const lines = (await Deno.readTextFile(`${directory}/${name}`)).trimEnd().split("\n");
    assertEquals(lines.map((line) => JSON.parse(line).kind).length, 3 * known.length);
  });
});

Deno.test("where space is low the oldest of the history goes, and nothing is added", async () => {
  await withPlace(async ({ clock, open }) => {
    let free = MIB;
    const writer = { ...denoWriter, freeSpace: () => Promise.resolve(free) };
    const history = await open({ reserve: MIB / 2, writer });
    const [old] = tell(history, 1);
    await history.story(old!.id);
    clock.advance(DAY);
    const [young] = tell(history, 1, { at: BEGIN + DAY });
    assertEquals((await history.story(old!.id)).length, 3);
    free = MIB / 4;
    const records = await capturedLog("warning", async () => {
      const [lost] = tell(history, 1, { at: BEGIN + DAY + 9 });
      assertEquals(await history.story(lost!.id), []);
    });
    assertStringIncludes(String(records[0]?.properties.error), "space is low");
    assertEquals(await history.story(old!.id), []);
    assertEquals((await history.story(young!.id)).length, 3);
    await history.close();
  });
});

Deno.test("a message that spans days is told whole", async () => {
  await withHistory(async (history, { clock }) => {
    const message = accepted();
    history.take(message);
    for (let day = 1; day <= 3; day++) {
      await history.find({ limit: 1 });
      clock.advance(DAY);
      history.take(
        attempt(message, { at: BEGIN + day * DAY, outcome: "deferred", reply: `${day}` }),
      );
    }
    assertEquals((await history.story(message.id)).map(({ at }) => at - BEGIN), [
      0,
      DAY,
      2 * DAY,
      3 * DAY,
    ]);
    const { messages: [found] } = await history.find({ to: "bob@example.net", limit: 5 });
    assertEquals(found!.recipients[0]!.reply, "3");
  });
});
