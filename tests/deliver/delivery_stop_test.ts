/** What delivery does when it has to stop, and when the queue cannot do its part. */
import { assert, assertEquals } from "@std/assert";
import { assertCounts } from "../queue/fixtures.ts";
import { QueueError } from "../../queue/queue.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { Gate, turns, until } from "../helpers/waiting.ts";
import { deadHost, MINUTE, Rig } from "./delivery_rig.ts";
import { WatchedQueue } from "./watched_queue.ts";

/** Fails as a full disk does, as often as asked for. */
function failing(times: number): () => Promise<void> {
  return () =>
    times-- > 0 ? Promise.reject(new QueueError("storage", "no disk")) : Promise.resolve();
}

/** Checks that nothing is left of delivery: no claim, and no timer. */
function assertStopped(rig: Rig): void {
  assertEquals([rig.queue.counts().active, rig.clock.timers], [0, 0]);
}

Deno.test("a stop lets an attempt under way finish, and begins no other", async () => {
  const gate = new Gate();
  await using host = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
  const settings = { concurrencyPerDestination: 1 };
  await using rig = new Rig({ "one.test": [host.host] }, { settings });
  await rig.sendMany(5, "a@one.test");
  rig.delivery.start();
  await until(() => host.pending === 1);
  const stopped = rig.stop(1000);
  rig.clock.advance(999);
  gate.open();
  await stopped;
  assertEquals(host.messages.length, 1);
  assertEquals(rig.delivered.length, 1);
  assertCounts(rig.queue, { messages: 4, active: 0, held: 0 });
  assertEquals(host.commands.at(-1), "QUIT");
  assertStopped(rig);
});

Deno.test("what is under way when the grace is over is broken off, and counts as no attempt", async () => {
  await using host = new MailHost((moment) => moment === "." ? new Gate().wait() : undefined);
  await using rig = new Rig({ "one.test": [host.host] });
  const id = await rig.send("a@one.test");
  rig.delivery.start();
  await until(() => host.pending === 1);
  const before = await rig.message(id);
  const stopped = rig.stop(1000);
  rig.clock.advance(1000);
  await stopped;
  assertEquals(await rig.message(id), before);
  assertEquals([before.recipients[0]!.attempts, before.history], [0, []]);
  assertEquals([rig.delivered, rig.deferred, host.messages], [[], [], []]);
  assertStopped(rig);
});

Deno.test("a stop breaks off connections that are being made, and does not try the next host", async () => {
  await using silent = new MailHost(() => new Gate().wait());
  await using next = new MailHost();
  const domains = ["one.test", "two.test", "three.test"];
  await using rig = new Rig(
    Object.fromEntries(domains.map((domain) => [domain, [silent.host, next.host]])),
  );
  const ids = await Promise.all(domains.map((domain) => rig.send(`a@${domain}`)));
  rig.delivery.start();
  await until(() => silent.pending === 3);
  await rig.stop();
  assertEquals(next.messages, []);
  const messages = await Promise.all(ids.map((id) => rig.message(id)));
  assertEquals(messages.map(({ recipients: [only] }) => only!.attempts), [0, 0, 0]);
  assertStopped(rig);
});

Deno.test("a stop that breaks off does not go on over another kept connection", async () => {
  const gate = new Gate();
  await using host = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
  await using rig = new Rig({ "one.test": [host.host] }, { settings: { idleTimeout: MINUTE } });
  await rig.sendMany(3, "a@one.test");
  rig.delivery.start();
  await until(() => host.pending === 3);
  gate.open();
  await until(() => host.messages.length === 3);
  await rig.idle();
  host.answer = (moment) => moment === "MAIL" ? new Gate().wait() : undefined;
  await rig.send("late@one.test");
  await until(() => host.pending === 1);
  await rig.stop();
  assertEquals(host.commands.filter((line) => line.startsWith("MAIL")).length, 4);
  assertEquals(rig.queue.counts().messages, 1);
  assertStopped(rig);
});

