import { assert, assertEquals } from "@std/assert";
import { decode } from "../../base/bytes.ts";
import type { ActionInput } from "../../control/action.ts";
import { Problem } from "../../control/problem.ts";
import { put, textOf } from "../queue/fixtures.ts";
import { good, type Rig, rigOf } from "./rig.ts";

/** What came of an action at its end. */
async function outcome({ client }: Rig, action: ActionInput) {
  const results = (await Array.fromAsync(client.act(action))).map(good);
  assertEquals(results.map(({ over }) => over), [...results.slice(1).map(() => false), true]);
  const { matched, done, busy, gone } = results.at(-1)!;
  return { matched, done, busy, gone };
}

const ONE = { matched: 1, done: 1, busy: 0, gone: 0 };

Deno.test("a message is held and released, and both are told with who did it", async () => {
  const rig = rigOf();
  const { id } = await put(rig.queue, "x");
  assertEquals(await outcome(rig, { action: "hold", ids: [id] }), ONE);
  assertEquals(rig.queue.overview(id)!.state, "held");
  assertEquals(await outcome(rig, { action: "release", ids: [id] }), ONE);
  assertEquals(rig.queue.overview(id)!.state, "incoming");
  const told = rig.facts.map((fact) => fact.kind === "steered" && [fact.id, fact.action, fact.by]);
  assertEquals(told, [[id, "hold", "socket"], [id, "release", "socket"]]);
});

Deno.test("what matches a filter is removed, and nothing else", async () => {
  const rig = rigOf();
  const kept = await put(rig.queue, "x", ["a@kept.example"]);
  for (let i = 0; i < 2500; i++) await put(rig.queue, "x", [`u${i}@gone.example`]);
  const filter = { domain: "gone.example" };
  const dry = await outcome(rig, { action: "remove", filter, dryRun: true });
  assertEquals(dry, { matched: 2500, done: 0, busy: 0, gone: 0 });
  assertEquals(rig.queue.counts().messages, 2501);
  const lines = await Array.fromAsync(rig.client.act({ action: "remove", filter }));
  assertEquals(lines.map((line) => good(line).done), [1000, 2000, 2500]);
  assertEquals([...rig.queue.overviews()].map(({ id }) => id), [kept.id]);
  assertEquals(rig.facts.filter(({ kind }) => kind === "steered").length, 2500);
});

Deno.test("the count comes while it grows, and what is wrong with a request before anything does", async () => {
  const rig = rigOf();
  for (let i = 0; i < 2500; i++) await put(rig.queue, "x");
  const lines = (json: unknown) =>
    rig.ask("/v1/queue/actions", {
      method: "POST",
      body: JSON.stringify(json),
      headers: { "content-type": "application/json", accept: "application/x-ndjson" },
    });
  const { status, body } = await lines({ action: "remove", filter: {} });
  const reader = body!.getReader();
  const { value } = await reader.read();
  assertEquals([status, JSON.parse(decode(value!)).done], [200, 1000]);
  assert(rig.queue.counts().messages > 0, "all was done before it was told");
  await reader.cancel();
  assertEquals((await lines({ action: "remove" })).status, 400);
});

Deno.test("with ids and a filter it is done to those of the ids that match by now", async () => {
  const rig = rigOf();
  const domains = ["one.example", "one.example", "two.example", "one.example"];
  const [first, released, other, gone] = await Promise.all(
    domains.map((domain) => put(rig.queue, "x", [`a@${domain}`])),
  );
  for (const { id } of [first!, released!]) await rig.queue.steer(id, { kind: "hold" });
  const ids = [first!, released!, other!, gone!, first!].map(({ id }) => id);
  await rig.queue.steer(released!.id, { kind: "release" });
  await rig.queue.steer(gone!.id, { kind: "remove" });
  const later = await put(rig.queue, "x", ["a@one.example"]);
  await rig.queue.steer(later.id, { kind: "hold" });
  const filter = { domain: "one.example", state: "held" as const };
  assertEquals(await outcome(rig, { action: "remove", ids, filter }), ONE);
  const left = [...rig.queue.overviews()].map(({ id }) => id);
  assertEquals(left.toSorted(), [released!.id, other!.id, later.id].toSorted());
});

