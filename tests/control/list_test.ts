import { assert, assertEquals } from "@std/assert";
import type { QueueEntry, QueuePage } from "../../control/client.ts";
import { Problem } from "../../control/problem.ts";
import { put } from "../queue/fixtures.ts";
import { good, type Rig, rigOf } from "./rig.ts";

/** Queues a message to each of these mailboxes, a second apart. */
async function queueFor({ queue, clock }: Rig, ...mailboxes: string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const mailbox of mailboxes) {
    ids.push((await put(queue, "Subject: x\r\n", [mailbox])).id);
    clock.advance(1000);
  }
  return ids;
}

function recipients(messages: readonly QueueEntry[]): string[] {
  return messages.flatMap((message) => message.recipients);
}

Deno.test("a list shows the oldest first, and what of each a mail administrator asks for", async () => {
  const rig = rigOf();
  const ids = await queueFor(rig, "b@one.example", "a@two.example");
  const { messages, matched, next } = good(await rig.client.list());
  assertEquals(messages.map(({ id }) => id), ids);
  assertEquals([matched, next], [2, undefined]);
  const [first] = messages;
  assertEquals(first, {
    id: ids[0]!,
    state: "incoming",
    arrived: first!.arrived,
    size: 12,
    reversePath: "sender@example.org",
    recipients: ["b@one.example"],
    domains: ["one.example"],
    attempts: 0,
    due: first!.due!,
    hostFailure: false,
  });
});

const FILTERS: [filter: Parameters<Rig["client"]["list"]>[0], found: string[]][] = [
  [{ recipient: "A@TWO.example" }, ["a@two.example"]],
  [{ recipient: "*@one.example" }, ["a@one.example", "b@one.example"]],
  [{ recipient: "a@*" }, ["a@one.example", "a@two.example"]],
  [{ recipient: "*@*.example*e" }, []],
  [{ recipient: "a*a@one.example" }, []],
  [{ domain: "ONE.example." }, ["a@one.example", "b@one.example"]],
  [{ nextHop: "two.example" }, ["a@two.example"]],
  [{ sender: "sender@*" }, ["a@one.example", "b@one.example", "a@two.example"]],
  [{ sender: "<>" }, []],
  [{ state: "incoming" }, ["a@one.example", "b@one.example", "a@two.example"]],
  [{ state: "held" }, []],
  [{ olderThan: "2s" }, ["a@one.example"]],
  [{ newerThan: "2s" }, ["a@two.example"]],
  [{ error: "no" }, []],
  [{ recipient: "a@*", domain: "one.example" }, ["a@one.example"]],
];

for (const [filter, found] of FILTERS) {
  Deno.test(`the filter ${JSON.stringify(filter)} finds [${found.join(", ")}]`, async () => {
    const rig = rigOf();
    await queueFor(rig, "a@one.example", "b@one.example", "a@two.example");
    const { messages, matched } = good(await rig.client.list(filter));
    assertEquals(recipients(messages), found);
    assertEquals(matched, found.length);
  });
}

Deno.test("a cursor of another list is refused, also where lines are wanted", async () => {
  const rig = rigOf();
  await queueFor(rig, "a@one.example", "b@one.example");
  const { next } = good(await rig.client.list({ limit: 1 }));
  for (const accept of ["application/json", "application/x-ndjson"]) {
    for (const query of [`cursor=${next}&sort=size`, "cursor=W10"]) {
      const response = await rig.ask(`/v1/queue?${query}`, { headers: { accept } });
      const { error } = await response.json();
      assertEquals([response.status, error.key], [400, "cursor"], `${accept}: ${query}`);
    }
  }
});

Deno.test("several states are written with commas, and any of them will do", async () => {
  const rig = rigOf();
  const [id] = await queueFor(rig, "a@one.example", "b@one.example");
  await rig.queue.steer(id!, { kind: "hold" });
  for (
    const [state, count] of [["held", 1], ["held,incoming", 2], ["captured,active", 0]] as const
  ) {
    const page: QueuePage = await (await rig.ask(`/v1/queue?state=${state}`)).json();
    assertEquals(page.matched, count, state);
  }
});

Deno.test("pages go on where the one before ended, although messages come and go", async () => {
  const rig = rigOf();
  const names = Array.from({ length: 25 }, (_, i) => `${String.fromCharCode(97 + i)}@one.example`);
  const ids = await queueFor(rig, ...names);
  const first = good(await rig.client.list({ limit: 10 }));
  // What was shown, where the page ended, and what is to be shown goes; something comes.
  for (const gone of [3, 9, 12]) await rig.queue.steer(ids[gone]!, { kind: "remove" });
  const [added] = await queueFor(rig, "new@one.example");
  const second = good(await rig.client.list({ limit: 10, cursor: first.next }));
  const third = good(await rig.client.list({ limit: 10, cursor: second.next }));
  const shown = [first, second, third].flatMap(({ messages }) => messages.map(({ id }) => id));
  assertEquals(shown, [...ids.filter((_, i) => i !== 12), added!]);
  assertEquals(third.next, undefined);
});

for (const sort of ["arrived", "due", "size", "sender", "attempts", "domain"] as const) {
  for (const order of ["asc", "desc"] as const) {
    Deno.test(`every page in order of ${sort} ${order} goes on behind the one before`, async () => {
      const rig = rigOf();
      for (let i = 0; i < 23; i++) {
        await put(rig.queue, "x".repeat(i * 7 % 5), [`a@${"abc"[i % 3]}.example`], i % 4 === 0);
        rig.clock.advance(i % 2);
      }
      const shown: string[] = [];
      let cursor: string | undefined;
      do {
        const page = good(await rig.client.list({ sort, order, limit: 4, cursor }));
        shown.push(...page.messages.map(({ id }) => id));
        cursor = page.next;
      } while (cursor !== undefined);
      const whole = good(await rig.client.list({ sort, order, limit: 1000 }));
      assertEquals(shown, whole.messages.map(({ id }) => id));
      assertEquals(new Set(shown).size, 23);
    });
  }
}

Deno.test("as lines the list is whole, however long it is", async () => {
  const rig = rigOf();
  const count = 5000;
  for (let i = 0; i < count; i++) await put(rig.queue, "x", [`a${i}@example.org`]);
  const entries = (await Array.fromAsync(rig.client.listAll({ sort: "arrived" }))).map(good);
  assertEquals(entries.length, count);
  assert(entries.every(({ id }, i) => i === 0 || entries[i - 1]!.id < id));
});

for (
  const query of [
    "limit=0",
    "limit=1001",
    "limit=ten",
    "sort=__proto__",
    "order=up",
    "state=gone",
    "state=held,",
    "olderThan=5",
    "domain=a%00b",
    "colour=red",
    "limit=1&limit=2",
    "cursor=x",
    "cursor=W10",
  ]
) {
  Deno.test(`the list's query ${query} is refused, naming its key`, async () => {
    const response = await rigOf().ask(`/v1/queue?${query}`);
    assertEquals(response.status, 400);
    const { error } = await response.json();
    assertEquals(error.code, "bad_request");
    assertEquals(error.key.split(".")[0], query.split("=")[0]);
  });
}

Deno.test("a cursor of a list in another order is refused", async () => {
  const rig = rigOf();
  await queueFor(rig, "a@one.example", "b@one.example");
  const { next } = good(await rig.client.list({ limit: 1 }));
  const answer = await rig.client.list({ limit: 1, sort: "size", cursor: next });
  assert(answer instanceof Problem);
  assertEquals(answer.place.key, "cursor");
});
