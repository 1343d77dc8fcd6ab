/** The delivery loop against real connections: who goes when, over how many connections, and what is recorded. */
import { assert, assertEquals } from "@std/assert";
import { assertCounts } from "../queue/fixtures.ts";
import { MailHost, type Moment } from "../helpers/mail_host.ts";
import { Gate, turns, until } from "../helpers/waiting.ts";
import { deadHost, MINUTE, Rig } from "./delivery_rig.ts";

/** Makes a host wait at the final dot until the gate is opened. */
function waitingAt(gate: Gate) {
  return (moment: Moment) => moment === "." ? gate.wait() : undefined;
}

Deno.test("a message goes to each of its destinations once, and is gone", async () => {
  await using one = new MailHost();
  await using two = new MailHost();
  await using rig = new Rig({ "one.test": [one.host], "two.test": [two.host] });
  rig.delivery.start();
  const id = await rig.send(["a@one.test", "b@two.test", "c@one.test"]);
  await rig.idle();
  assertEquals(one.messages.map(({ recipients }) => recipients), [["a@one.test", "c@one.test"]]);
  assertEquals(two.messages.map(({ recipients }) => recipients), [["b@two.test"]]);
  assertEquals(one.messages[0]!.content, "Subject: x\r\n\r\nHello\r\n");
  assertEquals(await rig.queue.read(id), undefined);
  assertEquals(rig.delivered.map(({ recipients }) => recipients.length).sort(), [1, 2]);
  assertCounts(rig.queue, { messages: 0, active: 0, held: 0 });
});

Deno.test("many messages go over one connection, as many as it may carry", async () => {
  await using host = new MailHost();
  const settings = { concurrencyPerDestination: 1, messagesPerConnection: 10 };
  await using rig = new Rig({ "one.test": [host.host] }, { settings });
  await rig.sendMany(30, "a@one.test");
  rig.delivery.start();
  await until(() => host.messages.length === 30);
  await rig.idle();
  assertEquals(host.connections, 3);
});

Deno.test("a connection that is not used is given up after its time", async () => {
  await using host = new MailHost();
  await using rig = new Rig({ "one.test": [host.host] }, { settings: { idleTimeout: 5000 } });
  rig.delivery.start();
  await rig.send("a@one.test");
  await until(() => host.messages.length === 1);
  await rig.idle();
  assertEquals(host.open, 1);
  rig.clock.advance(5000);
  await until(() => host.open === 0);
  assertEquals(host.commands.at(-1), "QUIT");
});

Deno.test("a kept connection that died meanwhile costs neither an attempt nor a delay", async () => {
  await using host = new MailHost();
  await using rig = new Rig({ "one.test": [host.host] });
  rig.delivery.start();
  await rig.send("a@one.test");
  await until(() => host.messages.length === 1);
  host.answer = (moment) => moment === "MAIL" && host.connections === 1 ? "" : undefined;
  await rig.send("b@one.test");
  await until(() => host.messages.length === 2);
  await rig.idle();
  assertEquals([host.connections, rig.deferred.length], [2, 0]);
});

Deno.test("a destination has no more connections than it may have", async () => {
  const gate = new Gate();
  await using host = new MailHost(waitingAt(gate));
  const settings = { concurrencyPerDestination: 3 };
  await using rig = new Rig({ "one.test": [host.host] }, { settings });
  await rig.sendMany(20, "a@one.test");
  rig.delivery.start();
  await until(() => host.pending === 3);
  await turns();
  assertEquals([host.pending, host.connections], [3, 3]);
  gate.open();
  await until(() => host.messages.length === 20);
  assertEquals(host.mostOpen, 3);
});

Deno.test("all destinations together have no more attempts than the limit", async () => {
  const gate = new Gate();
  await using one = new MailHost(waitingAt(gate));
  await using two = new MailHost(waitingAt(gate));
  const hosts = { "one.test": [one.host], "two.test": [two.host] };
  await using rig = new Rig(hosts, { settings: { concurrency: 4 } });
  await rig.sendMany(10, "a@one.test");
  await rig.sendMany(10, "a@two.test");
  rig.delivery.start();
  await until(() => one.pending + two.pending === 4);
  await turns();
  assertEquals([one.pending + two.pending, one.connections + two.connections], [4, 4]);
  gate.open();
  await until(() => one.messages.length + two.messages.length === 20);
});

Deno.test("destinations take turns, however much mail one of them has", async () => {
  await using host = new MailHost();
  const hosts = { "one.test": [host.host], "two.test": [host.host] };
  await using rig = new Rig(hosts, { settings: { concurrency: 1 } });
  await rig.sendMany(10, "a@one.test");
  await rig.sendMany(3, "a@two.test");
  rig.delivery.start();
  await until(() => host.messages.length === 13);
  const order = host.messages.map(({ recipients }) => recipients[0]!);
  assert(order.lastIndexOf("a@two.test") < 8, order.join());
});

