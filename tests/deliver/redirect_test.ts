/** Messages that an operator sends elsewhere, and what is told of destinations. */
import { assert, assertEquals } from "@std/assert";
import type { DestinationState } from "../../deliver/steering.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { Gate, until } from "../helpers/waiting.ts";
import { deadHost, MINUTE, Rig } from "./delivery_rig.ts";

/** What is told of a destination, without what is not set. */
function stateOf(rig: Rig, destination: string): DestinationState | undefined {
  return [...rig.delivery.steering.destinations()].find((one) => one.destination === destination);
}

Deno.test("a redirected message goes to its own next hop, while its domain's mail waits for its own", async () => {
  await using hop = new MailHost();
  await using rig = new Rig({ "one.test": [deadHost()], "next-hop hop.test:26": [hop.host] });
  const [id, other] = await rig.sendMany(2, "a@one.test");
  rig.delivery.start();
  await until(() => rig.deferred.length > 0);
  await rig.idle();
  assertEquals(await rig.queue.steer(id!, { kind: "redirect", nextHop: "hop.test:26" }), "done");
  await until(() => hop.messages.length === 1);
  await rig.idle();
  assertEquals(hop.messages[0]!.recipients, ["a@one.test"]);
  assertEquals((await rig.message(other!)).recipients[0]!.status, "waiting");
  assertEquals(stateOf(rig, "one.test")!.state, "resting");
});

Deno.test("recipients of one message in several domains go to its next hop in one transaction", async () => {
  await using hop = new MailHost();
  await using rig = new Rig({ "next-hop hop.test": [hop.host] });
  const id = await rig.send(["a@one.test", "b@two.test"]);
  await rig.queue.steer(id, { kind: "redirect", nextHop: "hop.test" });
  rig.delivery.start();
  await until(() => hop.messages.length === 1);
  assertEquals(hop.messages[0]!.recipients, ["a@one.test", "b@two.test"]);
});

Deno.test("a message redirected to another recipient goes there, and to nobody else", async () => {
  await using two = new MailHost();
  await using rig = new Rig({ "two.test": [two.host] });
  const id = await rig.send("a@one.test");
  const recipients = new Map([["a@one.test", "b@two.test"]]);
  await rig.queue.steer(id, { kind: "redirect", recipients });
  rig.delivery.start();
  await until(() => two.messages.length === 1);
  await rig.idle();
  assertEquals(two.messages[0]!.recipients, ["b@two.test"]);
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("a next hop that does not answer rests by itself, and what waits for it goes when it answers", async () => {
  await using hop = new MailHost((moment) => moment === "CONNECT" ? "421 4.3.2 away" : undefined);
  await using one = new MailHost();
  await using rig = new Rig({ "one.test": [one.host], "next-hop hop.test": [hop.host] });
  const ids = await rig.sendMany(5, "a@one.test");
  for (const id of ids) await rig.queue.steer(id, { kind: "redirect", nextHop: "hop.test" });
  rig.delivery.start();
  await until(() => rig.deferred.length > 0);
  await rig.idle();
  await rig.send("b@one.test");
  await until(() => one.messages.length === 1);
  await rig.idle();
  assertEquals([one.messages.length, hop.messages.length], [1, 0]);
  hop.answer = () => undefined;
  rig.delivery.steering.retry("next-hop hop.test");
  await until(() => hop.messages.length === 5);
});

Deno.test("a domain's hold is for redirected mail as well", async () => {
  await using hop = new MailHost();
  await using rig = new Rig({ "next-hop hop.test": [hop.host] });
  rig.delivery.start();
  await rig.delivery.steering.holdDomain("one.test");
  const id = await rig.send("a@one.test");
  await rig.idle();
  await rig.queue.steer(id, { kind: "redirect", nextHop: "hop.test" });
  await rig.pass(60 * MINUTE);
  assertEquals(hop.connections, 0);
  await rig.delivery.steering.releaseDomain("one.test");
  await until(() => hop.messages.length === 1);
});

Deno.test("of each destination it is told how it is doing, what is under way and what waits", async () => {
  const gate = new Gate();
  await using busy = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
  await using away = new MailHost((moment) => moment === "CONNECT" ? "421 4.3.2 away" : undefined);
  const settings = { concurrencyPerDestination: 1 };
  const hosts = { "busy.test": [busy.host], "away.test": [away.host] };
  await using rig = new Rig(hosts, { settings });
  const { steering } = rig.delivery;
  rig.delivery.start();
  await rig.sendMany(250, "a@busy.test");
  await rig.send("a@away.test");
  await until(() => busy.pending === 1 && rig.deferred.length === 1);
  await steering.holdDomain("held.test");
  const { active, waiting, parked, state } = stateOf(rig, "busy.test")!;
  assertEquals([state, active, active + waiting + parked], ["open", 1, 250]);
  assert(parked > 0);
  const resting = stateOf(rig, "away.test")!;
  assertEquals([resting.state, resting.failures, resting.error?.text], [
    ...["resting", 1, "421 4.3.2 away"],
  ]);
  assertEquals(resting.until, rig.clock.now() + 5 * MINUTE);
  const none = { failures: 0, active: 0, waiting: 0, parked: 0 };
  assertEquals(stateOf(rig, "held.test"), { destination: "held.test", state: "held", ...none });
  await steering.holdDomain("busy.test");
  assertEquals([stateOf(rig, "busy.test")!.state, stateOf(rig, "busy.test")!.waiting], ["held", 0]);
  gate.open();
  await rig.idle();
});
