/** What every store of the queue has to keep to when its messages are steered. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { type DeliveryError, QueueError, type Steering } from "../../queue/queue.ts";
import type { TestClock } from "../helpers/test_clock.ts";
import { contractOf, type WithQueue } from "./contract.ts";
import { NOBODY, putCaptured, putDeferred, putScheduled } from "./overview_contract.ts";
import {
  assertCounts,
  changes,
  claimOne,
  deferred,
  delivered,
  envelopeTo,
  put,
  textOf,
} from "./fixtures.ts";

const MINUTE = 60_000;
/** How long a claimed message is waited for, ms: less than a store waits before it writes a note. */
const WAIT = 500;

const GIVEN_UP: DeliveryError = { text: "given up by hand", scope: "message", permanent: true };

const EVERY: readonly Steering[] = [
  { kind: "hold" },
  { kind: "release" },
  { kind: "retry" },
  { kind: "bounce", error: GIVEN_UP },
  { kind: "remove" },
  { kind: "redirect", nextHop: "relay.example:587" },
];

function assertNobodyWaits(clock: TestClock): void {
  assertNotEquals(clock.nextTimer(), clock.now() + WAIT);
}

function statuses(message: { recipients: { status: string }[] } | undefined): string[] {
  return message?.recipients.map(({ status }) => status) ?? [];
}

