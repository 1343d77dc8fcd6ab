import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { encode } from "../../base/bytes.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import { type Queue, QueueError } from "../../queue/queue.ts";
import { type AcceptedEvent, Events } from "../../server/events.ts";
import { type OutgoingMessage, send } from "../../server/send.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { octetsOf } from "../queue/fixtures.ts";
import { onSpool, received } from "./receiving.ts";

const LIMIT = 1000;
const MESSAGE: OutgoingMessage = {
  from: "a@example.org",
  to: "b@example.net",
  content: "Subject: hello\n\nWorld\n",
};

/** Sends into a queue. */
function sendTo(
  queue: Queue,
  message: Partial<OutgoingMessage>,
  events = new Events(),
  messageSize = LIMIT,
): Promise<{ id: string }> {
  const options = {
    queue,
    events,
    stories: { take: () => {} },
    hostname: "mx.example.org",
    clock: new TestClock(),
    messageSize,
    capture: false,
    origin: "send" as const,
  };
  return send({ ...MESSAGE, ...message }, options);
}

/** What is queued of a content, without the Received field. */
async function queued(content: OutgoingMessage["content"]): Promise<string> {
  const queue = new MemoryQueue(new TestClock());
  await sendTo(queue, { content }, undefined, 10_000_000);
  const { text } = await received(queue);
  return text.slice(text.indexOf("+0000\r\n") + "+0000\r\n".length);
}

function streamOf(...chunks: readonly unknown[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks) as ReadableStream<Uint8Array>;
}

Deno.test("a message that is sent is queued under a Received field that names no client", async () => {
  const queue = new MemoryQueue(new TestClock());
  const accepted: AcceptedEvent[] = [];
  const events = new Events({ accepted: (event) => accepted.push(event) });
  const { id } = await sendTo(queue, {}, events);
  const { message, text } = await received(queue);
  assertEquals(message.id, id);
  assertEquals(
    text,
    `Received: by mx.example.org (deno-smtp-server)\r\n\tid ${id}\r\n\tfor <b@example.net>;\r\n` +
      "\tThu, 01 Jan 2026 00:00:00 +0000\r\nSubject: hello\r\n\r\nWorld\r\n",
  );
  const { envelope, size } = message;
  assertEquals([envelope.reversePath, envelope.smtputf8], ["a@example.org", false]);
  assertEquals(accepted, [{ id, envelope, size }]);
});

const LINE_ENDS: readonly [string, string][] = [
  ["a\nb\n", "a\r\nb\r\n"],
  ["a\rb\r", "a\r\nb\r\n"],
  ["a\r\nb\r\n", "a\r\nb\r\n"],
  ["a\n\r\n\rb", "a\r\n\r\n\r\nb\r\n"],
  ["a\r\r\nb\n\n", "a\r\n\r\nb\r\n\r\n"],
  ["no end", "no end\r\n"],
  ["\n.\n", "\r\n.\r\n"],
  ["", ""],
];
for (const [given, expected] of LINE_ENDS) {
  Deno.test(`the lines of ${JSON.stringify(given)} end in CRLF, however it is cut`, async () => {
    assertEquals(await queued(given), expected);
    const octets = encode(given);
    assertEquals(await queued(octets), expected);
    assertEquals(await queued(streamOf(...Array.from(octets, (o) => Uint8Array.of(o)))), expected);
  });
}

Deno.test("text goes out as UTF-8, octets as they are, and large content of any kind whole", async () => {
  assertEquals(await queued("Grüße €\n"), "Grüße €\r\n");
  const queue = new MemoryQueue(new TestClock());
  await sendTo(queue, { content: Uint8Array.of(0xff, 0, 0x80, 10) });
  const [claim] = await queue.claim(1);
  const octets = await octetsOf(claim!.content());
  assertEquals(octets.subarray(-5), Uint8Array.of(0xff, 0, 0x80, 13, 10));
  const large = "0123456789abcde\n".repeat(50_000);
  const expected = large.replaceAll("\n", "\r\n");
  assert(await queued(large) === expected);
  assert(await queued(streamOf(encode(large), encode(large))) === expected + expected);
});

const BAD_ADDRESSES = [
  "nobody",
  "@example.org",
  "a@",
  "a b@example.org",
  "a@example.org>",
  "a@example.org\r\nRCPT TO:<c@example.org>",
  "<a@example.org>",
  "@relay.example:a@example.org",
  "a@example..org",
  "A <a@example.org>",
];
for (const address of BAD_ADDRESSES) {
  Deno.test(`${JSON.stringify(address)} is no address to send from or to`, async () => {
    const queue = new MemoryQueue(new TestClock());
    const shown = JSON.stringify(address);
    await assertRejects(
      () => sendTo(queue, { from: address }),
      TypeError,
      `from: expected a mailbox such as user@example.org, not ${shown}`,
    );
    await assertRejects(
      () => sendTo(queue, { to: ["b@example.net", address] }),
      TypeError,
      `to: expected a mailbox such as user@example.org, not ${shown}`,
    );
    assertEquals(queue.counts().messages, 0);
  });
}

