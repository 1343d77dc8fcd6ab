/** Delivery among hosts that fail in every way at any moment: whatever happens, each recipient comes to one end. */
import { assert, assertEquals } from "@std/assert";
import { DEFAULT_DELIVERY } from "../../config/config.ts";
import { QueueError } from "../../queue/queue.ts";
import { type Answer, MailHost } from "../helpers/mail_host.ts";
import { turns } from "../helpers/waiting.ts";
import { MINUTE, Rig } from "./delivery_rig.ts";
import { WatchedQueue } from "./watched_queue.ts";

const HOUR = 60 * MINUTE;
const RETRY = { ...DEFAULT_DELIVERY.retry, longest: HOUR, lifetime: 3 * HOUR };

const TROUBLE = [
  "421 4.3.2 going down",
  "450 4.2.1 busy",
  "451 4.3.0 trouble",
  "452 4.5.3 too many recipients",
  "550 5.1.1 unknown",
  "554 5.7.1 not wanted",
  "", // hangs up
];

/** Numbers in [0, 1), the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Fails one time in so many. */
function unreliable(oneIn: number, random: () => number): Answer {
  return () => random() * oneIn < 1 ? TROUBLE[Math.floor(random() * TROUBLE.length)] : undefined;
}

/** Queues messages to some of 200 recipients at three hosts; gives all their recipients. */
async function sendSome(rig: Rig, random: () => number): Promise<string[]> {
  const all: string[] = [];
  while (all.length < 200) {
    const count = 1 + Math.floor(random() * 8);
    const names = Array.from({ length: count }, (_, i) => `r${all.length + i}`);
    const recipients = names.map((name) => `${name}@host${Math.floor(random() * 3)}.test`);
    await rig.send(recipients, random() < 0.5 ? "" : "sender@me.test");
    all.push(...recipients);
  }
  return all;
}

/** Hosts that fail at random, and what runs among them. */
interface World {
  readonly random: () => number;
  readonly queue: WatchedQueue;
  /** Another delivery on the same queue. */
  makeRig(): Rig;
  /** The recipients for whom a host took a message. */
  taken(): string[];
}

async function withWorld(seed: number, check: (world: World) => Promise<void>): Promise<void> {
  const random = randomFrom(seed);
  const queue = new WatchedQueue();
  await using one = new MailHost(unreliable(10, random));
  await using two = new MailHost(unreliable(30, random));
  await using three = new MailHost(unreliable(4, random));
  await using home = new MailHost();
  const hosts = {
    "host0.test": [one.host, two.host],
    "host1.test": [two.host],
    "host2.test": [three.host],
    "me.test": [home.host],
  };
  const settings = { retry: RETRY, recipientsPerTransaction: 3, messagesPerConnection: 7 };
  await check({
    random,
    queue,
    makeRig: () => new Rig(hosts, { queue, clock: queue.clock, settings }),
    taken: () =>
      [one, two, three].flatMap(({ messages }) => messages.flatMap(({ recipients }) => recipients)),
  });
}

/** Checks that nothing is under way. */
function assertStopped({ queue }: World): void {
  assertEquals([queue.counts().active, queue.clock.timers], [0, 0]);
}

/** The recipients that delivery says to be done with. */
function ends({ delivered, bounced }: Rig): string[] {
  const all = [...delivered, ...bounced].flatMap(({ recipients }) => recipients);
  return all.filter((address) => address !== "sender@me.test");
}

/** Queues mail and lets all of it come to its end, the queue failing as it does; gives the recipients, and those that were told of. */
async function play(
  world: World,
  queueFailure: () => Promise<void> = () => Promise.resolve(),
): Promise<{ sent: string[]; told: string[] }> {
  const { queue } = world;
  const rig = world.makeRig();
  const sent = await sendSome(rig, world.random);
  queue.beforeSettle = queue.beforeCommit = queue.beforeClaim = queueFailure;
  rig.delivery.start();
  await rig.pass(5 * HOUR);
  assertEquals(queue.counts().messages, 0);
  await rig.stop();
  assertStopped(world);
  return { sent: sent.sort(), told: ends(rig).sort() };
}

for (const seed of [1, 2, 16]) {
  Deno.test(`each recipient is delivered or bounced exactly once, whatever hosts do (seed ${seed})`, () =>
    withWorld(seed, async (world) => {
      const { sent, told } = await play(world);
      assertEquals(told, sent);
      const taken = world.taken();
      assert(taken.length > 0 && taken.length < sent.length);
      assertEquals(new Set(taken).size, taken.length);
    }));

  Deno.test(`each recipient comes to one end, even where the queue fails now and then (seed ${seed})`, () =>
    withWorld(seed, async (world) => {
      const noDisk = () => Promise.reject(new QueueError("storage", "no disk"));
      const failure = () => world.random() < 0.1 ? noDisk() : Promise.resolve();
      const { sent, told } = await play(world, failure);
      assertEquals(told, sent);
    }));

  Deno.test(`a stop at any moment leaves nothing behind, and the next start goes on (seed ${seed})`, () =>
    withWorld(seed, async (world) => {
      const told: string[] = [];
      const sent = await sendSome(world.makeRig(), world.random);
      for (let i = 0; i < 10; i++) {
        const rig = world.makeRig();
        rig.delivery.start();
        await turns(Math.floor(world.random() * 100));
        await rig.stop();
        assertStopped(world);
        told.push(...ends(rig));
      }
      const last = world.makeRig();
      last.delivery.start();
      await last.pass(5 * HOUR);
      await last.stop();
      assertStopped(world);
      assertEquals([...told, ...ends(last)].sort(), sent.sort());
    }));
}
