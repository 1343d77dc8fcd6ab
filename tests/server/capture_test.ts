/** Mail that is captured: accepted as ever, kept, bounded, and never delivered. */
import { assert, assertEquals } from "@std/assert";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import type { Queue } from "../../queue/queue.ts";
import { Stories, type StoryFact } from "../../history/story.ts";
import { CaptureBound } from "../../server/capture_bound.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { until } from "../transport/running.ts";
import { QUEUES, withReceiver } from "./receiving.ts";

function captured(queue: Queue): string[] {
  return [...queue.overviews()].filter(({ state }) => state === "captured").map(({ id }) => id);
}

for (const [name, kind] of QUEUES) {
  Deno.test(`captured mail is kept and is due for nobody: ${name}`, () =>
    withReceiver(kind, { capture: true }, async ({ connect, queue, facts }) => {
      const peer = await connect();
      await peer.hello();
      await peer.send("Subject: one\r\n\r\nx", "a@b.test", "anyone@anywhere.test");
      assertEquals(captured(queue).length, 1);
      assertEquals(await queue.claim(10), []);
      const accepted = facts.find((fact) => fact.kind === "accepted");
      assert(accepted?.kind === "accepted" && accepted.captured);
    }));
}

Deno.test("captured mail is refused from clients that may not send here", () =>
  withReceiver(QUEUES.get("in memory")!, { capture: true, trust: [] }, async (receiving) => {
    const peer = await receiving.connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@b.test>");
    const reply = await peer.ask("RCPT TO:<anyone@anywhere.test>");
    assertEquals(reply.slice(0, 9), "550 5.7.1");
  }));

Deno.test("above the bound the oldest captured message goes, and mail that waits never does", async () => {
  const clock = new TestClock();
  const queue = new MemoryQueue(clock);
  const facts: StoryFact[] = [];
  const stories = new Stories([{
    take: (fact) => void (fact.kind === "steered" && facts.push(fact)),
  }]);
  const ids: string[] = [];
  const commit = async (capture: boolean): Promise<string> => {
    clock.advance(1);
    const client = { address: "127.0.0.1", port: 1, helo: "", protocol: "" };
    const envelope = {
      ...{ reversePath: "a@b.test", recipients: ["c@d.test"], smtputf8: false },
      ...{ body: "7BIT" as const, client },
    };
    return (await queue.draft().commit(envelope, { capture })).id;
  };
  const waiting = await commit(false);
  const bound = new CaptureBound({ queue, stories, clock, most: () => 3 });
  for (let i = 0; i < 8; i++) {
    const id = await commit(true);
    ids.push(id);
    bound.take({
      ...{ kind: "accepted", at: clock.now(), took: 0, id, captured: true, decisions: [] },
      ...{ client: { address: "", port: 0, helo: "", protocol: "" }, from: "", to: [], size: 0 },
    });
    await until(() => facts.length === Math.max(0, i - 2));
  }
  assertEquals(captured(queue).sort(), ids.slice(-3).sort());
  assert(queue.overview(waiting) !== undefined);
  assertEquals(facts.map(({ id }) => id), ids.slice(0, 5));
  await queue.close();
});