Deno.test("the null reverse-path is a sender, and no recipient", async () => {
  const queue = new MemoryQueue(new TestClock());
  await sendTo(queue, { from: "" });
  assertEquals((await received(queue)).message.envelope.reversePath, "");
  await assertRejects(() => sendTo(queue, { to: "" }), TypeError, "to: ");
  await assertRejects(() => sendTo(queue, { to: [] }), TypeError, "at least one recipient");
});

Deno.test("several recipients are not shown to each other in the Received field", async () => {
  const queue = new MemoryQueue(new TestClock());
  await sendTo(queue, { to: ["b@example.net", "c@example.net"] });
  const { message, text } = await received(queue);
  assertEquals(message.envelope.recipients, ["b@example.net", "c@example.net"]);
  assert(!text.includes("example.net"), text);
});

Deno.test("addresses beyond ASCII ask for SMTPUTF8", async () => {
  for (const addresses of [{ from: "grüße@example.org" }, { to: "用户@例子.example" }]) {
    const queue = new MemoryQueue(new TestClock());
    await sendTo(queue, addresses);
    assertEquals((await received(queue)).message.envelope.smtputf8, true);
  }
});

Deno.test("content above the limit is refused before it is queued, its stream is cancelled", async () => {
  const queue = new MemoryQueue(new TestClock());
  const content = (size: number) => "x".repeat(size - 2) + "\r\n";
  await sendTo(queue, { content: content(LIMIT) });
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(100)),
    cancel: () => void (cancelled = true),
  });
  for (const large of [content(LIMIT + 1), encode(content(LIMIT + 1)), endless]) {
    const error = await assertRejects(() => sendTo(queue, { content: large }), RangeError);
    assertEquals(error.message, `content is larger than ${LIMIT} octets`);
  }
  assertEquals([cancelled, queue.counts().messages], [true, 1]);
});

Deno.test("content that is neither text nor octets is refused instead of mangled", async () => {
  const queue = new MemoryQueue(new TestClock());
  const wrong = [undefined, 5, ["a"], streamOf("text"), streamOf([1, 2])];
  for (const content of wrong) {
    const message = { content: content as OutgoingMessage["content"] };
    await assertRejects(() => sendTo(queue, message), TypeError, "content: expected");
  }
  assertEquals(queue.counts().messages, 0);
});

Deno.test("a stream that fails makes the call fail, and nothing is queued", async () => {
  const queue = new MemoryQueue(new TestClock());
  let pulls = 0;
  const content = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (pulls++ === 0) controller.enqueue(encode("Subject: half\n"));
      else controller.error(new Error("the source broke"));
    },
  });
  await assertRejects(() => sendTo(queue, { content }), Error, "the source broke");
  assertEquals(queue.counts().messages, 0);
});

Deno.test("a queue that cannot make it durable makes the call fail, without an event", async () => {
  const queue: Queue = new MemoryQueue(new TestClock());
  const draft = queue.draft.bind(queue);
  queue.draft = () => {
    const real = draft();
    const commit = () => Promise.reject(new QueueError("storage", "the disk failed"));
    const { id, content } = real;
    return { id, content, write: (c) => real.write(c), abort: () => real.abort(), commit };
  };
  const accepted: AcceptedEvent[] = [];
  const events = new Events({ accepted: (event) => accepted.push(event) });
  await assertRejects(() => sendTo(queue, {}, events), QueueError, "the disk failed");
  assertEquals(accepted, []);
});

Deno.test("when send resolves the message is in the journal, and its large content in a file", () =>
  withTempDir((directory) =>
    onSpool(directory, new TestClock(), async (queue) => {
      const { id } = await sendTo(queue, {});
      const journal = () =>
        Array.from(Deno.readDirSync(`${directory}/journal`), ({ name }) =>
          Deno.readTextFileSync(`${directory}/journal/${name}`)).join("");
      assertStringIncludes(journal(), id);
      assertStringIncludes(journal(), "Subject: hello\\r\\n\\r\\nWorld\\r\\n");
      const content = "0123456789abcde\n".repeat(10_000);
      const large = await sendTo(queue, { content }, undefined, 1_000_000);
      assertStringIncludes(journal(), large.id);
      const file = await Deno.readTextFile(`${directory}/${large.id}.eml`);
      assertMatch(file, /^Received: by mx\.example\.org /);
      assert(file.endsWith(content.replaceAll("\n", "\r\n")));
    })
  ));