Deno.test("of an attempt that is broken off the verdicts that were given count", async () => {
  await using host = new MailHost((moment, line) => {
    if (moment === ".") return new Gate().wait();
    return line.includes("never") ? "550 5.1.1 unknown" : undefined;
  });
  await using rig = new Rig({ "one.test": [host.host] });
  const id = await rig.send(["a@one.test", "never@one.test"], "");
  rig.delivery.start();
  await until(() => host.commands.includes("DATA") && host.pending === 1);
  await rig.stop();
  const { recipients, history } = await rig.message(id);
  assertEquals(recipients.map(({ status }) => status), ["waiting", "bounced"]);
  assertEquals(recipients.map(({ attempts }) => attempts), [0, 1]);
  assertEquals(history.map(({ outcome, recipients }) => [outcome, recipients]), [["failed", [1]]]);
  assertEquals(rig.bounced.map(({ recipients }) => recipients), [["never@one.test"]]);
  assertStopped(rig);
});

Deno.test("a stop leaves nothing of destinations that rest", async () => {
  await using rig = new Rig({ "one.test": [deadHost()], "two.test": [deadHost()] });
  await rig.sendMany(10, "a@one.test");
  await rig.send(["a@one.test", "a@two.test"]);
  rig.delivery.start();
  await until(() => rig.deferred.length > 1);
  await rig.idle();
  await rig.stop();
  assertEquals(rig.queue.counts().messages, 11);
  assertStopped(rig);
});

Deno.test("an attempt that cannot be recorded is made again later, and not at once", async () => {
  const queue = new WatchedQueue();
  await using host = new MailHost();
  await using rig = new Rig({ "one.test": [host.host] }, { queue, clock: queue.clock });
  queue.beforeSettle = failing(1);
  rig.delivery.start();
  await rig.send("a@one.test");
  await until(() => host.messages.length === 1);
  await rig.pass(5 * MINUTE - 1);
  assertEquals([host.messages.length, rig.queue.counts().messages], [1, 1]);
  assertEquals(rig.delivered, []);
  await rig.pass(1);
  await until(() => host.messages.length === 2);
  await rig.idle();
  assertEquals(rig.queue.counts().messages, 0);
  assertEquals(rig.delivered.length, 1);
});

Deno.test("a queue that cannot record a rest gets its message back, to be tried later", async () => {
  const queue = new WatchedQueue();
  await using rig = new Rig({ "one.test": [deadHost()] }, { queue, clock: queue.clock });
  rig.delivery.start();
  await rig.send("a@one.test");
  await until(() => rig.deferred.length === 1);
  await rig.idle();
  queue.beforeSettle = failing(1);
  const id = await rig.send("b@one.test");
  await rig.idle();
  assertEquals((await rig.message(id)).recipients[0]!.lastError, undefined);
  await rig.pass(5 * MINUTE);
  assert((await rig.message(id)).recipients[0]!.lastError !== undefined);
});

Deno.test("a bounce that cannot be queued is tried again, and its message stays until it is", async () => {
  const queue = new WatchedQueue();
  await using home = new MailHost();
  await using rig = new Rig({ "me.test": [home.host] }, { queue, clock: queue.clock });
  rig.delivery.start();
  const id = await rig.send("a@nowhere.test");
  queue.beforeCommit = failing(2);
  await rig.pass(5 * MINUTE);
  assertEquals((await rig.message(id)).recipients[0]!.status, "failed");
  assertEquals(home.messages.length, 0);
  await rig.pass(5 * MINUTE);
  await until(() => home.messages.length === 1);
  await rig.idle();
  assertEquals(rig.bounced.length, 1);
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("a queue that cannot say what is due is asked again, and not all the time", async () => {
  const queue = new WatchedQueue();
  await using host = new MailHost();
  await using rig = new Rig({ "one.test": [host.host] }, { queue, clock: queue.clock });
  queue.beforeClaim = failing(2);
  await rig.send("a@one.test");
  rig.delivery.start();
  await turns();
  assertEquals(queue.claims, 1);
  await rig.pass(10_000);
  assertEquals(queue.claims, 2);
  await rig.pass(10_000);
  await until(() => host.messages.length === 1);
});
