/** What every store of the queue has to keep to when messages are claimed, and what came of them is recorded. */
import { assertEquals, assertRejects } from "@std/assert";
import { HISTORY_LENGTH, type Queue } from "../../queue/queue.ts";
import { contractOf, type WithQueue } from "./contract.ts";
import {
  assertCounts,
  attemptAt,
  changes,
  claimOne,
  deferred,
  delivered,
  put,
} from "./fixtures.ts";

const MINUTE = 60_000;

/** Registers the tests of claims for one store. */
export function testClaims(store: string, withQueue: WithQueue): void {
  const contract = contractOf(store, withQueue);

  contract("a claim says whether it is early: woken or by id", async (queue, clock) => {
    const { id } = await put(queue, "hello");
    const due = await claimOne(queue);
    assertEquals(due.early, false);
    await due.settle(changes(deferred(clock.now() + MINUTE)));
    due.release();
    assertEquals(queue.wake(), 1);
    const woken = await claimOne(queue);
    assertEquals(woken.early, true);
    woken.release();
    const byId = (await queue.claimById(id))!;
    assertEquals(byId.early, true);
    byId.release();
    clock.advance(MINUTE);
    assertEquals((await claimOne(queue)).early, false);
  });

  contract("a settlement may bring several attempts, in their order", async (queue, clock) => {
    await put(queue, "hello");
    const claim = await claimOne(queue);
    const attempts = Array.from({ length: HISTORY_LENGTH + 2 }, (_, i) => attemptAt(i));
    await claim.settle({ changes: [deferred(clock.now())], attempts });
    assertEquals(claim.message.history, attempts.slice(2));
  });

  contract("a released claim is dead", async (queue) => {
    await put(queue, "hello");
    const claim = await claimOne(queue);
    claim.release();
    await assertRejects(() => claim.settle(changes(delivered())), Error, "was released");
    assertEquals(queue.counts().messages, 1);
  });

  contract("settlements under way at once all count", async (queue, clock) => {
    const recipients = Array.from({ length: 20 }, (_, i) => `r${i}@example.com`);
    await put(queue, "hello", recipients);
    const claim = await claimOne(queue);
    const next = clock.now() + MINUTE;
    await Promise.all(
      recipients.map((_, i) => claim.settle(changes(i % 2 ? delivered(i) : deferred(next, i)))),
    );
    claim.release();
    clock.advance(MINUTE);
    const again = await claimOne(queue);
    const statuses = again.message.recipients.map((recipient) => recipient.status);
    assertEquals(statuses, recipients.map((_, i) => i % 2 ? "delivered" : "waiting"));
    await Promise.all(recipients.map((_, i) => again.settle(changes(delivered(i)))));
    again.release();
    assertEquals(queue.counts().messages, 0);
  });

  contract("a release does not overtake the settlement before it", async (queue, clock) => {
    const { id } = await put(queue, "hello");
    const claim = await claimOne(queue);
    const settled = claim.settle(changes(deferred(clock.now() + MINUTE)));
    claim.release();
    await settled;
    assertEquals((await queue.read(id))!.recipients[0]!.attempts, 1);
    clock.advance(MINUTE);
    await untilDue(queue);
    assertEquals((await claimOne(queue)).message.recipients[0]!.attempts, 1);
  });

  contract("a settlement that names no recipient changes nothing", async (queue) => {
    await put(queue, "hello");
    const claim = await claimOne(queue);
    await assertRejects(() => claim.settle(changes(delivered(0), delivered(1))), RangeError);
    assertEquals(claim.message.recipients[0]!.status, "waiting");
    assertEquals(queue.counts().messages, 1);
  });

  contract("what was delivered stays delivered", async (queue, clock) => {
    await put(queue, "hello", ["a@example.com", "b@example.com"]);
    const claim = await claimOne(queue);
    await claim.settle(changes(delivered(0)));
    await claim.settle(changes(deferred(clock.now() + 1, 0)));
    assertEquals(claim.message.recipients[0]!.status, "delivered");
    assertEquals(claim.message.recipients[0]!.attempts, 1);
  });

  contract("a finished message ignores a late settlement", async (queue) => {
    await put(queue, "hello");
    const claim = await claimOne(queue);
    await claim.settle(changes(delivered()));
    await claim.settle(changes(delivered()));
    claim.release();
    assertCounts(queue, { messages: 0, active: 0, held: 0 });
  });

  contract("the history keeps the latest attempts", async (queue, clock) => {
    await put(queue, "hello");
    const claim = await claimOne(queue);
    for (let i = 0; i < HISTORY_LENGTH + 5; i++) {
      await claim.settle({ changes: [deferred(clock.now())], attempts: [attemptAt(i)] });
    }
    assertEquals(claim.message.history.length, HISTORY_LENGTH);
    assertEquals(claim.message.history[0]!.at, 5);
    assertEquals(claim.message.recipients[0]!.attempts, HISTORY_LENGTH + 5);
  });

  contract("a held message is kept, counted, and never due", async (queue, clock) => {
    const { id } = await put(queue, "hello", ["a@example.com"], true);
    assertCounts(queue, { messages: 1, active: 0, held: 1 });
    assertEquals(queue.nextDue(), Infinity);
    clock.advance(1e9);
    assertEquals(await queue.claim(1), []);
    assertEquals(await queue.claimById(id), undefined);
    assertEquals(queue.wake(), 0);
    assertEquals([...queue.overviews()].map(({ state }) => state), ["held"]);
    assertEquals((await queue.read(id))!.held, true);
  });

  contract("claimById takes what is not due, but not what is claimed", async (queue, clock) => {
    const { id } = await put(queue, "hello");
    const claim = await claimOne(queue);
    assertEquals(await queue.claimById(id), undefined);
    await claim.settle(changes(deferred(clock.now() + MINUTE)));
    claim.release();
    const again = await queue.claimById(id);
    assertEquals(again!.message.id, id);
    assertEquals(queue.nextDue(), Infinity);
    assertEquals(await queue.claimById("00000000000000000000000000"), undefined);
  });

  contract("wake makes the messages that wait for a domain due now", async (queue, clock) => {
    for (const domain of ["a.example", "B.Example", "c.example"]) {
      await put(queue, "hello", [`x@${domain}`]);
      const claim = await claimOne(queue);
      await claim.settle(changes(deferred(clock.now() + MINUTE)));
      claim.release();
    }
    assertEquals(queue.nextDue(), clock.now() + MINUTE);
    assertEquals(queue.wake("b.example"), 1);
    assertEquals(queue.wake("d.example"), 0);
    assertEquals(queue.nextDue(), clock.now());
    const claims = await queue.claim(10);
    assertEquals(claims.map((claim) => claim.message.envelope.recipients[0]), ["x@B.Example"]);
    claims[0]!.release();
    assertEquals(queue.nextDue(), clock.now() + MINUTE);
  });

  contract("onDue is told of what is due earlier, and only of that", async (queue, clock) => {
    let told = 0;
    queue.onDue(() => told++);
    await put(queue, "one");
    assertEquals(told, 1);
    await put(queue, "two");
    assertEquals(told, 1);
    const [one, two] = await queue.claim(2);
    await one!.settle(changes(deferred(clock.now() + 2 * MINUTE)));
    one!.release();
    assertEquals(told, 2);
    await two!.settle(changes(deferred(clock.now() + 3 * MINUTE)));
    two!.release();
    assertEquals(told, 2);
    queue.wake();
    assertEquals(told, 3);
  });
}

/** Resolves when something is due, however long a release takes to come through. */
function untilDue(queue: Queue): Promise<void> {
  const due = Promise.withResolvers<void>();
  queue.onDue(due.resolve);
  return queue.nextDue() < Infinity ? Promise.resolve() : due.promise;
}
