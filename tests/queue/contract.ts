/** What every store of the queue has to keep to, whatever it keeps its messages in. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { encode } from "../../base/bytes.ts";
import { type Queue, QueueError } from "../../queue/queue.ts";
import { TestClock } from "../helpers/test_clock.ts";
import {
  assertCounts,
  attemptAt,
  binary,
  changes,
  claimOne,
  contentOf,
  deferred,
  delivered,
  envelopeTo,
  octetsOf,
  put,
  textOf,
} from "./fixtures.ts";

const MINUTE = 60_000;

/** Runs a test with a fresh queue, which is closed afterwards. */
export type WithQueue = (test: (queue: Queue, clock: TestClock) => Promise<void>) => Promise<void>;

/** Registers a test of the contract. */
export type Contract = (name: string, test: Parameters<WithQueue>[0]) => void;

/** Registers tests for one store. */
export function contractOf(store: string, withQueue: WithQueue): Contract {
  return (name, test) => Deno.test(`${store}: ${name}`, () => withQueue(test));
}

/** Registers the contract's tests for one store. */
export function testContract(store: string, withQueue: WithQueue): void {
  const contract = contractOf(store, withQueue);

  contract("a committed message is due at once, with its envelope", async (queue, clock) => {
    const queued = await put(queue, "hello", ["a@example.com", "b@example.net"]);
    assertEquals(queue.nextDue(), clock.now());
    const { message } = await claimOne(queue);
    assertEquals(message, queued);
    assertEquals(message.envelope, envelopeTo("a@example.com", "b@example.net"));
    assertEquals(message.arrived, clock.now());
    assertEquals(message.recipients[1], {
      address: "b@example.net",
      status: "waiting",
      attempts: 0,
      nextAttempt: clock.now(),
    });
  });

  contract("content comes back octet for octet, whatever it is", async (queue) => {
    const contents: [Uint8Array, boolean][] = [
      [new Uint8Array(0), false],
      [encode("plain\r\n"), false],
      [contentOf("escapes"), true],
      [encode("\ufeffa byte order mark and \u{1f600}"), true],
      [binary(1000), true],
      [binary(300_000), true],
      [encode("x".repeat(65_536)), false],
      [encode("x".repeat(65_537)), false],
    ];
    for (const [bytes, eightBit] of contents) {
      await put(queue, bytes);
      const claim = await claimOne(queue);
      assertEquals(claim.message.size, bytes.length);
      assertEquals(claim.message.eightBit, eightBit);
      assertEquals(claim.content().size, bytes.length);
      assertEquals(await octetsOf(claim.content()), bytes);
      assertEquals(await octetsOf(claim.content()), bytes);
      await claim.settle(changes(delivered()));
      claim.release();
    }
    assertEquals(queue.counts().messages, 0);
  });

  contract("content is streamed in chunks of at most 64 KiB", async (queue) => {
    await put(queue, binary(200_000));
    const claim = await claimOne(queue);
    let octets = 0;
    for await (const chunk of claim.content().stream()) {
      assert(chunk.length <= 65_536);
      octets += chunk.length;
    }
    assertEquals(octets, 200_000);
  });

  contract("chunks of any size add up, and may be reused by the writer", async (queue) => {
    const whole = binary(200_000);
    const draft = queue.draft();
    const chunk = new Uint8Array(70_000);
    for (let at = 0, size = 1; at < whole.length; at += size, size = (size * 3) % 69_997) {
      size = Math.min(size, whole.length - at);
      chunk.set(whole.subarray(at, at + size));
      await draft.write(chunk.subarray(0, size));
      chunk.fill(0);
      assertEquals(draft.content.size, at + size);
    }
    assertEquals(await octetsOf(draft.content), whole);
    await draft.commit(envelopeTo("a@example.com"));
    assertEquals(await octetsOf((await claimOne(queue)).content()), whole);
  });

  contract("an aborted draft leaves nothing and takes nothing more", async (queue) => {
    const draft = queue.draft();
    await draft.write(binary(100_000));
    await draft.abort();
    await draft.abort();
    await draft.write(encode("more"));
    await assertRejects(() => draft.commit(envelopeTo("a@example.com")), QueueError);
    assertCounts(queue, { messages: 0, active: 0, held: 0 });
  });

  contract("a draft is committed once", async (queue) => {
    const draft = queue.draft();
    await draft.commit(envelopeTo("a@example.com"));
    await assertRejects(() => draft.commit(envelopeTo("a@example.com")), QueueError);
    assertEquals(queue.counts().messages, 1);
  });

  contract("the id of a draft is that of its message, and no two are the same", async (queue) => {
    const drafts = Array.from({ length: 100 }, () => queue.draft());
    for (const draft of drafts) {
      const message = await draft.commit(envelopeTo("a@example.com"));
      assertEquals(message.id, draft.id);
    }
    assertEquals(new Set(drafts.map((draft) => draft.id)).size, 100);
  });

  contract("messages are claimed longest due first, each once", async (queue, clock) => {
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) {
      ids.push((await put(queue, `message ${i}`)).id);
      clock.advance(1);
    }
    const first = await queue.claim(3);
    assertEquals(first.map((claim) => claim.message.id), ids.slice(0, 3));
    assertCounts(queue, { messages: 4, active: 3, held: 0 });
    assertEquals((await queue.claim(3)).map((claim) => claim.message.id), ids.slice(3));
    assertEquals(await queue.claim(3), []);
  });

  contract("a message whose recipients are all delivered is gone", async (queue) => {
    const { id } = await put(queue, "hello", ["a@example.com", "b@example.com"]);
    const claim = await claimOne(queue);
    await claim.settle(changes(delivered(0), delivered(1)));
    claim.release();
    assertCounts(queue, { messages: 0, active: 0, held: 0 });
    assertEquals(await queue.read(id), undefined);
    assertEquals(queue.nextDue(), Infinity);
  });

  contract(
    "a message released while it is recorded can be claimed by id at once",
    async (queue, clock) => {
      const { id } = await put(queue, "hello");
      const claim = await claimOne(queue);
      const settled = claim.settle(changes(deferred(clock.now() + MINUTE)));
      claim.release();
      const again = await queue.claimById(id);
      assertEquals(again?.message.recipients[0]?.attempts, 1);
      again!.release();
      await settled;
      assertCounts(queue, { messages: 1, active: 0, held: 0 });
    },
  );

  contract("a deferred message is due when its time has come", async (queue, clock) => {
    await put(queue, "hello");
    const next = clock.now() + 5 * MINUTE;
    const claim = await claimOne(queue);
    const attempt = attemptAt(clock.now());
    await claim.settle({ ...changes(deferred(next)), attempts: [attempt] });
    claim.release();
    assertEquals(queue.nextDue(), next);
    assertEquals(await queue.claim(1), []);
    clock.advance(5 * MINUTE);
    const again = await claimOne(queue);
    assertEquals(again.message.recipients[0], {
      address: "rcpt@example.com",
      status: "waiting",
      attempts: 1,
      nextAttempt: next,
      lastError: deferred(next).error,
    });
    assertEquals(again.message.history, [attempt]);
    assertEquals(await textOf(again.content()), "hello");
  });

  contract("a message waits for the first of its recipients", async (queue, clock) => {
    await put(queue, "hello", ["a@a.example", "b@b.example", "c@c.example"]);
    const claim = await claimOne(queue);
    const now = clock.now();
    await claim.settle(changes(deferred(now + 9, 0), delivered(1), deferred(now + 5, 2)));
    claim.release();
    assertEquals(queue.nextDue(), now + 5);
    const [summary] = [...queue.overviews()];
    assertEquals([...summary!.domains].sort(), ["a.example", "c.example"]);
  });

  contract(
    "a relayed recipient is due at once until its sender was told, and is never tried again",
    async (queue, clock) => {
      await put(queue, "hello");
      const claim = await claimOne(queue);
      await claim.settle(changes({ index: 0, status: "relayed", tried: true }));
      claim.release();
      assertEquals(queue.nextDue(), clock.now());
      const again = await claimOne(queue);
      assertEquals(again.message.recipients[0]!.status, "relayed");
      await again.settle(changes({ index: 0, status: "delivered", tried: false }));
      again.release();
      assertEquals(queue.counts().messages, 0);
    },
  );

  contract(
    "that a sender was told of a delay is recorded, and changes nothing else",
    async (queue, clock) => {
      const { id } = await put(queue, "hello");
      const claim = await claimOne(queue);
      const next = clock.now() + 5 * MINUTE;
      await claim.settle(changes(deferred(next)));
      await claim.settle(changes({ index: 0, status: "waiting", tried: false, delayTold: true }));
      claim.release();
      assertEquals(queue.nextDue(), next);
      const [recipient] = (await queue.read(id))!.recipients;
      assertEquals([recipient!.delayTold, recipient!.attempts], [true, 1]);
    },
  );

  contract("a failed recipient is due at once until its sender was told", async (queue, clock) => {
    await put(queue, "hello");
    const claim = await claimOne(queue);
    await claim.settle(changes({ index: 0, status: "failed", tried: true }));
    claim.release();
    assertEquals(queue.nextDue(), clock.now());
    const again = await claimOne(queue);
    assertEquals(again.message.recipients[0]!.status, "failed");
    await again.settle(changes({ index: 0, status: "bounced", tried: false }));
    again.release();
    assertEquals(queue.counts().messages, 0);
  });

  contract(
    "a claim released with nothing recorded is due again as before",
    async (queue, clock) => {
      await put(queue, "hello");
      const claim = await claimOne(queue);
      claim.release();
      claim.release();
      assertEquals(queue.nextDue(), clock.now());
      assertCounts(queue, { messages: 1, active: 0, held: 0 });
      assertEquals((await queue.claim(5)).length, 1);
    },
  );

  contract("a claim given back until a time is not due before it", async (queue, clock) => {
    await put(queue, "hello");
    const claim = await claimOne(queue);
    claim.release(clock.now() + MINUTE);
    assertEquals(queue.nextDue(), clock.now() + MINUTE);
    assertEquals(await queue.claim(1), []);
    clock.advance(MINUTE);
    const again = await claimOne(queue);
    await again.settle(changes(deferred(clock.now() + 2 * MINUTE)));
    again.release(clock.now() + MINUTE);
    assertEquals(queue.nextDue(), clock.now() + 2 * MINUTE);
  });

  contract("read gives a copy of the message, claimed or not", async (queue) => {
    const { id } = await put(queue, "hello");
    const before = await queue.read(id);
    const claim = await claimOne(queue);
    assertEquals(await queue.read(id), before);
    assertNotEquals(await queue.read(id), undefined);
    (await queue.read(id))!.recipients[0]!.status = "delivered";
    assertStrictEquals(claim.message.recipients[0]!.status, "waiting");
    assertEquals(await queue.read("00000000000000000000000000"), undefined);
  });

  contract("a closed queue takes and gives nothing", async (queue) => {
    const draft = queue.draft();
    await draft.write(binary(100_000));
    await put(queue, "hello");
    const claim = await claimOne(queue);
    await queue.close();
    await queue.close();
    assertThrows(() => queue.draft(), QueueError, "closed");
    await assertRejects(() => draft.commit(envelopeTo("a@example.com")), QueueError);
    await assertRejects(() => claim.settle(changes(delivered())), QueueError, "closed");
    assertEquals(await queue.claim(1), []);
    assertEquals(await queue.claimById(claim.message.id), undefined);
    claim.release();
  });
}
