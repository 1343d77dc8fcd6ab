/** Stops the store before each single step it takes on the disk, and looks at what the next start finds. */
import { assert, assertEquals } from "@std/assert";
import { decode } from "../../base/bytes.ts";
import type { FileQueue } from "../../queue/file_queue.ts";
import type { Claim } from "../../queue/queue.ts";
import { courses, large, Process, small, type Told } from "./crash_courses.ts";
import { changes, delivered, octetsOf } from "./fixtures.ts";
import { type Crash, SimDisk } from "./sim_disk.ts";

/** A small generator of random numbers from 0 to 1, the same at every run. */
function randomFrom(seed: number): () => number {
  let state = seed * 2654435761;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Everything in the queue, by id. */
async function contents(queue: FileQueue): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  const claims: Claim[] = [];
  for (const { id } of [...queue.overviews()]) {
    const claim = await queue.claimById(id);
    if (claim === undefined) continue;
    claims.push(claim);
    found.set(id, await octetsOf(claim.content()));
  }
  for (const claim of claims) claim.release();
  return found;
}

/** What the next process finds must be what the world was told. */
async function assertPromisesKept(told: Map<string, Told>, queue: FileQueue): Promise<void> {
  const found = await contents(queue);
  for (const [id, { content, accepted, finishing, finished, delivered }] of told) {
    const message = await queue.read(id);
    if (finished === "durably") assertEquals(message, undefined, "a finished message came back");
    if (accepted && !finishing) assert(message !== undefined, "an accepted message is lost");
    if (message === undefined) continue;
    if (!message.held) assertEquals(decode(found.get(id)!), decode(content));
    if (finishing) continue;
    for (const index of delivered) assertEquals(message.recipients[index]!.status, "delivered");
    if (accepted) assert(told.get(id)!.isAsSteered(message), "a message is not as it was steered");
  }
}

/** Starts on what a crash left, checks it, delivers everything, and stops: nothing may be left over. */
async function assertRecovers(disk: SimDisk, told: Map<string, Told>): Promise<void> {
  const process = await new Process(disk, told).open();
  assertEquals(disk.paths().filter((path) => path.includes("/corrupt/")), []);
  await assertPromisesKept(told, process.queue);
  for (const claim of await process.claims(1000)) {
    await claim.settle(changes(...claim.message.recipients.map((_, index) => delivered(index))));
    claim.release();
  }
  const held = process.queue.counts().held;
  await process.queue.close();
  const left = disk.paths().filter((path) => path.endsWith(".json") || path.includes("/journal/"));
  const waiting = left.filter((path) => path.endsWith(".json"));
  assertEquals(left, waiting);
  const unnamed = disk.paths().filter((path) =>
    path.endsWith(".eml") && !waiting.includes(path.replace(".eml", ".json"))
  );
  assertEquals(unnamed, []);
  const again = await new Process(disk, told).open();
  const { messages } = again.queue.counts();
  assertEquals(messages, waiting.length);
  const deferred = [...again.queue.overviews()].filter((each) => each.due > process.clock.now());
  assertEquals(messages, held + deferred.filter(({ state }) => state !== "held").length);
  await again.queue.close();
}

/** The steps of a start and a stop, of which there are seldom more. */
const MANY_STEPS = 20;

/** Starts on what a crash left, and cuts the power at some step before the next stop has ended. */
async function cutPower(
  disk: SimDisk,
  told: Map<string, Told>,
  random: () => number,
): Promise<SimDisk> {
  disk.killAt = Math.floor(random() * MANY_STEPS);
  const process = new Process(disk, told);
  await Promise.race([process.open().then(() => process.queue.close()), disk.killed]);
  return disk.after({ random });
}

for (const [name, { course, ...options }] of Object.entries(courses)) {
  Deno.test(`${name}: every promise survives a crash before any step`, async () => {
    for (let killAt = 0, ended = false; !ended; killAt++) {
      const disk = new SimDisk();
      disk.killAt = killAt;
      const process = new Process(disk, new Map(), options);
      const run = process.open().then(course).then(() => ended = true);
      await Promise.race([run, disk.killed]);
      const crashes: Crash[] = ["kill", "power cut"];
      for (let seed = 1; seed <= 4; seed++) {
        crashes.push({ random: randomFrom(killAt * 10 + seed) });
      }
      for (const crash of crashes) await assertRecovers(disk.after(crash), process.told);
      for (let seed = 1; seed <= 4; seed++) {
        const random = randomFrom(killAt * 10 + seed);
        const left = await cutPower(disk.after("kill"), process.told, random);
        await assertRecovers(left, process.told);
      }
    }
  });
}

/** A disk as a crash in the middle of much leaves it, where notes were written that are not durable. */
async function leftByCrash(): Promise<Process> {
  const process = await new Process(new SimDisk(), new Map(), { segmentSize: 1500 }).open();
  await process.accept(small("one"), 2);
  await process.accept(large());
  for (const claim of await process.claims()) await process.deliver(claim, 0);
  await Promise.all(["a", "b", "c"].map((name) => process.accept(small(name))));
  const id = await process.accept(large());
  const claims = await process.claims();
  await process.deliver(claims.find(({ message }) => message.id === id)!, 0);
  process.disk.killAt = process.disk.steps.length + 1;
  void process.accept(small("torn"));
  await process.disk.killed;
  return process;
}

const firstCrashes: Record<string, (killAt: number) => Crash> = {
  "a kill": () => "kill",
  "a power cut": (killAt) => ({ random: randomFrom(killAt) }),
};

for (const [name, firstCrash] of Object.entries(firstCrashes)) {
  Deno.test(`a crash during the recovery from ${name} harms no more than the one before it`, async () => {
    const { disk, told } = await leftByCrash();
    for (let killAt = 0, ended = false; !ended; killAt++) {
      const found = disk.after(firstCrash(killAt));
      found.killAt = killAt;
      const second = new Process(found, told);
      const run = second.open().then(() => second.queue.close()).then(() => ended = true);
      await Promise.race([run, found.killed]);
      for (const seed of [1, 2, 3, 4]) {
        await assertRecovers(found.after({ random: randomFrom(killAt * 10 + seed) }), told);
      }
      for (const crash of ["kill", "power cut"] as const) {
        await assertRecovers(found.after(crash), told);
      }
    }
  });
}