Deno.test("a message that is gone, and one that is being delivered, are named", async () => {
  const rig = rigOf();
  const gone = await put(rig.queue, "x");
  await rig.queue.steer(gone.id, { kind: "remove" });
  const busy = await put(rig.queue, "x");
  const [claim] = await rig.queue.claim(1);
  const body = JSON.stringify({ action: "hold", ids: [gone.id, busy.id] });
  const headers = { "content-type": "application/json" };
  const answer = rig.ask("/v1/queue/actions", { method: "POST", body, headers });
  // It is waited for, in vain.
  while (rig.clock.timers === 0) await new Promise((resolve) => setImmediate(resolve));
  rig.clock.advance(5000);
  const { notDone, done } = await (await answer).json();
  assertEquals(done, 0);
  assertEquals(
    new Map(notDone.map(({ id, outcome }: Record<string, string>) => [id, outcome])),
    new Map([[gone.id, "gone"], [busy.id, "busy"]]),
  );
  claim!.release();
});

Deno.test("a bounce tells the sender the reason, and a redirect goes to the new next hop and mailbox", async () => {
  const rig = rigOf();
  const bounced = await put(rig.queue, "x");
  const moved = await put(rig.queue, "x", ["old@example.com"]);
  assertEquals(await outcome(rig, { action: "bounce", ids: [bounced.id], reason: "No" }), ONE);
  const [recipient] = (await rig.queue.read(bounced.id))!.recipients;
  assertEquals([recipient!.status, recipient!.lastError!.text], ["failed", "No"]);
  const redirect = {
    action: "redirect",
    ids: [moved.id],
    nextHop: "relay.example:2525",
    recipients: { "old@example.com": "new@example.com" },
  } as const;
  assertEquals(await outcome(rig, redirect), ONE);
  const { nextHop, recipients } = rig.queue.overview(moved.id)!;
  assertEquals([nextHop, recipients], ["relay.example:2525", ["new@example.com"]]);
  const fact = rig.facts.at(-1);
  assert(fact?.kind === "steered");
  assertEquals(fact.detail, "to relay.example:2525, old@example.com is new@example.com now");
});

Deno.test("recipients are replaced however they are written, and messages without them stay as they are", async () => {
  const rig = rigOf();
  const moved = await put(rig.queue, "x", ["Old@Example.com", "b@example.com"]);
  const other = await put(rig.queue, "x", ["c@example.com"]);
  const recipients = { "old@EXAMPLE.com": "new@example.com" };
  const attempts = { action: "redirect", recipients } as const;
  assertEquals(await outcome(rig, { ...attempts, filter: {}, dryRun: true }), { ...ONE, done: 0 });
  const results = rig.client.act({ ...attempts, ids: [moved.id, other.id] });
  const last = (await Array.fromAsync(results)).map(good).at(-1)!;
  assertEquals([last.done, last.unaffected], [1, 1]);
  assertEquals(last.notDone, [{ id: other.id, outcome: "unaffected" }]);
  assertEquals(rig.queue.overview(moved.id)!.recipients, ["new@example.com", "b@example.com"]);
  const told = rig.facts.map((fact) => fact.kind === "steered" && [fact.id, fact.redirected]);
  assertEquals(told, [[moved.id, [{ from: "Old@Example.com", to: "new@example.com" }]]]);
  const both = { ...attempts, nextHop: "relay.example", filter: {} };
  assertEquals(await outcome(rig, both), { ...ONE, matched: 2, done: 2 });
});

const ID = "0".repeat(26);
const WRONG: [action: unknown, key: string][] = [
  [{ action: "explode", ids: [ID] }, "action"],
  [{ action: "hold" }, "ids"],
  [{ action: "hold", ids: [] }, "ids"],
  [{ action: "hold", ids: ["../../etc/passwd"] }, "ids.0"],
  [{ action: "hold", ids: Array(10_001).fill(ID) }, "ids"],
  [{ action: "hold", ids: [ID], reason: "why" }, "reason"],
  [{ action: "hold", filter: { colour: "red" } }, "filter.colour"],
  [{ action: "remove", filter: { state: "lost" } }, "filter.state"],
  [{ action: "bounce", ids: [ID], reason: "a\r\nb" }, "reason"],
  [{ action: "redirect", ids: [ID], nextHop: "a b" }, "nextHop"],
  [
    { action: "redirect", ids: [ID], recipients: { "a@b.example": "not one" } },
    "recipients.a@b.example",
  ],
  [{ action: "hold", ids: [ID], nextHop: "a.example" }, "nextHop"],
];

for (const [action, key] of WRONG) {
  const shown = JSON.stringify(action).slice(0, 90);
  Deno.test(`the action ${shown} is refused, naming ${key}`, async () => {
    const { error } = await (await rigOf().ask("/v1/queue/actions", {
      method: "POST",
      body: JSON.stringify(action),
      headers: { "content-type": "application/json" },
    })).json();
    assertEquals([error.code, error.key], ["bad_request", key]);
  });
}