Deno.test("a destination that hangs does not delay another", async () => {
  await using hanging = new MailHost(() => new Gate().wait());
  await using good = new MailHost();
  await using rig = new Rig({ "hang.test": [hanging.host], "good.test": [good.host] });
  await rig.sendMany(300, "a@hang.test");
  await rig.sendMany(20, "a@good.test");
  rig.delivery.start();
  await until(() => good.messages.length === 20);
  assertEquals(hanging.messages, []);
});

Deno.test("the next host is tried where one fails, and each try is on record", async () => {
  await using host = new MailHost((moment) => moment === "RCPT" ? "450 4.2.1 busy" : undefined);
  await using rig = new Rig({ "one.test": [deadHost(), host.host] });
  rig.delivery.start();
  const id = await rig.send("a@one.test");
  await until(() => rig.deferred.length === 1);
  await rig.idle();
  const { recipients, history } = await rig.message(id);
  assertEquals(recipients[0]!.attempts, 1);
  assertEquals(history.map(({ host, outcome }) => [host, outcome]), [
    ["dead.test", "deferred"],
    ["mail.test", "deferred"],
  ]);
  assertEquals(history[0]!.next, "the next host is tried");
  assertEquals(history[1]!.reply, "450 4.2.1 busy");
});

Deno.test("of one message each recipient is delivered, tried again or bounced, exactly once", async () => {
  await using host = new MailHost((moment, line) => {
    if (moment !== "RCPT") return undefined;
    if (line.includes("later")) return "450 4.2.1 busy";
    return line.includes("never") ? "550 5.1.1 unknown" : undefined;
  });
  await using home = new MailHost();
  await using rig = new Rig({ "one.test": [host.host], "me.test": [home.host] });
  rig.delivery.start();
  const id = await rig.send(["now@one.test", "later@one.test", "never@one.test"]);
  await until(() => home.messages.length === 1);
  await rig.idle();
  const { recipients } = await rig.message(id);
  assertEquals(recipients.map(({ status }) => status), ["delivered", "waiting", "bounced"]);
  assertEquals(recipients.map(({ attempts }) => attempts), [1, 1, 1]);
  assertEquals(home.messages[0]!.from, "");
  host.answer = () => undefined;
  await rig.pass(5 * MINUTE);
  await until(() => host.messages.length === 2);
  await rig.idle();
  const taken = host.messages.map(({ recipients }) => recipients);
  assertEquals(taken, [["now@one.test"], ["later@one.test"]]);
  assertEquals(rig.bounced.map(({ recipients }) => recipients), [["never@one.test"]]);
  assertEquals([rig.deferred.length, home.messages.length], [1, 1]);
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("more recipients than one transaction takes go in several", async () => {
  await using host = new MailHost();
  const settings = { recipientsPerTransaction: 2 };
  await using rig = new Rig({ "one.test": [host.host] }, { settings });
  rig.delivery.start();
  const recipients = ["a", "b", "c", "d", "e"].map((name) => `${name}@one.test`);
  await rig.send(recipients);
  await until(() => host.messages.length === 3);
  await rig.idle();
  assertEquals(host.messages.flatMap(({ recipients }) => recipients).sort(), recipients);
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("recipients that are too many for the host go at once in the next transaction", async () => {
  let taken = 0;
  await using host = new MailHost((moment) => {
    if (moment === "MAIL") taken = 0;
    return moment === "RCPT" && ++taken > 2 ? "452 4.5.3 too many recipients" : undefined;
  });
  await using rig = new Rig({ "one.test": [host.host] });
  rig.delivery.start();
  await rig.send(["a@one.test", "b@one.test", "c@one.test", "d@one.test", "e@one.test"]);
  await until(() => host.messages.length === 3);
  await rig.idle();
  assertEquals(host.messages.map(({ recipients }) => recipients.length), [2, 2, 1]);
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("a host that takes two connections only gets two, and does not rest", async () => {
  const gate = new Gate();
  await using host = new MailHost(async (moment) => {
    if (moment === ".") return await gate.wait();
    if (moment !== "CONNECT" || host.open <= 2) return undefined;
    await until(() => host.messages.length > 0 || inContent(host) === 2);
    return "421 4.7.0 too many connections";
  });
  const inContent = ({ commands }: MailHost) => commands.filter((one) => one === "DATA").length;
  await using rig = new Rig({ "one.test": [host.host] });
  await rig.sendMany(30, "a@one.test");
  rig.delivery.start();
  await until(() => inContent(host) === 2 && host.open === 2);
  gate.open();
  await until(() => host.messages.length === 30);
  await rig.idle();
  assertEquals(rig.deferred, []);
  assertEquals(rig.delivered.length, 30);
});
