/** The order in which mail for a destination goes (MT-PRIORITY, RFC 6710), and mail that is held until its release (FUTURERELEASE, RFC 4865). */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { DEFAULT_DELIVERY } from "../../config/config.ts";
import { workOn } from "../../deliver/job.ts";
import { Lane } from "../../deliver/lane.ts";
import { RankedQueue } from "../../deliver/ranked_queue.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import { type Answer, MailHost } from "../helpers/mail_host.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { Gate, until } from "../helpers/waiting.ts";
import { envelopeTo } from "../queue/fixtures.ts";
import { deadHost, MINUTE, Rig } from "./delivery_rig.ts";

const HOUR = 60 * MINUTE;

Deno.test("jobs go by rank, and in their order among equals", () => {
  const jobs = fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 50 });
  fc.assert(fc.property(jobs, (ranks) => {
    const lane = new Lane<{ rank: number; order: number }>("one.test", 1, ({ rank }) => rank);
    const added = ranks.map((rank, order) => ({ rank, order }));
    for (const job of added) lane.add(job);
    const expected = added.toSorted((a, b) => b.rank - a.rank || a.order - b.order);
    assertEquals(added.map(() => lane.begin()), expected);
  }));
});

Deno.test("parked messages come back by rank, in their order among equals, and each once", () => {
  const message = fc.record({ id: fc.integer({ min: 0, max: 30 }), take: fc.boolean() });
  fc.assert(fc.property(fc.array(message, { maxLength: 60 }), (steps) => {
    const parking = new RankedQueue<string>();
    const waiting: string[] = []; // The rank is the id's last digit.
    const rankOf = (id: string) => Number(id.at(-1));
    for (const { id, take } of steps) {
      if (!waiting.includes(String(id))) waiting.push(String(id));
      parking.add(String(id), rankOf(String(id)));
      assertEquals(parking.size, waiting.length);
      if (!take) continue;
      const next = waiting.toSorted((a, b) => rankOf(b) - rankOf(a))[0]!;
      assertEquals(parking.take(), next);
      waiting.splice(waiting.indexOf(next), 1);
    }
    for (const _ of [...waiting]) parking.take();
    assertEquals([parking.take(), parking.size], [undefined, 0]);
  }));
});

Deno.test("a full lane has room for a job that goes before those in it, within bounds", () => {
  const lane = new Lane<{ rank: number }>("one.test", 1, ({ rank }) => rank);
  const hasRoomFor = (rank: number) => lane.hasRoomFor({ rank });
  while (lane.hasRoom) lane.add({ rank: 0 });
  assertEquals([hasRoomFor(0), hasRoomFor(-1), hasRoomFor(1)], [false, false, true]);
  let more = 0;
  for (; hasRoomFor(1); more++) lane.add({ rank: 1 });
  assertEquals(more, 200);
  lane.fail(1000, { text: "down", scope: "host", permanent: false });
  assertEquals(hasRoomFor(9), false);
});

/** The numbers in the senders of what a host took. */
function sendersAt(host: MailHost): string[] {
  return host.messages.map(({ from }) => from.split("@")[0]!);
}

Deno.test("of the mail that waits for a busy host the most urgent goes first, though it came last", async () => {
  const gate = new Gate();
  await using host = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
  const settings = { concurrencyPerDestination: 1 };
  await using rig = new Rig({ "one.test": [host.host] }, { settings });
  rig.delivery.start();
  const send = (from: string, priority?: number) =>
    rig.send("a@one.test", `${from}@me.test`, priority === undefined ? {} : { priority });
  await send("first");
  await until(() => host.pending > 0);
  await send("bulk", -4);
  await send("ordinary");
  await send("zero", 0);
  await send("urgent", 4);
  await send("flash", 9);
  await rig.clock.advance(0);
  await until(() => rig.queue.counts().active === 6);
  gate.open();
  await until(() => host.messages.length === 6);
  await rig.idle();
  assertEquals(sendersAt(host), ["first", "flash", "urgent", "ordinary", "zero", "bulk"]);
});

Deno.test("urgent mail overtakes what is parked because its destination has no more room", async () => {
  const gate = new Gate();
  await using host = new MailHost((moment) => moment === "." ? gate.wait() : undefined);
  const settings = { concurrencyPerDestination: 1 };
  await using rig = new Rig({ "one.test": [host.host] }, { settings });
  rig.delivery.start();
  await rig.sendMany(300, "a@one.test");
  await until(() => host.pending > 0);
  await rig.send("a@one.test", "urgent@me.test", { priority: 1 });
  gate.open();
  await until(() => host.messages.length === 301);
  await rig.idle();
  assertEquals(sendersAt(host).indexOf("urgent"), 1);
});

Deno.test("a host that offers MT-PRIORITY is told the priority, another is not", async () => {
  const offers: Answer = (moment) =>
    moment === "EHLO" ? "250-mail.test\r\n250 MT-PRIORITY" : undefined;
  for (const [answer, expected] of [[offers, " MT-PRIORITY=-3"], [undefined, ""]] as const) {
    await using host = new MailHost(answer);
    await using rig = new Rig({ "one.test": [host.host] });
    rig.delivery.start();
    await rig.send("a@one.test", "b@me.test", { priority: -3 });
    await until(() => host.messages.length === 1);
    await rig.idle();
    assertEquals(host.commands[1], `MAIL FROM:<b@me.test>${expected}`);
  }
});

Deno.test("mail is held until its release, whatever happens at its destination, and its time counts from there", async () => {
  await using home = new MailHost();
  await using rig = new Rig({ "one.test": [deadHost()], "me.test": [home.host] });
  rig.delivery.start();
  const release = rig.clock.now() + 48 * HOUR;
  const id = await rig.send("a@one.test", undefined, { release });
  await rig.send("b@one.test");
  await rig.pass(48 * HOUR - 1);
  assertEquals((await rig.message(id)).recipients[0]!.attempts, 0);
  rig.queue.wake("one.test");
  assertEquals((await rig.message(id)).recipients[0]!.attempts, 0);
  await rig.pass(MINUTE);
  const [recipient] = (await rig.message(id)).recipients;
  assertEquals(recipient!.status, "waiting");
  assertEquals(recipient!.lastError !== undefined, true);
  await rig.pass(5 * 24 * HOUR - 2 * MINUTE);
  assertEquals(home.messages.filter(({ content }) => content.includes("a@one.test")), []);
  await rig.pass(2 * MINUTE);
  await until(() => home.messages.some(({ content }) => content.includes("a@one.test")));
  await rig.idle();
});

Deno.test("a message that is claimed before its release has nothing to do", async () => {
  const clock = new TestClock();
  const queue = new MemoryQueue(clock);
  const draft = queue.draft();
  const release = clock.now() + HOUR;
  const { id } = await draft.commit({ ...envelopeTo("a@one.test"), release });
  const jobsNow = async () => {
    const claim = (await queue.claimById(id))!;
    const { jobs } = workOn(claim, clock.now(), DEFAULT_DELIVERY, new Set());
    claim.release();
    return jobs.length;
  };
  assertEquals([queue.nextDue(), await jobsNow()], [release, 0]);
  clock.advance(HOUR);
  assertEquals(await jobsNow(), 1);
});
