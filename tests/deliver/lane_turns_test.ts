import { assertEquals } from "@std/assert";
import { Lane } from "../../deliver/lane.ts";
import { LaneTurns } from "../../deliver/lane_turns.ts";

/** A lane with some jobs; there was a session with its destination if it is met. */
function laneWith(jobs: number, { met }: { met: boolean }, name = "example.org"): Lane<string> {
  const lane = new Lane<string>(name, 20);
  if (met) lane.countSession(1);
  for (let i = 0; i < jobs; i++) lane.add(`${name} ${i}`);
  return lane;
}

/** Begins all that may begin; gives the jobs. */
function beginAll(turns: LaneTurns<string>): string[] {
  const jobs: string[] = [];
  for (let next = turns.begin(); next !== undefined; next = turns.begin()) jobs.push(next.job);
  return jobs;
}

/** Turns for lanes that nobody has met, with a job each. */
function strangers(count: number): Lane<string>[] {
  return Array.from({ length: count }, (_, i) => laneWith(1, { met: false }, `s${i}`));
}

Deno.test("destinations that have not answered get half of the connections, one each", () => {
  const turns = new LaneTurns<string>(10);
  for (const lane of strangers(20)) turns.add(lane);
  turns.add(laneWith(5, { met: false }, "many"));
  assertEquals(beginAll(turns), ["s0 0", "s1 0", "s2 0", "s3 0", "s4 0"]);
});

Deno.test("destinations that answer get the connections that are left, beside others that hang", () => {
  const turns = new LaneTurns<string>(10);
  for (const lane of strangers(20)) turns.add(lane);
  beginAll(turns);
  const lanes = ["a", "b", "c"].map((name) => laneWith(4, { met: true }, name));
  for (const lane of lanes) turns.add(lane);
  assertEquals(beginAll(turns), ["a 0", "b 0", "c 0", "a 1", "b 1"]);
  turns.ended(lanes[0]!);
  assertEquals(beginAll(turns), ["c 1"]);
});

Deno.test("a destination that answers makes room for the next that has not, and gets more itself", () => {
  const turns = new LaneTurns<string>(4);
  const answers = laneWith(3, { met: false }, "answers");
  turns.add(answers);
  for (const lane of strangers(9)) turns.add(lane);
  assertEquals(beginAll(turns), ["answers 0", "s0 0"]);
  answers.countSession(1);
  turns.met(answers);
  assertEquals(beginAll(turns).toSorted(), ["answers 1", "s1 0"]);
});

Deno.test("a destination that has failed makes room for the next", () => {
  const turns = new LaneTurns<string>(2);
  const lanes = strangers(3);
  for (const lane of lanes) turns.add(lane);
  assertEquals(beginAll(turns), ["s0 0"]);
  turns.ended(lanes[0]!);
  assertEquals(beginAll(turns), ["s1 0"]);
});

Deno.test("destinations that answer and such that have not take turns", () => {
  const turns = new LaneTurns<string>(100);
  for (const lane of strangers(2)) turns.add(lane);
  turns.add(laneWith(2, { met: true }, "known"));
  assertEquals(beginAll(turns), ["s0 0", "known 0", "s1 0", "known 1"]);
});

Deno.test("a lane without a job that may go has no turn", () => {
  const turns = new LaneTurns<string>(10);
  const lane = laneWith(1, { met: true });
  turns.add(lane);
  turns.add(laneWith(0, { met: true }));
  lane.drain();
  assertEquals(beginAll(turns), []);
});