/** Registers the contract's tests for one store. */
export function testSteering(store: string, withQueue: WithQueue): void {
  const contract = contractOf(store, withQueue);

  contract("a message on hold is not due until it is released", async (queue, clock) => {
    const id = await putDeferred(queue, clock);
    const next = queue.nextDue();
    assertEquals(await queue.steer(id, { kind: "hold" }), "done");
    assertEquals(queue.overview(id)!.state, "held");
    assertEquals((await queue.read(id))!.held, true);
    assertEquals(queue.nextDue(), Infinity);
    assertEquals(queue.wake(), 0);
    clock.advance(1e9);
    assertEquals([await queue.claim(1), await queue.claimById(id)], [[], undefined]);
    assertEquals(await queue.steer(id, { kind: "release" }), "done");
    assertEquals(queue.nextDue(), next);
    assertEquals((await claimOne(queue)).message.held, false);
  });

  contract("a retry makes every waiting recipient due now", async (queue, clock) => {
    const id = await putDeferred(queue, clock, ["a@a.example", "b@b.example"]);
    clock.advance(MINUTE);
    let told = 0;
    queue.onDue(() => told++);
    assertEquals(await queue.steer(id, { kind: "retry" }), "done");
    assertEquals([queue.nextDue(), told], [clock.now(), 1]);
    const { message } = await claimOne(queue);
    assertEquals(message.recipients.map((one) => [one.nextAttempt, one.attempts]), [
      [clock.now(), 1],
      [clock.now(), 1],
    ]);
  });

  contract("a retry keeps the release that the sender chose, and a hold", async (queue, clock) => {
    const scheduled = await putScheduled(queue, clock.now() + MINUTE);
    const { id: held } = await put(queue, "held", ["a@example.com"], true);
    for (const id of [scheduled, held]) {
      assertEquals(await queue.steer(id, { kind: "retry" }), "done");
      assertEquals(await queue.steer(id, { kind: "redirect", nextHop: "relay.example" }), "done");
    }
    assertEquals(queue.nextDue(), clock.now() + MINUTE);
    assertEquals(queue.overview(held)!.state, "held");
  });

  contract(
    "a bounce gives up what waits, and the sender is due to be told",
    async (queue, clock) => {
      const id = await putDeferred(queue, clock, ["a@a.example", "b@b.example"]);
      assertEquals(await queue.steer(id, { kind: "hold" }), "done");
      assertEquals(await queue.steer(id, { kind: "bounce", error: GIVEN_UP }), "done");
      const { message } = await claimOne(queue);
      assertEquals(statuses(message), ["failed", "failed"]);
      assertEquals(message.recipients[1]!.lastError, GIVEN_UP);
      assertEquals(message.recipients[1]!.attempts, 1);
    },
  );

  contract("a bounce leaves alone what is not waiting", async (queue, clock) => {
    const { id } = await put(queue, "hello", ["a@a.example", "b@b.example", "c@c.example"]);
    const claim = await claimOne(queue);
    await claim.settle(changes(
      delivered(0),
      { index: 1, status: "relayed", tried: true },
      deferred(clock.now() + MINUTE, 2),
    ));
    claim.release();
    assertEquals(await queue.steer(id, { kind: "bounce", error: GIVEN_UP }, WAIT), "done");
    assertEquals(statuses(await queue.read(id)), ["delivered", "relayed", "failed"]);
  });

  contract("what is removed is gone, whatever its recipients were", async (queue, clock) => {
    const { id } = await put(queue, "hello", ["a@a.example", "b@b.example", "c@c.example"]);
    const claim = await claimOne(queue);
    await claim.settle(changes(
      { index: 0, status: "failed", tried: true },
      { index: 1, status: "relayed", tried: true },
      deferred(clock.now() + MINUTE, 2),
    ));
    claim.release();
    const { id: held } = await put(queue, "held", ["a@example.com"], true);
    for (const each of [id, held]) {
      assertEquals(await queue.steer(each, { kind: "remove" }), "done");
      assertEquals([await queue.read(each), queue.overview(each)], [undefined, undefined]);
      assertEquals(await queue.steer(each, { kind: "remove" }), "gone");
    }
    assertCounts(queue, { messages: 0 });
    assertEquals(queue.nextDue(), Infinity);
  });

  contract(
    "a redirected message has its next hop until it is given back to the domains",
    async (queue, clock) => {
      const id = await putDeferred(queue, clock);
      clock.advance(MINUTE);
      const nextHop = "relay.example:587";
      assertEquals(await queue.steer(id, { kind: "redirect", nextHop }), "done");
      assertEquals(queue.nextDue(), clock.now());
      const there = queue.overview(id)!;
      assertEquals([there.nextHop, there.domains], [nextHop, ["example.com"]]);
      const claim = await claimOne(queue);
      assertEquals(claim.message.nextHop, nextHop);
      await claim.settle(changes(deferred(clock.now() + MINUTE)));
      claim.release();
      await queue.read(id);
      assertEquals([queue.wake("example.com"), queue.wake(nextHop)], [0, 1]);
      assertEquals(await queue.steer(id, { kind: "redirect", nextHop: null }), "done");
      assertEquals((await queue.read(id))!.nextHop, undefined);
      assertEquals(queue.overview(id)!.nextHop, undefined);
    },
  );

  contract(
    "recipients that wait are redirected, with their envelope's parameters kept",
    async (queue, clock) => {
      const { id } = await put(queue, "hello", ["a@a.example", "b@b.example", "c@c.example"]);
      const claim = await claimOne(queue);
      await claim.settle(changes(delivered(0), deferred(clock.now() + MINUTE, 1)));
      claim.release();
      const recipients = new Map([["a@a.example", "x@x.example"], ["b@b.example", "y@y.example"]]);
      assertEquals(await queue.steer(id, { kind: "redirect", recipients }, WAIT), "done");
      const message = (await queue.read(id))!;
      assertEquals(message.recipients.map(({ address }) => address), [
        "a@a.example",
        "y@y.example",
        "c@c.example",
      ]);
      assertEquals(message.recipients[1]!.nextAttempt, clock.now());
      assertEquals(message.envelope, envelopeTo("a@a.example", "b@b.example", "c@c.example"));
      assertEquals(queue.overview(id)!.domains, ["y.example", "c.example"]);
    },
  );

  contract("a captured message is never due, and can only be removed", async (queue, clock) => {
    const id = await putCaptured(queue);
    clock.advance(1e9);
    assertEquals([queue.nextDue(), await queue.claimById(id)], [Infinity, undefined]);
    for (const change of EVERY.filter(({ kind }) => kind !== "remove")) {
      assertEquals(await queue.steer(id, change), "captured");
      assertEquals(queue.overview(id)!.state, "captured");
    }
    const message = (await queue.read(id))!;
    assertEquals([message.held, message.captured, message.nextHop], [true, true, undefined]);
    assertEquals(await textOf((await queue.contentOf(id))!), "captured");
    assertEquals(await queue.steer(id, { kind: "remove" }), "done");
    assertCounts(queue, { messages: 0, captured: 0 });
  });

  contract("a message that is not there is gone, however it is steered", async (queue) => {
    for (const change of EVERY) assertEquals(await queue.steer(NOBODY, change, WAIT), "gone");
  });

  contract("a claimed message is busy, and is as it was", async (queue) => {
    const { id } = await put(queue, "hello");
    const recalled: string[] = [];
    queue.onRecall((each) => recalled.push(each));
    const claim = await claimOne(queue);
    for (const change of EVERY) assertEquals(await queue.steer(id, change), "busy");
    assertEquals(recalled, EVERY.map(() => id));
    await claim.settle(changes(delivered()));
    claim.release();
    assertCounts(queue, { messages: 0 });
  });

  contract(
    "a claimed message that is given back at once when it is recalled is steered",
    async (queue) => {
      const { id } = await put(queue, "hello");
      const claim = await claimOne(queue);
      queue.onRecall(() => claim.release());
      assertEquals(await queue.steer(id, { kind: "hold" }), "done");
      assertEquals(queue.overview(id)!.state, "held");
    },
  );

  contract("a claimed message is waited for, and not claimed in between", async (queue, clock) => {
    const { id } = await put(queue, "hello");
    const claim = await claimOne(queue);
    const claimedAgain: unknown[] = [];
    queue.onDue(() => void queue.claim(5).then((claims) => claimedAgain.push(...claims)));
    const held = queue.steer(id, { kind: "hold" }, WAIT);
    const released = queue.steer(id, { kind: "release" }, WAIT);
    const removed = queue.steer(id, { kind: "remove" }, WAIT);
    await claim.settle(changes(deferred(clock.now())));
    claim.release();
    assertEquals(await Promise.all([held, released, removed]), ["done", "done", "done"]);
    assertEquals(claimedAgain, []);
    assertNobodyWaits(clock);
    assertCounts(queue, { messages: 0, active: 0 });
  });

  contract("a claimed message that is not given back in time is busy", async (queue, clock) => {
    const { id } = await put(queue, "hello");
    const recalled = Promise.withResolvers<string>();
    queue.onRecall(recalled.resolve);
    const claim = await claimOne(queue);
    const held = queue.steer(id, { kind: "hold" }, WAIT);
    assertEquals(await recalled.promise, id);
    clock.advance(WAIT);
    assertEquals(await held, "busy");
    claim.release();
    assertEquals((await claimOne(queue)).message.held, false);
  });

  contract(
    "a claimed message that is finished while it is waited for is gone",
    async (queue, clock) => {
      const { id } = await put(queue, "hello");
      const claim = await claimOne(queue);
      const recalled = Promise.withResolvers<string>();
      queue.onRecall(recalled.resolve);
      const held = queue.steer(id, { kind: "hold" }, WAIT);
      await recalled.promise;
      await claim.settle(changes(delivered()));
      claim.release();
      assertEquals(await held, "gone");
      assertNobodyWaits(clock);
    },
  );

  contract(
    "a parked message is steered, and no longer waits for its parking to end",
    async (queue, clock) => {
      const { id } = await put(queue, "hello");
      const claim = await claimOne(queue);
      claim.release(clock.now() + 60 * MINUTE);
      assertEquals(await queue.steer(id, { kind: "retry" }), "done");
      assertEquals(queue.nextDue(), clock.now());
    },
  );

  contract("a closed queue steers nothing, and nobody waits for it", async (queue, clock) => {
    const { id } = await put(queue, "hello");
    await claimOne(queue);
    const recalled = Promise.withResolvers<string>();
    queue.onRecall(recalled.resolve);
    const waiting = assertRejects(() => queue.steer(id, { kind: "hold" }, WAIT), QueueError);
    await recalled.promise;
    await queue.close();
    await waiting;
    await assertRejects(() => queue.steer(id, { kind: "hold" }), QueueError, "closed");
    assertNobodyWaits(clock);
  });

  contract("many messages are steered at once while others come in", async (queue) => {
    const ids: string[] = [];
    for (let i = 0; i < 40; i++) ids.push((await put(queue, `message ${i}`)).id);
    const steering = Promise.all(ids.map((id) => queue.steer(id, { kind: "hold" })));
    await put(queue, "another");
    assertEquals(new Set(await steering), new Set(["done"]));
    assertCounts(queue, { messages: 41, held: 40, incoming: 1 });
    assert((await queue.claim(100)).length === 1);
  });
}
