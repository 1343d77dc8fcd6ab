/** Stops the store before each single step it takes on the disk, and looks at what the next start finds. */
import { assert, assertEquals } from "@std/assert";
import { decode, encode } from "../../base/bytes.ts";
import { FileQueue } from "../../queue/file_queue.ts";
import type {
  Claim,
  CommitOptions,
  DeliveryError,
  QueuedMessage,
  Steering,
} from "../../queue/queue.ts";
import { TestClock } from "../helpers/test_clock.ts";
import {
  binary,
  changes,
  contentOf,
  deferred,
  delivered,
  envelopeTo,
  octetsOf,
} from "./fixtures.ts";
import { type Crash, SimDisk } from "./sim_disk.ts";

const SPOOL = "/spool";
const MINUTE = 60_000;

/** What the world outside was told about a message. */
interface Told {
  readonly content: Uint8Array;
  accepted: boolean;
  /** Recipients whose delivery was recorded. */
  readonly delivered: Set<number>;
  /** Everything was delivered: it may be forgotten. */
  finishing: boolean;
  /** It was gone when something later became durable: it must not come back. */
  finished: "no" | "yes" | "durably";
  /** Whether it is as it was steered: before, or after, while it is not known yet. */
  isAsSteered: (message: QueuedMessage) => boolean;
}

const GIVEN_UP: DeliveryError = { text: "given up by hand", scope: "message", permanent: true };

/** What a message that is there is after it was steered. */
function isAfter(change: Steering): (message: QueuedMessage) => boolean {
  switch (change.kind) {
    case "hold":
      return ({ held }) => held;
    case "release":
      return ({ held }) => !held;
    case "retry":
      return ({ recipients, arrived }) =>
        recipients.every(({ nextAttempt }) => nextAttempt <= arrived + MINUTE);
    case "bounce":
      return ({ recipients }) => recipients.every(({ status }) => status === "failed");
    case "remove":
      return () => false;
    case "redirect":
      return ({ nextHop, recipients }) =>
        nextHop === change.nextHop && recipients[0]!.address === "x@example.net";
  }
}

/** A process that uses the spool, and remembers what it told the world. */
class Process {
  readonly clock = new TestClock();
  readonly told: Map<string, Told>;
  readonly disk: SimDisk;
  readonly options: { segmentSize?: number; contentBudget?: number };
  queue!: FileQueue;

  constructor(disk: SimDisk, told = new Map<string, Told>(), options = {}) {
    this.disk = disk;
    this.told = told;
    this.options = options;
  }

  /** Opens the spool; gives it to be used at once, whatever is still to be read. */
  async openEarly(): Promise<this> {
    const { disk: files, clock, options } = this;
    this.queue = await FileQueue.open({
      directory: SPOOL,
      clock,
      files,
      inlineLimit: 200,
      ...options,
    });
    return this;
  }

  async open(): Promise<this> {
    await this.openEarly();
    await this.queue.allRead;
    return this;
  }

  async accept(
    content: Uint8Array,
    recipients = 1,
    options: CommitOptions = {},
  ): Promise<string> {
    const draft = this.queue.draft();
    const isHeld = options.hold === true || options.capture === true;
    const told: Told = {
      content,
      accepted: false,
      delivered: new Set(),
      finishing: false,
      finished: "no",
      isAsSteered: ({ held, captured }) =>
        [held, captured].join() === [isHeld, options.capture].join(),
    };
    this.told.set(draft.id, told);
    for (let at = 0; at < content.length; at += 150) {
      await draft.write(content.subarray(at, at + 150));
    }
    const gone = [...this.told.values()].filter((each) => each.finished === "yes");
    const addresses = Array.from({ length: recipients }, (_, i) => `r${i}@example.com`);
    await draft.commit(envelopeTo(...addresses), options);
    told.accepted = true;
    if (!isHeld) { for (const each of gone) each.finished = "durably"; }
    return draft.id;
  }

  async deliver(claim: Claim, ...indexes: number[]): Promise<void> {
    const told = this.told.get(claim.message.id)!;
    const all = told.delivered.size + indexes.length === claim.message.recipients.length;
    told.finishing ||= all;
    await claim.settle(changes(...indexes.map(delivered)));
    for (const index of indexes) told.delivered.add(index);
    if (all) told.finished = "yes";
    claim.release();
  }

