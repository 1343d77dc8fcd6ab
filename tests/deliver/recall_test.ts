/** Messages that the queue wants back while the delivery loop has them. */
import { assertEquals } from "@std/assert";
import type { Claim, Steering } from "../../queue/queue.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { Gate, turns, until } from "../helpers/waiting.ts";
import { MINUTE, Rig } from "./delivery_rig.ts";
import { WatchedQueue } from "./watched_queue.ts";

const HOLD: Steering = { kind: "hold" };

/** A host that keeps every client waiting until the gate is open. */
function gated(gate: Gate): MailHost {
  return new MailHost((moment) => moment === "." ? gate.wait() : undefined);
}

Deno.test("a message whose turn has not come is given back at once, and one under way when that is over", async () => {
  const gate = new Gate();
  await using host = gated(gate);
  const settings = { concurrencyPerDestination: 1 };
  await using rig = new Rig({ "one.test": [host.host] }, { settings });
  const [first, second] = await rig.sendMany(2, "a@one.test");
  rig.delivery.start();
  await until(() => host.pending === 1);
  assertEquals(await rig.queue.steer(second!, HOLD), "done");
  assertEquals(await rig.queue.steer(first!, HOLD), "busy");
  const waits = rig.queue.steer(first!, HOLD, MINUTE);
  gate.open();
  assertEquals(await waits, "gone");
  await rig.idle();
  assertEquals(host.messages.length, 1);
  assertEquals(rig.queue.counts().held, 1);
});

Deno.test("what of a recalled message has begun ends, and the rest of it never begins", async () => {
  const gate = new Gate();
  await using one = gated(gate);
  await using two = gated(gate);
  const settings = { concurrency: 2, concurrencyPerDestination: 1 };
  await using rig = new Rig({ "one.test": [one.host], "two.test": [two.host] }, { settings });
  await rig.send("first@two.test");
  rig.delivery.start();
  await until(() => two.pending === 1);
  const id = await rig.send(["a@one.test", "a@two.test"]);
  await until(() => one.pending === 1);
  const held = rig.queue.steer(id, HOLD, MINUTE);
  gate.open();
  assertEquals(await held, "done");
  await rig.idle();
  const { recipients } = await rig.message(id);
  assertEquals(recipients.map(({ status }) => status), ["delivered", "waiting"]);
  assertEquals([one.messages.length, two.messages.length], [1, 1]);
});

Deno.test("a message under way that could only have gone again is given back instead", async () => {
  const gate = new Gate();
  const refusal = new Gate();
  // The second connection is refused while the first is at work: the job that wanted it is to go again.
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
  const held = rig.queue.steer(id, HOLD, MINUTE);
  refusal.open();
  assertEquals(await held, "done");
  assertEquals((await rig.message(id)).recipients[0]!.attempts, 0);
  gate.open();
  await rig.idle();
  assertEquals([host.messages.length, rig.queue.counts().held], [1, 1]);
});

/** A queue whose messages take their time on the way to who claims them. */
class SlowQueue extends WatchedQueue {
  readonly gate = new Gate();

  override async claim(limit: number): Promise<Claim[]> {
    const claims = await super.claim(limit);
    if (claims.length > 0) await this.gate.wait();
    return claims;
  }
}

Deno.test("a message that is recalled on its way to delivery does not begin", async () => {
  await using host = new MailHost();
  const queue = new SlowQueue();
  await using rig = new Rig({ "one.test": [host.host] }, { queue, clock: queue.clock });
  const [first, second] = await rig.sendMany(2, "a@one.test");
  rig.delivery.start();
  await until(() => queue.counts().active === 2);
  const held = queue.steer(first!, HOLD, MINUTE);
  queue.gate.open();
  assertEquals(await held, "done");
  await until(() => host.messages.length === 1);
  await rig.idle();
  assertEquals([queue.counts().held, await queue.read(second!)], [1, undefined]);
});

Deno.test("20,000 messages that wait for their turn can be held, and only those under way cannot", async () => {
  await using host = new MailHost(() => new Gate().wait());
  const settings = { concurrencyPerDestination: 1 };
  await using rig = new Rig({ "one.test": [host.host], "two.test": [host.host] }, { settings });
  // Mail for two destinations is not parked: all of it waits in their lanes.
  const ids: string[] = [];
  while (ids.length < 20_000) ids.push(await rig.send(["a@one.test", "a@two.test"]));
  rig.delivery.start();
  await until(() => rig.queue.counts().active === 20_000 && host.pending === 2);
  const outcomes = await Promise.all(ids.map((id) => rig.queue.steer(id, HOLD)));
  assertEquals(Object.groupBy(outcomes, (one) => one).busy?.length, 1);
  assertEquals(rig.queue.counts().held, 19_999);
  await turns(10);
  assertEquals(rig.queue.counts().active, 1);
});
