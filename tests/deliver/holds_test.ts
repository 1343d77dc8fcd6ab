/** What is stopped until further notice, and how that outlives the process. */
import { assertEquals, assertRejects } from "@std/assert";
import { decode, encode } from "../../base/bytes.ts";
import { Holds } from "../../deliver/holds.ts";
import { QueueError } from "../../queue/queue.ts";
import { capturedLog } from "../helpers/captured_log.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { type Crash, SimDisk, systemError } from "../queue/sim_disk.ts";

const SPOOL = "/spool";
const FILE = `${SPOOL}/holds.json`;

async function newDisk(): Promise<SimDisk> {
  const disk = new SimDisk();
  await disk.makeDirectory(SPOOL);
  return disk;
}

function openOn(files: SimDisk, clock = new TestClock()): Promise<Holds> {
  return Holds.open({ directory: SPOOL, clock, files });
}

/** What is held: the domains, and whether all is. */
function heldIn(holds: Holds): [domains: string[], all: boolean] {
  return [holds.domains().map(({ domain }) => domain), holds.areForAll];
}

Deno.test("held domains are held by the next process as well, since the same time", async () => {
  await withTempDir(async (directory) => {
    const clock = new TestClock();
    const holds = await Holds.open({ directory, clock });
    assertEquals(await holds.hold("One.TEST."), true);
    clock.advance(1000);
    assertEquals(await holds.hold("bücher.example"), true);
    assertEquals(await holds.setForAll(true), true);
    clock.advance(1000);
    const next = await Holds.open({ directory, clock });
    assertEquals(next.domains(), [
      { domain: "one.test", since: clock.now() - 2000 },
      { domain: "xn--bcher-kva.example", since: clock.now() - 1000 },
    ]);
    assertEquals([next.areForAll, next.has("one.test"), next.has("sub.one.test")], [
      ...[true, true, false],
    ]);
    assertEquals((await Deno.stat(`${directory}/holds.json`)).mode! & 0o777, 0o600);
  });
});

Deno.test("what is held already, or not at all, is no change, and nothing is written for it", async () => {
  const disk = await newDisk();
  const holds = await openOn(disk);
  assertEquals(await holds.release("one.test"), false);
  assertEquals(await holds.setForAll(false), false);
  assertEquals(disk.steps, []);
  await holds.hold("one.test");
  const steps = disk.steps.length;
  assertEquals(await holds.hold("one.test"), false);
  assertEquals(disk.steps.length, steps);
  assertEquals(await holds.release("one.test"), true);
  assertEquals(holds.size, 0);
});

Deno.test("what is no domain cannot be held", async () => {
  const holds = Holds.inMemory(new TestClock());
  for (const text of ["", "*", "a@one.test", "one test", "-one.test"]) {
    await assertRejects(() => holds.hold(text), TypeError, "is not a mail domain");
  }
  assertEquals(await holds.hold("[192.0.2.1]"), true);
});

Deno.test("changes made at once are all kept", async () => {
  const disk = await newDisk();
  const holds = await openOn(disk);
  const names = ["a.test", "b.test", "c.test", "d.test"];
  await Promise.all([...names.map((name) => holds.hold(name)), holds.release("b.test")]);
  assertEquals(heldIn(await openOn(disk.after("power cut"))), [
    ["a.test", "c.test", "d.test"],
    false,
  ]);
});

Deno.test("a change is durable once it is acknowledged, and wherever it is cut off the file is whole", async () => {
  for (const crash of ["kill", "power cut", { random: Math.random }] satisfies Crash[]) {
    for (let killAt = 0, done = false; !done; killAt++) {
      const disk = await newDisk();
      await (await openOn(disk)).hold("before.test");
      disk.killAt = disk.steps.length + killAt;
      const hold = (await openOn(disk)).hold("new.test").then(() => done = true);
      await Promise.race([hold, disk.killed]);
      const records = await capturedLog("error", async () => {
        const [domains] = heldIn(await openOn(disk.after(crash)));
        assertEquals(domains.slice(0, 1), ["before.test"]);
        if (done) assertEquals(domains[1], "new.test");
      });
      assertEquals(records, []);
    }
  }
});

Deno.test("a change that cannot be written is refused, and nothing is changed by it", async () => {
  for (const operation of ["create", "write", "sync", "rename"]) {
    const disk = await newDisk();
    const holds = await openOn(disk);
    await holds.hold("one.test");
    disk.fault = (step) => step.operation === operation ? systemError("ENOSPC") : undefined;
    const error = await assertRejects(() => holds.hold("two.test"), QueueError, "holds.json");
    assertEquals(error.kind, "no-space");
    await assertRejects(() => holds.release("one.test"), QueueError);
    assertEquals(heldIn(holds), [["one.test"], false]);
    disk.fault = () => undefined;
    assertEquals(heldIn(await openOn(disk.after("power cut"))), [["one.test"], false]);
    assertEquals(await holds.hold("two.test"), true);
  }
});

Deno.test("a damaged file holds nothing, is reported, and is kept in corrupt/", async () => {
  const good =
    `{"v":1,"all":null,"domains":[{"domain":"one.test","since":"2026-01-01T00:00:00Z"}]}`;
  const damaged = [
    "",
    good.slice(0, -1),
    "null",
    "[]",
    good.replace(":1,", ":2,"),
    good.replace("one.test", "one test"),
    good.replace("2026-01-01T00:00:00Z", "yesterday"),
    good.replace(`"all":null`, `"all":true`),
    good.replace(/"domains":.*/, `"domains":{}}`),
    good.replace(/"domains":.*/, `"domains":["one.test"]}`),
  ];
  for (const text of damaged) {
    const disk = await newDisk();
    disk.put(FILE, encode(text));
    const records = await capturedLog("error", async () => {
      assertEquals(heldIn(await openOn(disk)), [[], false]);
    });
    assertEquals(records.map(({ properties }) => properties.path), [FILE]);
    assertEquals(disk.paths(), [`${SPOOL}/corrupt/holds.json`]);
    assertEquals(decode(await disk.read(`${SPOOL}/corrupt/holds.json`)), text);
  }
  const disk = await newDisk();
  disk.put(FILE, encode(good));
  assertEquals(heldIn(await openOn(disk)), [["one.test"], false]);
});

Deno.test("a file that cannot be read for now stays where it is", async () => {
  await withTempDir(async (directory) => {
    await Deno.mkdir(`${directory}/holds.json`);
    const records = await capturedLog("error", async () => {
      const holds = await Holds.open({ directory, clock: new TestClock() });
      assertEquals(holds.size, 0);
    });
    assertEquals(records.length, 1);
    assertEquals((await Deno.stat(`${directory}/holds.json`)).isDirectory, true);
  });
});
