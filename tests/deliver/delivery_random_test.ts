/** Delivery among hosts that fail in every way at any moment: whatever happens, each recipient comes to one end. */
import { assert, assertEquals } from "@std/assert";
import { QueueError } from "../../queue/queue.ts";
import { type Answer, MailHost } from "../helpers/mail_host.ts";
import { MINUTE, Rig } from "./delivery_rig.ts";
import { WatchedQueue } from "./watched_queue.ts";

const HOUR = 60 * MINUTE;
const RETRY = { first: 5 * MINUTE, factor: 2, longest: HOUR, jitter: 0.1, lifetime: 3 * HOUR };

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

/** Runs everything to its end; `faults`: the queue fails now and then, too. */
async function play(seed: number, faults: boolean): Promise<void> {
  const random = randomFrom(seed);
  const queue = new WatchedQueue();
  const fail = () => {
    const fails = faults && random() < 0.1;
    return fails ? Promise.reject(new QueueError("storage", "no disk")) : Promise.resolve();
  };
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
  const rig = new Rig(hosts, { queue, clock: queue.clock, settings });
  const recipients = await sendSome(rig, random);
  queue.beforeSettle = queue.beforeCommit = queue.beforeClaim = fail;
  rig.delivery.start();
  await rig.pass(5 * HOUR);
  assertEquals(queue.counts(), { messages: 0, claimed: 0, held: 0 });
  await rig.stop();
  assertEquals(queue.clock.timers, 0);
  const ends = [...rig.delivered, ...rig.bounced].flatMap((event) => event.recipients);
  assertEquals(ends.filter((address) => address !== "sender@me.test").sort(), recipients.sort());
  const taken = [one, two, three].flatMap(({ messages }) => messages);
  const delivered = taken.flatMap((message) => message.recipients);
  assert(delivered.length > 0 && rig.bounced.length > 0);
  // What a host took can be on record only once, unless the record itself failed.
  if (!faults) assertEquals(new Set(delivered).size, delivered.length);
}

for (const seed of [1, 2, 16]) {
  Deno.test(`each recipient is delivered or bounced exactly once, whatever hosts do (seed ${seed})`, () =>
    play(seed, false));
  Deno.test(`each recipient comes to one end, even where the queue fails now and then (seed ${seed})`, () =>
    play(seed, true));
}
