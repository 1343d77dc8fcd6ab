/** Mail for domains that an operator holds: what of it waits, what of it goes, and when. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DEFAULT_DELIVERY } from "../../config/config.ts";
import { Holds } from "../../deliver/holds.ts";
import type { Recipient } from "../../queue/queue.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { Gate, turns, until } from "../helpers/waiting.ts";
import { deadHost, MINUTE, Rig } from "./delivery_rig.ts";
import { WatchedQueue } from "./watched_queue.ts";

const HOUR = 60 * MINUTE;
const SMARTHOST = { host: "relay.test", port: 25, implicitTls: false };
const SMARTHOST_KEY = "smarthost relay.test:25";

async function recipientsOf(
  rig: Rig,
  id: string,
): Promise<Pick<Recipient, "status" | "attempts">[]> {
  const { recipients } = await rig.message(id);
  return recipients.map(({ status, attempts }) => ({ status, attempts }));
}

const UNTRIED = { status: "waiting", attempts: 0 } as const;
const DELIVERED = { status: "delivered", attempts: 1 } as const;

Deno.test("no recipient in a held domain is tried, waiting or new, and the others of its message are", async () => {
  await using one = new MailHost();
  await using two = new MailHost();
  await using rig = new Rig({ "one.test": [one.host], "two.test": [two.host] });
  const waiting = await rig.send("a@one.test");
  assertEquals(await rig.delivery.steering.holdDomain("One.TEST"), true);
  rig.delivery.start();
  const fresh = await rig.send(["a@one.test", "b@two.test", "c@sub.one.test", "d@ONE.test"]);
  await until(() => two.messages.length === 1);
  await rig.pass(12 * HOUR);
  assertEquals(await recipientsOf(rig, waiting), [UNTRIED]);
  const [first, second, , fourth] = await recipientsOf(rig, fresh);
  assertEquals([first, second, fourth], [UNTRIED, DELIVERED, UNTRIED]);
  assertEquals([one.connections, two.messages[0]!.recipients], [0, ["b@two.test"]]);
  assertEquals(rig.delivery.steering.heldDomains().map(({ domain }) => domain), ["one.test"]);
});

Deno.test("a held domain is held whatever its mail is brought to: a smarthost gets the other recipients", async () => {
  await using relay = new MailHost();
  const settings = { smarthost: SMARTHOST };
  await using rig = new Rig({ [SMARTHOST_KEY]: [relay.host] }, { settings });
  rig.delivery.start();
  await rig.delivery.steering.holdDomain("one.test");
  const id = await rig.send(["a@one.test", "b@two.test"]);
  await until(() => relay.messages.length === 1);
  await rig.idle();
  assertEquals(await recipientsOf(rig, id), [UNTRIED, DELIVERED]);
  assertEquals(await rig.delivery.steering.releaseDomain("one.test"), true);
  await until(() => relay.messages.length === 2);
  await rig.idle();
  assertEquals(relay.messages.map(({ recipients }) => recipients), [["b@two.test"], [
    "a@one.test",
  ]]);
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("what waits for its turn when its domain is held does not begin, and what has begun ends", async () => {
  const gate = new Gate();
  await using relay = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
  const settings = { smarthost: SMARTHOST, concurrencyPerDestination: 1 };
  await using rig = new Rig({ [SMARTHOST_KEY]: [relay.host] }, { settings });
  await rig.send("first@one.test");
  const both = await rig.send(["a@one.test", "b@two.test"]);
  const held = await rig.sendMany(5, "c@one.test");
  rig.delivery.start();
  await until(() => relay.pending === 1 && rig.queue.counts().active === 7);
  await rig.delivery.steering.holdDomain("one.test");
  await until(() => rig.queue.counts().active === 2);
  gate.open();
  await rig.idle();
  assertEquals(relay.messages.map(({ recipients }) => recipients), [
    ["first@one.test"],
    ["b@two.test"],
  ]);
  assertEquals(await recipientsOf(rig, both), [UNTRIED, DELIVERED]);
  assertEquals(rig.queue.counts().messages, 1 + held.length);
});

Deno.test("a job that could not get one connection more does not go again when its domain is held meanwhile", async () => {
  const gate = new Gate();
  const refusal = new Gate();
  await using host = new MailHost(async (moment) => {
    if (moment === "CONNECT" && host.connections > 1) {
      await refusal.wait();
      return "421 4.3.2 one is enough";
    }
    return moment === "." ? await gate.wait() : undefined;
  });
  await using rig = new Rig({ "one.test": [host.host] });
  rig.delivery.start();
  await rig.send("a@one.test");
  await until(() => host.pending === 1);
  const id = await rig.send("b@one.test");
  await until(() => host.pending === 2);
  await rig.delivery.steering.holdDomain("one.test");
  refusal.open();
  await until(() => rig.queue.counts().active === 1);
  gate.open();
  await rig.idle();
  assertEquals(await recipientsOf(rig, id), [UNTRIED]);
  assertEquals(host.messages.length, 1);
});

Deno.test("a queue full of mail for a held domain is looked at once, and not again for days", async () => {
  await using host = new MailHost();
  const queue = new WatchedQueue();
  const options = { queue, clock: queue.clock };
  await using rig = new Rig({ "one.test": [host.host], "two.test": [host.host] }, options);
  await rig.delivery.steering.holdDomain("one.test");
  await rig.sendMany(2000, "a@one.test");
  rig.delivery.start();
  await rig.idle();
  queue.claims = 0;
  await rig.pass(72 * HOUR);
  assertEquals([queue.claims, host.connections, rig.clock.timers], [0, 0, 0]);
  await rig.send("b@two.test");
  await until(() => host.messages.length === 1);
  await rig.delivery.steering.releaseDomain("one.test");
  await until(() => host.messages.length === 2001);
  await rig.idle();
  assertEquals(queue.counts().messages, 0);
});

Deno.test("mail that waits for room at a destination waits for its domain's release when that is held", async () => {
  const gate = new Gate();
  await using host = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
  await using rig = new Rig({ "one.test": [host.host] });
  await rig.sendMany(700, "a@one.test");
  rig.delivery.start();
  await until(() => host.pending > 0 && rig.queue.counts().active < 300);
  await rig.delivery.steering.holdDomain("one.test");
  gate.open();
  await rig.idle();
  const gone = host.messages.length;
  assert(gone < 50, `${gone} went`);
  await rig.pass(12 * HOUR);
  assertEquals(host.messages.length, gone);
  await rig.delivery.steering.releaseDomain("one.test");
  await until(() => host.messages.length === 700);
  await rig.idle();
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("a held recipient does not expire; released after its time it is tried, and bounces when that fails", async () => {
  await using home = new MailHost();
  await using one = new MailHost();
  const settings = { retry: { ...DEFAULT_DELIVERY.retry, lifetime: 2 * HOUR } };
  const hosts = { "one.test": [one.host], "two.test": [deadHost()], "me.test": [home.host] };
  await using rig = new Rig(hosts, { settings });
  rig.delivery.start();
  const { steering } = rig.delivery;
  await Promise.all([steering.holdDomain("one.test"), steering.holdDomain("two.test")]);
  const ids = [await rig.send("a@one.test"), await rig.send("a@two.test")];
  await rig.pass(48 * HOUR);
  for (const id of ids) assertEquals(await recipientsOf(rig, id), [UNTRIED]);
  await steering.releaseDomain("one.test");
  await steering.releaseDomain("two.test");
  await until(() => one.messages.length === 1 && home.messages.length === 1);
  await rig.idle();
  assertStringIncludes(home.messages[0]!.content, "a@two.test");
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("whoever wants to hear of delays hears of a hold, and what was tried before bounces when its time is over", async () => {
  await using home = new MailHost();
  await using rig = new Rig({ "one.test": [deadHost()], "me.test": [home.host] });
  rig.delivery.start();
  await rig.delivery.steering.holdDomain("one.test");
  const dsn = { recipients: [{ notify: ["DELAY" as const] }] };
  const asked = await rig.send("asked@one.test", "sender@me.test", { dsn });
  await rig.send("silent@one.test", "sender@me.test");
  await rig.pass(4 * HOUR - 1);
  assertEquals(home.messages.length, 0);
  await rig.pass(1);
  await until(() => home.messages.length === 1);
  await rig.idle();
  assertStringIncludes(home.messages[0]!.content, "Action: delayed");
  assertStringIncludes(home.messages[0]!.content, "mail for one.test is held by the operator");
  await rig.pass(200 * HOUR);
  assertEquals(home.messages.length, 1);
  assertEquals(await recipientsOf(rig, asked), [UNTRIED]);
});

Deno.test("a message in two held domains goes to each when that is released", async () => {
  await using one = new MailHost();
  await using two = new MailHost();
  await using rig = new Rig({ "one.test": [one.host], "two.test": [two.host] });
  const { steering } = rig.delivery;
  rig.delivery.start();
  await Promise.all([steering.holdDomain("one.test"), steering.holdDomain("two.test")]);
  await rig.send(["a@one.test", "b@two.test"]);
  await rig.idle();
  await steering.releaseDomain("two.test");
  await until(() => two.messages.length === 1);
  await rig.pass(12 * HOUR);
  assertEquals([one.messages.length, two.messages.length], [0, 1]);
  await steering.releaseDomain("one.test");
  await until(() => one.messages.length === 1);
  await rig.idle();
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("a message that waits for a held domain is told of once for each hold, however often it is looked at", async () => {
  await using host = new MailHost((moment) => moment === "RCPT" ? "450 4.2.1 busy" : undefined);
  await using rig = new Rig({ "one.test": [host.host], "two.test": [host.host] });
  const { steering } = rig.delivery;
  rig.delivery.start();
  await steering.holdDomain("one.test");
  const at = rig.clock.now();
  const id = await rig.send(["a@one.test", "b@two.test", "c@one.test"]);
  await rig.pass(12 * HOUR);
  const waits = () => rig.facts.filter(({ kind }) => kind === "waits");
  const fact = { kind: "waits", id, destination: "one.test" } as const;
  const why = "mail for one.test is held by an operator";
  assertEquals(waits(), [{ ...fact, at, why }]);
  assert(rig.facts.filter(({ kind }) => kind === "attempt").length > 3);
  await steering.releaseDomain("one.test");
  await rig.idle();
  assertEquals(waits().length, 1);
  await steering.holdDomain("one.test");
  await rig.pass(12 * HOUR);
  assertEquals(waits().length, 2);
});

Deno.test("what waits for two held domains is told of each", async () => {
  await using rig = new Rig({ "two.test": [deadHost()] });
  const { steering } = rig.delivery;
  rig.delivery.start();
  await steering.holdDomain("one.test");
  const both = await rig.send(["a@one.test", "b@two.test"]);
  await until(() => rig.deferred.length === 1);
  await rig.idle();
  await steering.holdDomain("two.test");
  await rig.pass(12 * HOUR);
  const told = rig.facts.filter(({ kind }) => kind === "waits");
  assertEquals(told.map(({ id, kind }) => [id, kind]), [[both, "waits"], [both, "waits"]]);
  assertEquals(told.map((fact) => "destination" in fact && fact.destination), [
    "one.test",
    "two.test",
  ]);
});

Deno.test("a message held by itself stays so when its domain is released", async () => {
  await using host = new MailHost();
  await using rig = new Rig({ "one.test": [host.host] });
  const { steering } = rig.delivery;
  rig.delivery.start();
  await steering.holdDomain("one.test");
  const id = await rig.send("a@one.test");
  await rig.idle();
  assertEquals(await rig.queue.steer(id, { kind: "hold" }), "done");
  await steering.releaseDomain("one.test");
  await turns();
  assertEquals([host.connections, rig.queue.counts().held], [0, 1]);
  await rig.queue.steer(id, { kind: "release" });
  await until(() => host.messages.length === 1);
});

Deno.test("the bounce of a message that an operator gives up goes to its sender, though its domain is held", async () => {
  await using home = new MailHost();
  await using rig = new Rig({ "one.test": [deadHost()], "me.test": [home.host] });
  rig.delivery.start();
  await rig.delivery.steering.holdDomain("one.test");
  const id = await rig.send("a@one.test");
  await rig.idle();
  const error = { text: "given up by the operator", scope: "message", permanent: true } as const;
  assertEquals(await rig.queue.steer(id, { kind: "bounce", error }), "done");
  await until(() => home.messages.length === 1);
  await rig.idle();
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("holding twice, releasing what is not held, and what is no domain", async () => {
  await using rig = new Rig({});
  const { steering } = rig.delivery;
  rig.delivery.start();
  assertEquals(await steering.releaseDomain("one.test"), false);
  assertEquals(await steering.holdDomain("one.test"), true);
  assertEquals(await steering.holdDomain("ONE.test."), false);
  await assertRejects(() => steering.holdDomain("no domain"), TypeError, "no domain");
  await assertRejects(() => steering.releaseDomain("@"), TypeError, "@");
});

Deno.test("while all mail is held none goes; what has begun ends, and released the rest goes", async () => {
  const gate = new Gate();
  await using host = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
  const settings = { concurrencyPerDestination: 1 };
  await using rig = new Rig({ "one.test": [host.host] }, { settings });
  const { steering } = rig.delivery;
  await rig.sendMany(300, "a@one.test");
  rig.delivery.start();
  await until(() => host.pending === 1);
  assertEquals([await steering.holdAll(), await steering.holdAll()], [true, false]);
  assertEquals([steering.isAllHeld, rig.queue.counts().active], [true, 1]);
  await rig.send("new@one.test");
  gate.open();
  await rig.idle();
  await rig.pass(12 * HOUR);
  assertEquals(host.messages.length, 1);
  assertEquals([await steering.releaseAll(), await steering.releaseAll()], [true, false]);
  await until(() => host.messages.length === 301);
  await rig.idle();
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("a destination that rests when all mail is held is tried after the release", async () => {
  await using host = new MailHost((moment) => moment === "CONNECT" ? "421 4.3.2 away" : undefined);
  await using rig = new Rig({ "one.test": [host.host] });
  const { steering } = rig.delivery;
  await rig.sendMany(3, "a@one.test");
  rig.delivery.start();
  await until(() => rig.deferred.length > 0);
  await rig.idle();
  await steering.holdAll();
  host.answer = () => undefined;
  await rig.pass(HOUR);
  assertEquals(host.connections, 1);
  await steering.releaseAll();
  await until(() => host.messages.length === 3);
});

Deno.test("what is held is held from the start, all of it or for a while", async () => {
  await using host = new MailHost();
  const queue = new WatchedQueue();
  const holds = Holds.inMemory(queue.clock);
  const options = { queue, clock: queue.clock, holds };
  await holds.setForAll(true);
  await using rig = new Rig({ "one.test": [host.host] }, options);
  await rig.send("a@one.test");
  rig.delivery.start();
  await turns();
  assertEquals([queue.claims, rig.delivery.steering.isAllHeld], [0, true]);
  await rig.delivery.steering.releaseAll();
  await until(() => host.messages.length === 1);
  await rig.stop();
  await using next = new Rig({ "one.test": [host.host] }, options);
  await next.send("a@one.test");
  next.delivery.start(true);
  await turns();
  assertEquals([host.messages.length, next.delivery.steering.isAllHeld], [1, true]);
  assertEquals(await next.delivery.steering.releaseAll(), true);
  await until(() => host.messages.length === 2);
});

Deno.test("a recipient that waits for its next attempt has it in its time, whatever is held beside it", async () => {
  await using two = new MailHost((moment) => moment === "RCPT" ? "450 4.2.1 later" : undefined);
  await using rig = new Rig({ "two.test": [two.host] });
  rig.delivery.start();
  await rig.delivery.steering.holdDomain("one.test");
  await rig.send(["a@one.test", "b@two.test"]);
  await until(() => rig.deferred.length === 1);
  two.answer = () => undefined;
  await rig.pass(5 * MINUTE - 1);
  assertEquals(two.messages.length, 0);
  await rig.pass(1);
  await until(() => two.messages.length === 1);
});
