/** Other settings for delivery that goes on: what waits, what rests, and what is under way. */
import { assertEquals } from "@std/assert";
import { DEFAULT_DELIVERY, type DeliverySettings } from "../../config/config.ts";
import { route } from "../../deliver/route.ts";
import { AddressGuard } from "../../deliver/address_guard.ts";
import { type Answer, MailHost } from "../helpers/mail_host.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { Gate, turns, until } from "../helpers/waiting.ts";
import { MINUTE, Rig } from "./delivery_rig.ts";

const AWAY: Answer = (moment) => moment === "CONNECT" ? "421 4.3.2 away" : undefined;
const BUSY: Answer = (moment) => moment === "RCPT" ? "450 4.2.1 busy" : undefined;

/** Has a rig go by other settings. */
function change({ delivery }: Rig, settings: Partial<DeliverySettings>): void {
  delivery.change({ settings: { ...DEFAULT_DELIVERY, ...settings }, hostname: "me.test" });
}

/** When the next attempt of a message with one recipient is, ms from now. */
async function nextIn(rig: Rig, id: string): Promise<number> {
  return (await rig.message(id)).recipients[0]!.nextAttempt - rig.clock.now();
}

Deno.test("what waits keeps the time of its next attempt, and goes by another schedule after it", async () => {
  await using host = new MailHost(BUSY);
  await using rig = new Rig({ "one.test": [host.host] });
  const id = await rig.send("a@one.test");
  rig.delivery.start();
  await until(() => rig.deferred.length === 1);
  await rig.idle();
  const { retry } = DEFAULT_DELIVERY;
  change(rig, { retry: { ...retry, first: MINUTE, longest: MINUTE } });
  await rig.idle();
  assertEquals(await nextIn(rig, id), 5 * MINUTE);
  rig.clock.advance(5 * MINUTE);
  await until(() => rig.deferred.length === 2);
  await rig.idle();
  assertEquals(await nextIn(rig, id), MINUTE);
});

Deno.test("a destination that rests is tried at once, as the way to it may be another one", async () => {
  await using host = new MailHost(AWAY);
  await using rig = new Rig({ "one.test": [host.host] });
  rig.delivery.start();
  await rig.sendMany(3, "a@one.test");
  await until(() => rig.deferred.length > 0);
  await rig.idle();
  host.answer = () => undefined;
  change(rig, {});
  await until(() => host.messages.length === 3);
});

for (const limit of ["concurrency", "concurrencyPerDestination"] as const) {
  Deno.test(`another ${limit} holds at once, without breaking off what is under way`, async () => {
    const [first, second] = [new Gate(), new Gate()];
    let waiting = 0;
    const wait = (gate: Gate): Answer => (moment) => {
      if (moment !== ".") return undefined;
      waiting++;
      return gate.wait().finally(() => waiting--);
    };
    await using host = new MailHost(wait(first));
    await using rig = new Rig({ "one.test": [host.host] }, { settings: { [limit]: 2 } });
    await rig.sendMany(8, "a@one.test");
    rig.delivery.start();
    await until(() => waiting === 2);
    change(rig, { [limit]: 3 });
    await until(() => waiting === 3);
    change(rig, { [limit]: 1 });
    host.answer = wait(second);
    first.open();
    await until(() => host.messages.length === 3 && waiting > 0);
    await turns();
    assertEquals(waiting, 1);
    second.open();
    await until(() => host.messages.length === 8);
  });
}

/** The way to any domain is one host, but for a smarthost, by the real rules. */
function routesTo(rig: () => DeliverySettings, { host }: MailHost) {
  const clock = new TestClock();
  const none = { kind: "none" } as const;
  const found = { kind: "found", records: [host.address] } as const;
  const resolver = {
    mx: () => Promise.resolve(none),
    provenMx: () => Promise.resolve(none),
    addresses: () => Promise.resolve(found),
  };
  const guard = new AddressGuard({ allowPrivate: true, listeners: () => [], clock });
  return (destination: string) =>
    route(destination, {
      ...{ resolver, guard, hostname: "me.test", random: () => 0.5 },
      settings: { ...rig(), port: host.port },
    });
}

for (const end of ["off", "on"]) {
  Deno.test(`a smarthost that is switched ${end} fails no mail that waits for its turn`, async () => {
    const gate = new Gate();
    await using smarthost = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
    await using direct = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
    const through = {
      smarthost: { host: "127.0.0.1", port: smarthost.host.port, implicitTls: false },
    };
    const [before, after] = end === "off" ? [through, {}] : [{}, through];
    const [first, second] = end === "off" ? [smarthost, direct] : [direct, smarthost];
    const one = { concurrencyPerDestination: 1 };
    let settings: DeliverySettings = { ...DEFAULT_DELIVERY, ...one, ...before };
    const options = { settings, route: routesTo(() => settings, direct) };
    await using rig = new Rig({}, options);
    await rig.sendMany(5, "a@one.test");
    rig.delivery.start();
    await until(() => first.pending === 1);
    settings = { ...DEFAULT_DELIVERY, ...one, ...after };
    change(rig, settings);
    await until(() => second.pending === 1);
    gate.open();
    await until(() => second.messages.length === 4);
    await rig.idle();
    assertEquals([first.messages.length, rig.bounced, rig.deferred], [1, [], []]);
  });
}

Deno.test("neither a connection that is kept nor one in use at a change is used after it", async () => {
  const gate = new Gate();
  await using host = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
  await using rig = new Rig({ "one.test": [host.host], "two.test": [host.host] });
  gate.open();
  rig.delivery.start();
  await rig.send("a@one.test");
  await until(() => rig.delivered.length === 1);
  await rig.idle();
  host.answer = (moment) => moment === "." ? busy.wait() : undefined;
  const busy = new Gate();
  await rig.send("a@two.test");
  await until(() => host.pending === 1);
  assertEquals(host.open, 2);
  change(rig, {});
  busy.open();
  await until(() => host.open === 0);
  assertEquals([host.messages.length, host.connections], [2, 2]);
});