Deno.test("mail for a domain is held, and goes again", async () => {
  const { client } = rigOf();
  assertEquals(good(await client.hold("Example.COM")), { changed: true });
  assertEquals(good(await client.hold("example.com")), { changed: false });
  assertEquals(good(await client.holds()).domains.map(({ domain }) => domain), ["example.com"]);
  assertEquals(good(await client.release("example.com")), { changed: true });
  assertEquals(good(await client.holds()).domains, []);
  const wrong = await client.hold("a b");
  assert(wrong instanceof Problem);
  assertEquals([wrong.code, wrong.place.key], ["bad_request", "domain"]);
});

Deno.test("a message is exported octet for octet", async () => {
  const { client, queue } = rigOf();
  const content = "Subject: \u00fc\r\n\r\n.\r\n\0\x80 no line end";
  const { id } = await put(queue, content);
  const exported = good(await client.content(id));
  assertEquals(await new Response(exported).text(), content);
  assertEquals(await textOf((await queue.contentOf(id))!), content);
  const details = good(await client.get(id));
  assertEquals([details.state, details.header], ["incoming", "Subject: \u00fc\r\n"]);
});

const FILE = "From: Anna <anna@example.org>\nTo: b@example.net, c@example.net\n" +
  "Bcc: secret@example.net,\n also@example.net\nSubject: hi\n\nbody\n";

function fileOf(text: string): ReadableStream<Uint8Array> {
  return new Response(text).body!;
}

Deno.test("a file goes to whom its fields name, and Bcc is not passed on", async () => {
  const { client, brought } = rigOf();
  good(await client.import(fileOf(FILE)));
  const [message] = brought;
  assertEquals(message!.from, "anna@example.org");
  const named = ["b@example.net", "c@example.net", "secret@example.net", "also@example.net"];
  assertEquals(message!.to, named);
  assertEquals(message!.content, FILE.replace(/Bcc.*\n.*\n/, ""));
});

Deno.test("a file goes to whom the request names, as it is", async () => {
  const { client, brought } = rigOf();
  good(await client.import(fileOf(FILE), { from: "", to: ["x@example.org", "y@example.org"] }));
  assertEquals(brought, [{ from: "", to: ["x@example.org", "y@example.org"], content: FILE }]);
});

for (
  const [what, text] of [
    ["no recipient", "From: a@example.org\n\nx"],
    ["a group for recipients", "From: a@example.org\nTo: undisclosed-recipients:;\n\nx"],
    ["a recipient that cannot be read", "From: a@example.org\nTo: b@example.net\nCc: c@@d\n\nx"],
    ["no sender", "To: a@example.org\n\nx"],
    ["nothing in it", ""],
  ] as const
) {
  Deno.test(`a file with ${what} is refused unless the request says it`, async () => {
    const { client, brought } = rigOf();
    const answer = await client.import(fileOf(text));
    assert(answer instanceof Problem);
    assertEquals(answer.code, "bad_request");
    assertEquals(brought, []);
  });
}

Deno.test("a summary counts each destination, most messages first", async () => {
  const rig = rigOf();
  await put(rig.queue, "xx", ["a@one.example", "b@one.example", "c@two.example"]);
  rig.clock.advance(1000);
  await put(rig.queue, "x", ["a@two.example"], true);
  const { destinations, counts, more } = good(await rig.client.summary());
  assertEquals(
    destinations.map((
      { destination, messages, states, size },
    ) => [destination, messages, states, size]),
    [
      ["two.example", 2, { incoming: 1, held: 1 }, 3],
      ["one.example", 1, { incoming: 1 }, 2],
    ],
  );
  assertEquals([counts.messages, counts.held, more], [2, 1, 0]);
});

Deno.test("a summary shows of each destination its own error, not that of another", async () => {
  const rig = rigOf();
  await put(rig.queue, "xx", ["a@one.example", "b@two.example"]);
  rig.clock.advance(1000);
  await put(rig.queue, "x", ["a@two.example"]);
  const fail = async (text: string) => {
    const [claim] = await rig.queue.claim(1);
    const error = { text, scope: "recipient" as const, permanent: false };
    const nextAttempt = rig.clock.now() + 60_000;
    const change = { index: 0, status: "waiting" as const, tried: true, nextAttempt, error };
    const rest = claim!.message.recipients.slice(1).map((_, i) => ({
      ...{ index: i + 1, status: "waiting" as const, tried: false, nextAttempt },
    }));
    await claim!.settle({ changes: [change, ...rest] });
    claim!.release();
  };
  await fail("of one");
  await fail("of two");
  const { destinations } = good(await rig.client.summary());
  const errors = destinations.map(({ destination, lastError }) => [destination, lastError]);
  assertEquals(new Map(errors as [string, string][]).get("two.example"), "of two");
  assertEquals(new Map(errors as [string, string][]).get("one.example"), "of one");
});
