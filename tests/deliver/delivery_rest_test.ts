/** Destinations that do not answer: who is tried, who waits, and who goes when they answer again. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { assertCounts } from "../queue/fixtures.ts";
import { DEFAULT_DELIVERY } from "../../config/config.ts";
import { type Answer, MailHost } from "../helpers/mail_host.ts";
import { Gate, turns, until } from "../helpers/waiting.ts";
import { deadHost, MINUTE, Rig } from "./delivery_rig.ts";
import { WatchedQueue } from "./watched_queue.ts";

const AWAY: Answer = (moment) => moment === "CONNECT" ? "421 4.3.2 away" : undefined;

/** The attempts that are on record over some messages, and how many of these have an error on record. */
async function recorded(
  rig: Rig,
  ids: readonly string[],
): Promise<[tries: number, errors: number]> {
  const messages = await Promise.all(ids.map((id) => rig.message(id)));
  const recipients = messages.flatMap((message) => message.recipients);
  const tries = recipients.reduce((sum, { attempts }) => sum + attempts, 0);
  return [tries, recipients.filter(({ lastError }) => lastError !== undefined).length];
}

Deno.test("a destination that does not answer is not tried by each of its messages", async () => {
  await using host = new MailHost(AWAY);
  await using rig = new Rig({ "one.test": [host.host] });
  const ids = await rig.sendMany(50, "a@one.test");
  rig.delivery.start();
  await until(() => rig.deferred.length > 0);
  await rig.idle();
  assert(host.connections <= 5, `${host.connections} connections`);
  assertEquals(await recorded(rig, ids), [host.connections, 50]);
});

Deno.test("new mail for a destination that rests is set aside with the error on record", async () => {
  await using host = new MailHost(AWAY);
  await using rig = new Rig({ "one.test": [host.host] });
  rig.delivery.start();
  await rig.send("a@one.test");
  await until(() => rig.deferred.length === 1);
  await rig.idle();
  const id = await rig.send("b@one.test");
  await rig.idle();
  const { recipients: [recipient], history } = await rig.message(id);
  assertEquals([recipient!.status, recipient!.attempts, history], ["waiting", 0, []]);
  assertEquals(recipient!.lastError!.text, "421 4.3.2 away");
  assertEquals(host.connections, 1);
});

Deno.test("after its rest a destination is probed once, and rests longer when that fails", async () => {
  const gate = new Gate();
  await using host = new MailHost(AWAY);
  await using rig = new Rig({ "one.test": [host.host] });
  await rig.sendMany(20, "a@one.test");
  rig.delivery.start();
  await until(() => rig.deferred.length > 0);
  await rig.pass(5 * MINUTE - 1);
  const before = host.connections;
  host.answer = async () => await gate.wait() ?? "421 4.3.2 still away";
  rig.clock.advance(1);
  await until(() => host.connections === before + 1);
  await turns();
  assertEquals(host.connections, before + 1);
  gate.open();
  await rig.pass(10 * MINUTE - 1);
  assertEquals(host.connections, before + 1);
  await rig.pass(1);
  assertEquals(host.connections, before + 2);
});

Deno.test("when a destination answers again everything that waits for it goes at once", async () => {
  await using host = new MailHost(AWAY);
  await using rig = new Rig({ "one.test": [host.host] });
  await rig.sendMany(30, "a@one.test");
  await rig.send(["a@one.test", "b@nowhere.test"], "");
  rig.delivery.start();
  await until(() => rig.deferred.length > 0);
  await rig.idle();
  await rig.sendMany(30, "late@one.test");
  await rig.idle();
  host.answer = () => undefined;
  await rig.pass(5 * MINUTE);
  assertEquals(host.messages.length, 61);
  assertCounts(rig.queue, { messages: 0, active: 0, held: 0 });
});

