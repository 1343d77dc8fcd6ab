/** Courses of events in the life of a spool, and a process that remembers what it told the world in them. */
import { assertEquals } from "@std/assert";
import { encode } from "../../base/bytes.ts";
import { FileQueue } from "../../queue/file_queue.ts";
import type {
  Claim,
  CommitOptions,
  DeliveryError,
  QueuedMessage,
  Steering,
} from "../../queue/queue.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { binary, changes, contentOf, deferred, delivered, envelopeTo } from "./fixtures.ts";
import { SimDisk } from "./sim_disk.ts";

const SPOOL = "/spool";
const MINUTE = 60_000;

/** What the world outside was told about a message. */
export interface Told {
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
export class Process {
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
export type Course = (process: Process) => Promise<void>;

export const small = (name: string) => contentOf(name);
export const large = () => encode("large ".repeat(100));

export const courses: Record<
  string,
  { course: Course; segmentSize?: number; contentBudget?: number }
> = {
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