  async steer(id: string, change: Steering): Promise<void> {
    const told = this.told.get(id)!;
    told.finishing ||= change.kind === "remove";
    const [before, after] = [told.isAsSteered, isAfter(change)];
    told.isAsSteered = (message) => before(message) || after(message);
    assertEquals(await this.queue.steer(id, change, MINUTE), "done");
    told.isAsSteered = after;
    if (change.kind === "remove") told.finished = "durably";
  }

  async defer(claim: Claim): Promise<void> {
    await claim.settle(changes(deferred(this.clock.now() + MINUTE)));
    claim.release();
  }

  claims(limit = 100): Promise<Claim[]> {
    return this.queue.claim(limit);
  }
}

/** A course of events. */
type Course = (process: Process) => Promise<void>;

const small = (name: string) => contentOf(name);
const large = () => encode("large ".repeat(100));

const courses: Record<string, { course: Course; segmentSize?: number; contentBudget?: number }> = {
  "messages accepted one by one and together": {
    async course(process) {
      await process.accept(small("one"));
      await Promise.all(["a", "b", "c", "d"].map((name) => process.accept(small(name))));
      await process.queue.close();
    },
  },
  "large and binary messages accepted and delivered": {
    async course(process) {
      await Promise.all([process.accept(large()), process.accept(binary(90))]);
      await process.accept(binary(900));
      for (const claim of await process.claims(2)) await process.deliver(claim, 0);
      await process.accept(small("after"));
      await process.queue.close();
    },
  },
  "messages held": {
    async course(process) {
      await process.accept(small("held"), 1, { hold: true });
      await process.accept(large(), 1, { hold: true });
      await process.accept(small("captured"), 1, { capture: true });
      await process.queue.close();
    },
  },
  "messages put on hold and released, one by one and together": {
    async course(process) {
      const ids = await Promise.all(
        [small("one"), small("two"), large()].map((content) => process.accept(content)),
      );
      await process.steer(ids[0]!, { kind: "hold" });
      await Promise.all(ids.map((id) => process.steer(id, { kind: "hold" })));
      await process.accept(small("between"));
      await Promise.all(ids.map((id) => process.steer(id, { kind: "release" })));
      await process.steer(ids[2]!, { kind: "hold" });
      for (const claim of await process.claims()) await process.deliver(claim, 0);
      await process.accept(small("after"));
      await process.queue.close();
    },
  },
  "messages tried again, given up and sent elsewhere": {
    async course(process) {
      const [again, failed, elsewhere] = await Promise.all(
        [small("again"), large(), small("elsewhere")].map((content) => process.accept(content)),
      );
      await Promise.all((await process.claims()).map((claim) => process.defer(claim)));
      const recipients = new Map([["r0@example.com", "x@example.net"]]);
      await Promise.all([
        process.steer(again!, { kind: "retry" }),
        process.steer(failed!, { kind: "bounce", error: GIVEN_UP }),
        process.steer(elsewhere!, { kind: "redirect", nextHop: "relay.example", recipients }),
      ]);
      await process.steer(again!, { kind: "hold" });
      for (const claim of await process.claims()) await process.deliver(claim, 0);
      await process.accept(small("after"));
      await process.queue.close();
    },
  },
  "messages removed, wherever they are": {
    segmentSize: 900,
    async course(process) {
      const ids = await Promise.all([
        process.accept(small("journaled")),
        process.accept(large()),
        process.accept(small("held"), 1, { hold: true }),
        process.accept(binary(300), 1, { capture: true }),
      ]);
      const deferred = await process.accept(small("deferred"));
      const claims = await process.claims();
      await process.defer(claims.find(({ message }) => message.id === deferred)!);
      for (const claim of claims) claim.release();
      await process.steer(ids[0]!, { kind: "remove" });
      await process.accept(small("between"));
      await Promise.all(
        [...ids.slice(1), deferred].map((id) => process.steer(id, { kind: "remove" })),
      );
      await process.accept(small("after"));
      await process.queue.close();
    },
  },
  "messages steered after a start, before they were read": {
    contentBudget: 0,
    async course(process) {
      const ids = await Promise.all([
        process.accept(small("removed")),
        process.accept(large()),
        process.accept(small("kept")),
      ]);
      await process.queue.close();
      const { disk, told, options } = process;
      const second = await new Process(disk, told, options).openEarly();
      await Promise.all([
        second.steer(ids[0]!, { kind: "remove" }),
        second.steer(ids[1]!, { kind: "hold" }),
      ]);
      await second.accept(small("fresh"));
      await second.queue.close();
    },
  },
  "messages deferred, then delivered": {
    async course(process) {
      await Promise.all([process.accept(small("one")), process.accept(large())]);
      await Promise.all((await process.claims()).map((claim) => process.defer(claim)));
      process.clock.advance(MINUTE);
      await Promise.all((await process.claims()).map((claim) => process.defer(claim)));
      process.clock.advance(MINUTE);
      for (const claim of await process.claims()) await process.deliver(claim, 0);
      await process.accept(small("after"));
      // Nothing is left to be filed, so closing has no other reason to sync the removed names.
      for (const claim of await process.claims()) await process.deliver(claim, 0);
      await process.queue.close();
    },
  },
  "messages delivered to some recipients, then to the others": {
    async course(process) {
      await process.accept(small("three"), 3);
      await process.accept(large(), 3);
      for (const claim of await process.claims()) await process.deliver(claim, 1);
      await process.accept(small("between"));
      for (const claim of await process.claims()) {
        await process.deliver(claim, ...(claim.message.recipients.length === 3 ? [0, 2] : [0]));
      }
      await process.accept(small("after"));
      await process.queue.close();
    },
  },
  "segments that rotate, with mail that stays and mail that goes": {
    segmentSize: 1200,
    async course(process) {
      await process.accept(small("stays"), 2);
      const [kept] = await process.claims();
      for (let i = 0; i < 6; i++) {
        await Promise.all([process.accept(small(`x${i}`)), process.accept(small(`y${i}`))]);
        const [first, second] = await process.claims(2);
        await process.deliver(first!, 0);
        if (i % 2) await process.defer(second!);
        else second!.release();
      }
      await process.deliver(kept!, 0);
      await process.accept(small("after"));
      await process.queue.close();
    },
  },
  "segments that go as soon as the large message in them is delivered": {
    segmentSize: 1,
    async course(process) {
      for (let i = 0; i < 3; i++) {
        await process.accept(large());
        const [claim] = await process.claims();
        await process.deliver(claim!, 0);
        await process.accept(small(`after ${i}`));
      }
      await process.queue.close();
    },
  },
  "a start on what a crash left, with nothing kept in memory": {
    contentBudget: 0,
    async course(process) {
      await process.accept(small("one"), 2);
      await process.accept(large());
      const [one] = await process.claims(1);
      await process.deliver(one!, 0);
      const { disk, told } = process;
      process.disk.put(`${SPOOL}/00000000000000000000000000.eml`, small("leftover"));
      await process.queue.close();
      const second = await new Process(disk, told, { contentBudget: 0 }).open();
      for (const claim of await second.claims()) {
        await second.deliver(claim, claim.message.recipients.length - 1);
      }
      await second.accept(small("after"));
      await second.queue.close();
    },
  },
  "mail accepted and delivered while what waits is being read": {
    segmentSize: 600,
    async course(process) {
      await Promise.all(["a", "b", "c"].map((name) => process.accept(small(name))));
      await process.accept(large());
      await process.queue.close();
      const { disk, told, options } = process;
      process.disk.put(`${SPOOL}/00000000000000000000000000.eml`, small("leftover"));
      const second = await new Process(disk, told, options).openEarly();
      await Promise.all([second.accept(small("fresh")), second.accept(large())]);
      for (const claim of await second.claims(2)) await second.defer(claim);
      await second.queue.allRead;
      for (const claim of await second.claims()) await second.deliver(claim, 0);
      await second.accept(small("after"));
      await second.queue.close();
    },
  },
};

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