Deno.test("more mail than is kept ready for a destination waits in the queue, and all of it goes", async () => {
  const gate = new Gate();
  await using host = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
  await using rig = new Rig({ "one.test": [host.host] });
  await rig.sendMany(700, "a@one.test");
  rig.delivery.start();
  await until(() => host.pending > 0 && rig.queue.counts().active < 300);
  gate.open();
  await until(() => host.messages.length === 700);
  await rig.idle();
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("mail that waits for a destination too long is bounced without being tried", async () => {
  await using home = new MailHost();
  const settings = { retry: { ...DEFAULT_DELIVERY.retry, lifetime: 60 * MINUTE } };
  await using rig = new Rig({ "one.test": [deadHost()], "me.test": [home.host] }, { settings });
  await rig.sendMany(10, "a@one.test");
  rig.delivery.start();
  await until(() => rig.deferred.length > 0);
  await rig.pass(60 * MINUTE - 1);
  assertEquals(home.messages.length, 0);
  await rig.pass(1);
  await until(() => home.messages.length === 10);
  await rig.idle();
  assertEquals(rig.bounced.length, 10);
  assertStringIncludes(home.messages[9]!.content, "Action: failed");
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("mail past its time does not go round in circles while its destination has no room", async () => {
  await using host = new MailHost(() => new Gate().wait());
  const queue = new WatchedQueue();
  const { retry } = DEFAULT_DELIVERY;
  const settings = {
    retry: { ...retry, longest: 60 * MINUTE, lifetime: 60 * MINUTE },
    concurrencyPerDestination: 1,
    commandTimeout: 300 * MINUTE,
  };
  const options = { settings, queue, clock: queue.clock };
  await using rig = new Rig({ "one.test": [host.host] }, options);
  await rig.sendMany(250, "a@one.test");
  rig.delivery.start();
  await until(() => host.pending === 1);
  rig.clock.advance(60 * MINUTE);
  await turns();
  queue.claims = 0;
  await turns();
  assertEquals(queue.claims, 0);
});

Deno.test("after a restart the first message that gets through wakes the others, all in one go", async () => {
  await using host = new MailHost(AWAY);
  const queue = new WatchedQueue();
  const hosts = { "one.test": [host.host] };
  await using before = new Rig(hosts, { queue, clock: queue.clock });
  const [, ...others] = await before.sendMany(20, "a@one.test");
  before.delivery.start();
  await until(() => before.deferred.length > 0);
  await before.idle();
  await before.stop();
  // The first one is due next; the others were tried so often that they wait for hours.
  const claims = await Promise.all(others.map((id) => queue.claimById(id)));
  for (const claim of claims) claim!.release(queue.clock.now() + 240 * MINUTE);
  host.answer = () => undefined;
  await using after = new Rig(hosts, { queue, clock: queue.clock });
  after.delivery.start();
  await after.pass(5 * MINUTE);
  assertEquals(host.messages.length, 20);
  assertEquals(queue.wakes, 1);
});

Deno.test("a destination has one lane at a time, whatever is recorded slowly meanwhile", async () => {
  const gate = new Gate();
  const queue = new WatchedQueue();
  await using host = new MailHost((moment, line) => {
    if (line.includes("never")) return "550 5.1.1 unknown";
    return moment === "." ? gate.wait() : undefined;
  });
  await using rig = new Rig({ "one.test": [host.host] }, {
    settings: { concurrencyPerDestination: 1 },
    queue,
    clock: queue.clock,
  });
  rig.delivery.start();
  const durable = new Gate();
  await rig.send("never@one.test");
  let notifying = 0;
  queue.beforeCommit = () => (notifying++, durable.wait());
  await until(() => notifying === 1);
  // The first message is being bounced; the lane it went through is idle, and ends with the second.
  queue.beforeCommit = () => Promise.resolve();
  await rig.send("never@one.test", "");
  await until(() => rig.bounced.length === 1);
  await turns();
  await rig.send("a@one.test");
  await until(() => host.pending === 1);
  durable.open();
  await until(() => rig.bounced.length >= 2);
  await rig.sendMany(5, "a@one.test");
  await turns();
  assertEquals(host.pending, 1);
  gate.open();
  await until(() => host.messages.length === 6);
});

Deno.test("a destination that rests is tried at once when somebody says that it is back", async () => {
  await using host = new MailHost(AWAY);
  await using rig = new Rig({ "one.test": [host.host] });
  const ids = await rig.sendMany(5, "a@one.test");
  rig.delivery.start();
  await until(() => rig.deferred.length > 0);
  await rig.idle();
  host.answer = () => undefined;
  assertEquals(rig.delivery.steering.retry("two.test"), 0);
  assert(rig.delivery.steering.retry("one.test") > 0);
  await until(() => host.messages.length === ids.length);
});
