import { assertEquals, assertStringIncludes } from "@std/assert";
import { DEFAULT_DELIVERY } from "../../config/config.ts";
import type { AttemptResult, Try } from "../../deliver/attempt.ts";
import type { RecipientOutcome } from "../../deliver/client.ts";
import { workOn } from "../../deliver/job.ts";
import { timeText } from "../../deliver/next.ts";
import { parkedUntil, setAside, settlementOf, verdictsOf } from "../../deliver/settle.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import type { Claim, DeliveryError } from "../../queue/queue.ts";
import { TestClock } from "../helpers/test_clock.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const settings = DEFAULT_DELIVERY;

const DELIVERED: RecipientOutcome = { kind: "delivered", reply: "250 2.0.0 OK", tells: false };
const HOST = { name: "mx.example.org", address: "192.0.2.1", port: 25 };

function failed(error: Partial<DeliveryError>): RecipientOutcome {
  return {
    kind: "failed",
    error: { text: "no", scope: "recipient", permanent: false, ...error },
  };
}

async function claimFor(recipients: string[], clock: TestClock): Promise<Claim> {
  const queue = new MemoryQueue(clock);
  await queue.draft().commit({
    reversePath: "from@example.org",
    recipients,
    smtputf8: false,
    body: "7BIT",
    client: { address: "127.0.0.1", port: 1, helo: "client", protocol: "ESMTP" },
  });
  const [claim] = await queue.claim(1);
  return claim!;
}

function resultOf(...outcomes: RecipientOutcome[]): AttemptResult {
  const map = new Map(outcomes.map((outcome, index) => [index, outcome]));
  const one: Try = { at: 0, took: 5, host: HOST, stages: {}, outcomes: map, reply: "the reply" };
  return { tries: [one], outcomes: map, destination: { kind: "answered" } };
}

/** The settlement of one job of a fresh message, with these outcomes, so long after it came. */
async function settled(outcomes: RecipientOutcome[], age = 0) {
  const clock = new TestClock();
  const claim = await claimFor(outcomes.map((_, i) => `r${i}@example.org`), clock);
  clock.advance(age);
  const { jobs } = workOn(claim, clock.now(), settings, new Set());
  const rules = { now: clock.now(), schedule: settings.retry, random: () => 0.5 };
  return {
    claim,
    job: jobs[0]!,
    rules,
    now: clock.now(),
    settlement: settlementOf(jobs[0]!, resultOf(...outcomes), rules),
  };
}

Deno.test("each recipient is delivered, deferred or failed by its own outcome", async () => {
  const { settlement, now } = await settled([DELIVERED, failed({}), failed({ permanent: true })]);
  assertEquals(settlement.changes.map(({ status }) => status), ["delivered", "waiting", "failed"]);
  assertEquals(settlement.changes[1]!.nextAttempt, now + 5 * MINUTE);
  assertEquals(settlement.changes.every(({ tried }) => tried), true);
  const [attempt] = settlement.attempts!;
  assertEquals(attempt!.outcome, "mixed");
  assertEquals(attempt!.address, "192.0.2.1:25");
  assertStringIncludes(attempt!.next, timeText(now + 5 * MINUTE));
  assertStringIncludes(attempt!.next, "bounced: the failure is permanent");
});

Deno.test("a message whose time is over is given up at its next temporary failure", async () => {
  const { settlement } = await settled([failed({})], 5 * DAY);
  assertEquals(settlement.changes[0]!.status, "failed");
  assertEquals(settlement.changes[0]!.error!.permanent, false);
  assertStringIncludes(settlement.attempts![0]!.next, "bounced: retry.lifetime 5d is over");
});

Deno.test("the last attempt is made when the message's time ends, not after it", async () => {
  const { settlement, claim } = await settled([failed({})], 5 * DAY - MINUTE);
  assertEquals(settlement.changes[0]!.nextAttempt, claim.message.arrived + 5 * DAY);
});

Deno.test("recipients that were too many for one transaction go again at once", async () => {
  const crowded = failed({ enhanced: "4.5.3" });
  const { settlement, now } = await settled([DELIVERED, crowded]);
  assertEquals(settlement.changes[1]!.nextAttempt, now);
  const alone = await settled([crowded]);
  assertEquals(alone.settlement.changes[0]!.nextAttempt, alone.now + 5 * MINUTE);
});

Deno.test("setting a job aside counts no attempt and writes no history", async () => {
  const { job, rules, now } = await settled([failed({})]);
  const error: DeliveryError = { text: "refused", scope: "host", permanent: false };
  const { changes, attempts } = setAside(job, error, now + MINUTE, rules);
  assertEquals(changes, [
    { index: 0, status: "waiting", tried: false, error, nextAttempt: now + MINUTE },
  ]);
  assertEquals(attempts, undefined);
});

Deno.test("an attempt that was broken off settles only what a host had judged", () => {
  const result = resultOf(
    DELIVERED,
    failed({ scope: "session" }),
    failed({ scope: "host" }),
    failed({ permanent: true }),
  );
  const before: Try = { ...result.tries[0]!, outcomes: new Map([[1, failed({ scope: "host" })]]) };
  const verdicts = verdictsOf({ ...result, tries: [before, ...result.tries] });
  assertEquals([...verdicts.outcomes.keys()], [0, 3]);
  assertEquals(verdicts.tries.map(({ outcomes }) => [...outcomes.keys()]), [[0, 3]]);
});

Deno.test("a message that waits for room is looked at when its time is over, and before it would be forgotten", async () => {
  const { claim: { message } } = await settled([DELIVERED]);
  const { first, longest, lifetime } = settings.retry;
  const from = (age: number) =>
    parkedUntil(message, message.arrived + age, settings.retry) - message.arrived;
  assertEquals(from(0), longest);
  assertEquals(from(lifetime - MINUTE), lifetime);
  assertEquals(from(lifetime), lifetime + first);
});

Deno.test("recipients are cut into jobs by destination and by transaction size", async () => {
  const clock = new TestClock();
  const claim = await claimFor(["a@x.test", "b@Y.test", "c@X.test", "d@x.test"], clock);
  const limits = { ...settings, recipientsPerTransaction: 2 };
  const { jobs, openJobs } = workOn(claim, clock.now(), limits, new Set());
  assertEquals(jobs.map(({ destination, recipients }) => [destination, ...recipients]), [
    ["x.test", 0, 2],
    ["x.test", 3],
    ["y.test", 1],
  ]);
  assertEquals(openJobs, 3);
});

Deno.test("with a smarthost every recipient has the same destination", async () => {
  const clock = new TestClock();
  const claim = await claimFor(["a@x.test", "b@y.test"], clock);
  const smarthost = { host: "relay.test", port: 587, implicitTls: false };
  const { jobs } = workOn(claim, clock.now(), { ...settings, smarthost }, new Set());
  assertEquals(jobs.map(({ recipients }) => recipients), [[0, 1]]);
});
