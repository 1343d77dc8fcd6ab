/** What every store of the queue has to keep to when it is looked into, and ways to put in what is worth a look. */
import { assertEquals } from "@std/assert";
import type { Overview, Queue } from "../../queue/queue.ts";
import type { TestClock } from "../helpers/test_clock.ts";
import { contractOf, type WithQueue } from "./contract.ts";
import {
  assertCounts,
  changes,
  claimOne,
  contentOf,
  deferred,
  delivered,
  envelopeTo,
  octetsOf,
  put,
} from "./fixtures.ts";

const MINUTE = 60_000;
/** The id of no message. */
export const NOBODY = "00000000000000000000000000";

/** Puts a message in and has it deferred, for an hour unless told. */
export async function putDeferred(
  queue: Queue,
  clock: TestClock,
  recipients = ["rcpt@example.com"],
): Promise<string> {
  const { id } = await put(queue, "hello", recipients);
  const claim = (await queue.claimById(id))!;
  const next = clock.now() + 60 * MINUTE;
  await claim.settle(changes(...recipients.map((_, index) => deferred(next, index))));
  claim.release();
  await queue.read(id);
  return id;
}

/** Puts in a message that is captured. */
export async function putCaptured(queue: Queue): Promise<string> {
  const draft = queue.draft();
  await draft.write(new TextEncoder().encode("captured"));
  return (await draft.commit(envelopeTo("rcpt@example.com"), { capture: true })).id;
}

/** Puts in a message that is to be released at a time. */
export async function putScheduled(queue: Queue, release: number): Promise<string> {
  const draft = queue.draft();
  return (await draft.commit({ ...envelopeTo("rcpt@example.com"), release })).id;
}

/** Registers the contract's tests for one store. */
export function testOverviews(store: string, withQueue: WithQueue): void {
  const contract = contractOf(store, withQueue);

  contract("an overview says what is known of a message", async (queue, clock) => {
    const { id } = await put(queue, "hello", ["a@Example.com", "b@b.example", "c@example.com"]);
    const fresh: Overview = {
      id,
      state: "incoming",
      arrived: clock.now(),
      size: 5,
      reversePath: "sender@example.org",
      recipients: ["a@Example.com", "b@b.example", "c@example.com"],
      domains: ["example.com", "b.example"],
      attempts: 0,
      due: clock.now(),
      parked: false,
      hostFailure: false,
      lastError: undefined,
    };
    assertEquals(queue.overview(id), fresh);
    const claim = await claimOne(queue);
    assertEquals(queue.overview(id), { ...fresh, state: "active" });
    const next = clock.now() + MINUTE;
    await claim.settle(changes(deferred(next, 0), delivered(1), deferred(next + 1, 2)));
    claim.release();
    await queue.read(id);
    assertEquals(queue.overview(id), {
      ...fresh,
      state: "deferred",
      recipients: ["a@Example.com", "c@example.com"],
      domains: ["example.com"],
      attempts: 1,
      due: next,
      hostFailure: true,
      lastError: "451 4.7.1 later",
    });
    assertEquals(queue.overview(NOBODY), undefined);
  });

  contract(
    "a message that is put back for longer than it asked for is parked until it is taken again",
    async (queue, clock) => {
      const { id } = await put(queue, "hello", ["a@example.com"]);
      const look = () => {
        const { state, due, parked } = queue.overview(id)!;
        return { state, due, parked };
      };
      (await claimOne(queue)).release(clock.now() + MINUTE);
      assertEquals(look(), { state: "incoming", due: clock.now() + MINUTE, parked: true });
      const early = await queue.claimById(id);
      assertEquals([look().state, look().parked], ["active", false]);
      early!.release(clock.now());
      assertEquals(look(), { state: "incoming", due: clock.now(), parked: false });
    },
  );

  contract("an overview is of the moment at which it was asked for", async (queue, clock) => {
    const id = await putDeferred(queue, clock);
    const before = queue.overview(id);
    const copy = structuredClone(before);
    await queue.steer(id, { kind: "hold" });
    assertEquals(before, copy);
    assertEquals(queue.overview(id)!.state, "held");
  });

  contract("overviews name every message, while the queue changes", async (queue) => {
    const ids: string[] = [];
    for (let i = 0; i < 10; i++) ids.push((await put(queue, `message ${i}`)).id);
    const claims = await queue.claim(5);
    assertEquals([...queue.overviews()].map(({ id }) => id), ids);
    const seen: string[] = [];
    for (const { id } of queue.overviews()) {
      seen.push(id);
      if (seen.length > 1) continue;
      for (const claim of claims.slice(1)) {
        await claim.settle(changes(delivered()));
        claim.release();
      }
      ids.push((await put(queue, "late")).id);
    }
    assertEquals(seen, [ids[0], ...ids.slice(5)]);
  });

  contract("counts are by what messages do", async (queue, clock) => {
    await put(queue, "incoming");
    await put(queue, "active");
    (await queue.claim(1))[0]!;
    await putDeferred(queue, clock);
    await put(queue, "held", ["a@example.com"], true);
    await putCaptured(queue);
    await putScheduled(queue, clock.now() + MINUTE);
    assertEquals(queue.counts(), {
      messages: 6,
      active: 1,
      incoming: 1,
      deferred: 1,
      scheduled: 1,
      held: 1,
      captured: 1,
      unread: 0,
    });
    clock.advance(MINUTE);
    await queue.claim(2);
    assertCounts(queue, { messages: 6, active: 3, incoming: 0, scheduled: 0 });
  });

  contract("content is read without a claim, whoever has the message", async (queue) => {
    const { id } = await put(queue, contentOf("read"));
    assertEquals(await octetsOf((await queue.contentOf(id))!), contentOf("read"));
    const claim = await claimOne(queue);
    assertEquals(await octetsOf((await queue.contentOf(id))!), contentOf("read"));
    await claim.settle(changes(delivered()));
    claim.release();
    assertEquals(await queue.contentOf(id), undefined);
    assertEquals(await queue.contentOf(NOBODY), undefined);
  });
}
