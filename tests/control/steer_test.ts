/** What is told of messages that are steered one by one, and how their end is counted. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { steerAndTell, type SteerOrder } from "../../control/steer.ts";
import type { StoryFact } from "../../history/story.ts";
import { FileQueue } from "../../queue/file_queue.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import { type Queue, QueueError, type RecipientStatus } from "../../queue/queue.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";

const REMOVE: SteerOrder = { steering: { kind: "remove" }, by: "socket", detail: "spam" };
const EVERY: readonly RecipientStatus[] = ["waiting", "delivered", "relayed", "failed", "bounced"];
const ADDRESSES = [...EVERY, "waiting"].map((status, i) => `${status}${i}@example.net`);

/** Queues a message with a recipient in each state, and two that wait. */
async function sendMixed(queue: Queue): Promise<string> {
  const draft = queue.draft();
  const { id } = await draft.commit({
    reversePath: "sender@example.org",
    recipients: ADDRESSES,
    smtputf8: false,
    body: "7BIT",
    client: { address: "192.0.2.1", port: 4711, helo: "client.example.org", protocol: "ESMTP" },
  });
  const claim = await queue.claimById(id);
  const changes = EVERY.map((status, index) => ({ index, status, tried: true, nextAttempt: 0 }));
  await claim!.settle({ changes });
  claim!.release();
  return id;
}

/** Steers as ordered; gives what is told. */
async function told(queue: Pick<Queue, "steer" | "overview">, id: string, order: SteerOrder) {
  const facts: StoryFact[] = [];
  const stories = { take: (fact: StoryFact) => void facts.push(fact) };
  const outcome = await steerAndTell({ queue, stories, clock: new TestClock() }, id, order);
  return { outcome, facts };
}

async function checkRemoval(queue: Queue): Promise<void> {
  const id = await sendMixed(queue);
  const { outcome, facts } = await told(queue, id, REMOVE);
  const at = new TestClock().now();
  assertEquals(outcome, "done");
  assertEquals(facts, [
    { kind: "steered", at, id, action: "remove", by: "socket", detail: "spam" },
    { kind: "finished", at, id, delivered: 2, bounced: 1, removed: 3 },
  ]);
  assertEquals(queue.overview(id), undefined);
  assertEquals(await told(queue, id, REMOVE), { outcome: "gone", facts: [] });
}

Deno.test("a message that is removed is finished: what was over before counts as what it was, the rest as removed", () =>
  checkRemoval(new MemoryQueue(new TestClock())));

Deno.test("the same on a spool", () =>
  withTempDir(async (directory) => {
    const queue = await FileQueue.open({ directory, clock: new TestClock() });
    try {
      await checkRemoval(queue);
    } finally {
      await queue.close();
    }
  }));

Deno.test("what is steered and stays has no end to tell", async () => {
  const queue = new MemoryQueue(new TestClock());
  const id = await sendMixed(queue);
  const { facts } = await told(queue, id, { steering: { kind: "hold" }, by: "api" });
  assertEquals(facts.map(({ kind }) => kind), ["steered"]);
});

Deno.test("a redirection tells which recipients have another address", async () => {
  const queue = new MemoryQueue(new TestClock());
  const id = await sendMixed(queue);
  const [from, to] = ["waiting0@example.net", "other@example.com"];
  const recipients = new Map([[from, to], ["nobody@example.net", to]]);
  const { facts } = await told(queue, id, {
    steering: { kind: "redirect", recipients },
    by: "api",
  });
  const [fact] = facts;
  assert(fact?.kind === "steered");
  assertEquals(fact.redirected, [{ from, to }]);
});

Deno.test("what could not be recorded is thrown, and told by nobody", async () => {
  const error = new QueueError("storage", "the disk is gone");
  const facts: StoryFact[] = [];
  const stories = { take: (fact: StoryFact) => void facts.push(fact) };
  const queue = { steer: () => Promise.reject(error), overview: () => undefined };
  const parts = { queue, stories, clock: new TestClock() };
  await assertRejects(() => steerAndTell(parts, "ID", REMOVE), QueueError, "the disk is gone");
  assertEquals(facts, []);
});
