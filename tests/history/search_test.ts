/** What is told of messages, found again. */
import { assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import { ulid } from "@std/ulid";
import type { History, MessageQuery } from "../../history/history.ts";
import { matches } from "../../history/keys.ts";
import type { AcceptedFact, StoryFact } from "../../history/story.ts";
import { arrivalOf } from "../../queue/id.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { accepted, attempt, BEGIN, finished } from "./facts.ts";
import { DAY, idsOf, tell, withHistory } from "./place.ts";

Deno.test("a message is found by id, sender, recipient, Message-ID, domain, and several of them", async () => {
  await withHistory(async (history) => {
    tell(history, 5);
    const wanted = accepted({
      at: BEGIN + 50,
      from: "Carol@Bücher.example",
      to: ["dave@example.net", "Erin@Example.NET"],
      messageId: "<wanted@example.org>",
    });
    history.take(wanted);
    tell(history, 5, { at: BEGIN + 100 });
    const queries: Partial<MessageQuery>[] = [
      { id: wanted.id },
      { from: "carol@xn--bcher-kva.example" },
      { from: "*@BÜCHER.example" },
      { to: "erin@example.net" },
      { to: "dave@EXAMPLE.net" },
      { messageId: "wanted@example.org" },
      { messageId: "<wanted@example.org>" },
      { from: "*@bücher.example", to: "*@example.net" },
      { since: BEGIN + 50, until: BEGIN + 51 },
      { to: "*@example.net", since: BEGIN + 50, until: BEGIN + 51 },
    ];
    for (const query of queries) {
      assertEquals(await idsOf(history, query), [wanted.id], JSON.stringify(query));
    }
    assertEquals(await idsOf(history, { from: "carol@example.org" }), []);
    assertEquals(
      await idsOf(history, { from: "carol@xn--bcher-kva.example", to: "user1@example.net" }),
      [],
    );
    assertEquals((await idsOf(history, { to: "*@example.net" })).length, 11);
  });
});

Deno.test("a message is found by how its id begins, however much of it is given, also after a restart", async () => {
  await withHistory(async (history, { open }) => {
    tell(history, 3);
    const [wanted] = tell(history, 1, { at: BEGIN + 7 * DAY, from: "carol@example.org" });
    tell(history, 3, { at: BEGIN + 14 * DAY });
    const { id } = wanted!;
    // A second later in the same millisecond of its id, as clocks that are set back have it.
    const late = accepted({
      id: id.slice(0, 25) + (id.endsWith("0") ? "1" : "0"),
      at: wanted!.at + 1000,
    });
    history.take(late);
    await history.close();
    const again = await open();
    // 32 digits to the fifth power, in ms, are nine hours.
    for (let length = 5; length < id.length; length++) {
      const found = await idsOf(again, { id: id.slice(0, length) });
      assertEquals(found.toSorted(), [id, late.id].toSorted(), `${length} characters`);
    }
    assertEquals(await idsOf(again, { id }), [id]);
    const start = id.slice(0, 8);
    assertEquals(await idsOf(again, { id: start, from: "carol@example.org" }), [id]);
    assertEquals(await idsOf(again, { id: start, until: wanted!.at + 1000 }), [id]);
    assertEquals((await idsOf(again, { id: "0" })).length, 8);
    assertEquals(await idsOf(again, { id: "Z" }), []);
    assertEquals(await idsOf(again, { id: id.slice(0, 25) + "!" }), []);
    await again.close();
  }, { keep: 60 * DAY });
});

Deno.test("the null reverse-path is found as such", async () => {
  await withHistory(async (history) => {
    tell(history, 2);
    const bounce = accepted({ from: "" });
    history.take(bounce);
    assertEquals(await idsOf(history, { from: "" }), [bounce.id]);
  });
});

Deno.test("the newest messages come first, and no more than asked for", async () => {
  await withHistory(async (history) => {
    const told = tell(history, 10).map(({ id }) => id).reverse();
    assertEquals(await idsOf(history, {}), told);
    assertEquals(await idsOf(history, { limit: 3 }), told.slice(0, 3));
    assertEquals(await idsOf(history, { from: "alice@example.org", limit: 3 }), told.slice(0, 3));
    assertEquals(await idsOf(history, { limit: 0 }), []);
  });
});

Deno.test("what became of each recipient is told with the message", async () => {
  await withHistory(async (history) => {
    const to = ["a@example.net", "b@example.net", "c@example.org", "d@example.com"];
    const message = accepted({ to });
    const results = [
      { outcome: "delivered", reply: "250 ok" },
      { outcome: "deferred", reply: "450 later" },
    ] as const;
    history.take(message);
    history.take(attempt(message, { recipients: to.slice(0, 2), outcome: "mixed", results }));
    history.take(
      attempt(message, {
        recipients: ["C@example.org"],
        outcome: "failed",
        reply: "550 no",
        host: "mx2",
      }),
    );
    history.take(
      {
        kind: "notice",
        at: BEGIN + 90,
        id: message.id,
        action: "failed",
        recipients: ["c@example.org"],
        reason: "told",
      },
    );
    const { messages: [found] } = await history.find({ id: message.id, limit: 1 });
    const at = BEGIN + 55;
    const host = "mx1.example.net";
    assertEquals(found!.recipients, [
      { address: "a@example.net", outcome: "delivered", reply: "250 ok", at, host },
      { address: "b@example.net", outcome: "deferred", reply: "450 later", at, host },
      { address: "c@example.org", outcome: "failed", reply: "550 no", at: BEGIN + 90, host: "mx2" },
      { address: "d@example.com", outcome: "waiting" },
    ]);
    assertEquals(found!.finished, undefined);
    history.take({ kind: "steered", at: BEGIN + 99, id: message.id, action: "remove", by: "api" });
    history.take(finished(message, { at: BEGIN + 100 }));
    const { messages: [done] } = await history.find({ id: message.id, limit: 1 });
    assertEquals(done!.recipients.map(({ outcome }) => outcome), [
      "delivered",
      "removed",
      "failed",
      "removed",
    ]);
    assertEquals(done!.finished, BEGIN + 100);
  });
});

Deno.test("a search ends when it has looked at as many messages as it may, says how far it came, and goes on from there", async () => {
  const mostLooks = 3;
  await withHistory(async (history) => {
    const facts = tell(history, 7).toReversed();
    const ids = facts.map(({ id }) => id);
    const seen: string[] = [];
    let until: number | undefined;
    for (let rounds = 0; rounds < 3; rounds++) {
      const { messages, lookedBackTo } = await history.find({ limit: 9, until });
      seen.push(...messages.map(({ accepted }) => accepted.id));
      until = lookedBackTo;
    }
    assertEquals([seen, until], [ids, undefined]);
    const { messages, lookedBackTo } = await history.find({ limit: 9, outcome: "waiting" });
    assertEquals([messages, lookedBackTo], [[], arrivalOf(ids[2]!)]);
    assertEquals((await history.find({ limit: 3 })).lookedBackTo, undefined);
  }, { mostLooks });
});

Deno.test("a search that nobody waits for any more ends", async () => {
  await withHistory(async (history) => {
    tell(history, 3);
    const signal = AbortSignal.abort();
    const clock = performance.now();
    // It looks at its signal when it has gone on for some time.
    let error: unknown;
    while (error === undefined && performance.now() - clock < 10_000) {
      await history.find({ limit: 9 }, signal).catch((thrown) => error = thrown);
      tell(history, 100);
    }
    assertInstanceOf(error, DOMException);
  });
});

Deno.test("messages are found while others are being told of", async () => {
  await withHistory(async (history) => {
    const messages: AcceptedFact[] = [];
    const asking: Promise<void>[] = [];
    for (let i = 0; i < 50; i++) {
      messages.push(...tell(history, 10, { at: BEGIN + 10 * i }));
      const asked = messages[Math.floor(messages.length / 2)]!;
      asking.push(history.story(asked.id).then((story) => assertEquals(story.length, 3)));
    }
    await Promise.all(asking);
    assertEquals(history.lost, 0);
  });
});

const address = fc.tuple(
  fc.constantFrom("a", "b", "B", "ü"),
  fc.constantFrom("x.test", "Y.test", "ü.test"),
)
  .map(([local, domain]) => `${local}@${domain}`);
const message = fc.record({
  from: fc.oneof(fc.constant(""), address),
  to: fc.array(address, { minLength: 1, maxLength: 3 }),
  messageId: fc.option(fc.constantFrom("<1@x>", "2@x"), { nil: undefined }),
  wait: fc.constantFrom(0, 1, 500, DAY),
});
const pattern = fc.oneof(address, fc.constantFrom("*@x.test", "*@y.TEST", "*@xn--tda.test"));
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const query = fc.record({
  from: maybe(fc.oneof(fc.constant(""), pattern)),
  to: maybe(pattern),
  messageId: maybe(fc.constantFrom("1@x", "<2@x>", "3@x")),
  since: maybe(fc.integer({ min: BEGIN, max: BEGIN + 3 * DAY })),
  until: maybe(fc.integer({ min: BEGIN, max: BEGIN + 3 * DAY })),
});

Deno.test("what is found is what looking at every message finds", async () => {
  const bunch = fc.tuple(
    fc.array(message, { maxLength: 40 }),
    fc.array(query, { minLength: 5, maxLength: 10 }),
  );
  await fc.assert(
    fc.asyncProperty(bunch, async ([messages, queries]) => {
      await withHistory(async (history, { clock, open }) => {
        const told = await tellAll(history, clock, messages);
        await history.close();
        const again = await open();
        for (const each of queries) {
          const expected = told.filter((fact) => matches(fact, each)).reverse();
          const found = await again.find({ ...each, limit: 1000 });
          assertEquals(
            found.messages.map(({ accepted }) => accepted.id),
            expected.map(({ id }) => id),
          );
        }
        await again.close();
      });
    }),
    { numRuns: 25 },
  );
});

interface MadeUp extends Pick<AcceptedFact, "from" | "to" | "messageId"> {
  readonly wait: number;
}

async function tellAll(
  history: History,
  clock: TestClock,
  messages: readonly MadeUp[],
): Promise<AcceptedFact[]> {
  const told: AcceptedFact[] = [];
  for (const { wait, ...envelope } of messages) {
    clock.advance(wait);
    const at = clock.now();
    const fact = accepted({ ...envelope, at, id: ulid(at) });
    told.push(fact);
    history.take(fact);
    history.take(finished(fact));
    if (wait === DAY) await history.find({ limit: 1 });
  }
  return told;
}

Deno.test("mail is found by when it was delivered, whenever it was accepted", async () => {
  await withHistory(async (history, { open }) => {
    const [at0, at1, at2] = [BEGIN, BEGIN + DAY, BEGIN + 2 * DAY];
    const deferred = { outcome: "deferred", delivered: 0, reply: "450 later" } as const;
    const early = accepted({ at: at0 });
    const late = accepted({ at: at0 + 10 });
    const slow = accepted({ at: at1 + 20 });
    const other = accepted({ at: at0 + 30, to: ["carol@example.net"] });
    const facts: StoryFact[] = [early, late, other, slow].flatMap((
      fact,
    ) => [fact, attempt(fact, deferred)]);
    facts.push(attempt(early, { at: at0 + 1000 }), finished(early, { at: at0 + 1001 }));
    facts.push(attempt(late, { at: at1 + 1000 }), finished(late, { at: at1 + 1001 }));
    facts.push(attempt(other, { at: at1 + 2000, recipients: other.to }));
    facts.push(attempt(slow, { at: at2 + 1000 }), finished(slow, { at: at2 + 1001 }));
    for (const fact of facts) history.take(fact);
    await history.close();
    const again = await open();
    const to = "bob@example.net";
    const dayOne = { to, since: at1, until: at2 };
    assertEquals(await idsOf(again, { ...dayOne, outcome: "delivered" }), [late.id]);
    assertEquals(await idsOf(again, dayOne), [slow.id, late.id]);
    assertEquals(await idsOf(again, { ...dayOne, to: "*@example.net" }), [
      slow.id,
      other.id,
      late.id,
    ]);
    assertEquals(await idsOf(again, { to, since: at2 }), [slow.id]);
    assertEquals(await idsOf(again, { since: at2, messageId: "1@example.org" }), [slow.id]);
    assertEquals(await idsOf(again, { to, until: at1, outcome: "delivered" }), [early.id]);
    assertEquals(await idsOf(again, { ...dayOne, outcome: "failed" }), []);
    await again.close();
  });
});

Deno.test("mail is found by what became of it, without a time", async () => {
  await withHistory(async (history) => {
    const at = (i: number) => BEGIN + i;
    const [plain, deferred, failed, removed, waiting] = [1, 2, 3, 4, 5].map((i) =>
      accepted({ at: at(i) })
    ) as [AcceptedFact, AcceptedFact, AcceptedFact, AcceptedFact, AcceptedFact];
    for (const fact of [plain, deferred, failed, removed, waiting]) history.take(fact);
    history.take(attempt(plain));
    history.take(attempt(deferred, { outcome: "deferred", delivered: 0 }));
    const { to: recipients, id } = failed;
    const told = { recipients, action: "failed", reason: "told" } as const;
    history.take({ kind: "notice", at: at(90), id, ...told });
    history.take({ kind: "steered", at: at(95), id: removed.id, action: "remove", by: "api" });
    for (
      const [outcome, message] of [
        ["delivered", plain],
        ["deferred", deferred],
        ["failed", failed],
        ["removed", removed],
        ["waiting", waiting],
      ] as const
    ) {
      assertEquals(await idsOf(history, { outcome }), [message.id], outcome);
      assertEquals(await idsOf(history, { outcome, to: "*@example.net" }), [message.id], outcome);
      assertEquals(await idsOf(history, { outcome, from: "x@example.org" }), [], outcome);
    }
  });
});

Deno.test("redirected mail is found under both addresses, and waits at neither once it is delivered", async () => {
  await withHistory(async (history) => {
    const message = accepted({ to: ["bob@example.net", "eve@example.net"] });
    history.take(message);
    history.take(attempt(message, { recipients: ["eve@example.net"], delivered: 1 }));
    const redirected = [{ from: "Bob@example.net", to: "carol@example.com" }];
    const steering = { action: "redirect", by: "api", redirected } as const;
    history.take({ kind: "steered", at: BEGIN + DAY, id: message.id, ...steering });
    history.take(
      attempt(message, { at: BEGIN + 2 * DAY, recipients: ["carol@example.com"], delivered: 1 }),
    );
    const later = { since: BEGIN + 2 * DAY };
    for (const to of ["bob@example.net", "carol@example.com", "*@example.com"]) {
      assertEquals(await idsOf(history, { to, outcome: "delivered" }), [message.id], to);
      assertEquals(await idsOf(history, { to, ...later }), [message.id], to);
    }
    assertEquals(await idsOf(history, { to: "eve@example.net", ...later }), []);
    assertEquals(await idsOf(history, { outcome: "waiting" }), []);
    const { messages: [found] } = await history.find({ to: "carol@example.com", limit: 1 });
    assertEquals(found!.recipients.map(({ address, formerly }) => [address, formerly]), [
      ["eve@example.net", undefined],
      ["carol@example.com", ["bob@example.net"]],
    ]);
  });
});

Deno.test("what is found by its delivery is what looking at every delivery finds", async () => {
  const step = fc.record({
    wait: fc.constantFrom(0, 1, 500, DAY),
    delay: fc.constantFrom(0, 1000, 59_990, 61_000, DAY, 2 * DAY),
    took: fc.constantFrom(0, 20, 600_000),
  });
  const time = fc.integer({ min: BEGIN, max: BEGIN + 4 * DAY });
  const bunch = fc.tuple(fc.array(step, { maxLength: 20 }), fc.array(time, { minLength: 4 }));
  await fc.assert(
    fc.asyncProperty(bunch, async ([steps, times]) => {
      await withHistory(async (history, { clock }) => {
        const ends = new Map<string, number>();
        for (const { wait, delay, took } of steps) {
          clock.advance(wait);
          const at = clock.now();
          const message = accepted({ at });
          ends.set(message.id, at + delay + took);
          history.take(message);
          history.take(attempt(message, { at: at + delay, took }));
          if (wait === DAY) await history.find({ limit: 1 });
        }
        for (const since of times) {
          const until = since + DAY;
          const expected = [...ends].filter(([, end]) => end >= since && end < until);
          const found = await idsOf(history, { since, until, outcome: "delivered" });
          assertEquals(found.sort(), expected.map(([id]) => id).sort());
        }
      });
    }),
    { numRuns: 25 },
  );
});
