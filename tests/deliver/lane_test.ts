import { assert, assertEquals } from "@std/assert";
import { Hold, Lane } from "../../deliver/lane.ts";
import type { DeliveryError } from "../../queue/queue.ts";

const REFUSED: DeliveryError = { text: "connection refused", scope: "host", permanent: false };

/** A lane that has been met, with as many jobs as asked for. */
function laneWith(jobs: number, limit = 20): Lane<number> {
  const lane = new Lane<number>("example.org", limit);
  lane.countSession(1);
  lane.countSession(-1);
  for (let i = 0; i < jobs; i++) lane.add(i);
  return lane;
}

/** Begins jobs as long as the lane is ready; gives how many. */
function beginAll(lane: Lane<number>): number {
  let begun = 0;
  for (; lane.isReady; begun++) lane.begin();
  return begun;
}

Deno.test("a destination gets one connection until there was a session with it, and again after it failed", () => {
  const lane = new Lane<number>("example.org", 20);
  for (let i = 0; i < 10; i++) lane.add(i);
  assertEquals(beginAll(lane), 1);
  lane.countSession(1);
  assert(lane.isMet);
  assert(beginAll(lane) > 0);
  lane.fail(1000, REFUSED);
  assert(!lane.isMet);
});

Deno.test("a destination is begun with few connections and gets one more with each success", () => {
  const lane = laneWith(100);
  const first = beginAll(lane);
  assert(first >= 1 && first <= 5, `${first} at first`);
  for (let i = 0; i < first; i++) {
    lane.ended();
    lane.succeeded();
  }
  assertEquals(beginAll(lane), 2 * first);
});

Deno.test("a destination never gets more connections than its concurrency", () => {
  const lane = laneWith(100, 7);
  for (let i = 0; i < 50; i++) lane.succeeded();
  assertEquals(beginAll(lane), 7);
});

Deno.test("jobs go in the order in which they came", () => {
  const lane = laneWith(3, 1);
  const order: number[] = [];
  while (lane.isReady) {
    order.push(lane.begin());
    lane.ended();
  }
  assertEquals(order, [0, 1, 2]);
});

Deno.test("a destination that rests begins nothing, and gives back the jobs it had", () => {
  const lane = laneWith(3);
  lane.begin();
  assertEquals(lane.fail(1000, REFUSED), [1, 2]);
  assertEquals(lane.state, { kind: "resting", until: 1000, error: REFUSED });
  assert(!lane.hasRoom);
  lane.add(9);
  assert(!lane.isReady);
});

Deno.test("after its rest a destination is probed with one job at a time", () => {
  const lane = laneWith(0);
  lane.fail(1000, REFUSED);
  lane.wake();
  lane.add(1);
  assert(!lane.hasRoom);
  lane.add(2);
  assertEquals(beginAll(lane), 1);
});

Deno.test("a destination that answers again is open, and says that it had been in trouble once", () => {
  const lane = laneWith(0);
  assert(!lane.recover());
  lane.fail(1000, REFUSED);
  assertEquals(lane.failures, 1);
  lane.wake();
  assert(lane.recover());
  assertEquals(lane.failures, 0);
  assert(!lane.recover());
});

Deno.test("mail that waits for a destination is called once, by the first message that had waited itself", () => {
  const lane = laneWith(0);
  assert(!lane.recover());
  assert(lane.recover(true));
  assert(!lane.recover(true));
  lane.fail(1000, REFUSED);
  assert(lane.recover());
  assert(!lane.recover(true));
});

Deno.test("each failed probe is counted until the destination answers", () => {
  const lane = laneWith(0);
  for (let i = 0; i < 3; i++) {
    lane.fail(1000, REFUSED);
    lane.wake();
  }
  assertEquals(lane.failures, 3);
});

Deno.test("parked messages come back in their order when there is room, one for a probe", () => {
  const lane = laneWith(0);
  lane.fail(1000, REFUSED);
  lane.park("a");
  lane.park("b");
  lane.park("a");
  assertEquals(lane.unpark(), undefined);
  lane.wake();
  assertEquals(lane.unpark(), "a");
  lane.add(1);
  assertEquals(lane.unpark(), undefined);
  lane.recover();
  assertEquals(lane.unpark(), "b");
  assertEquals(lane.unpark(), undefined);
});

Deno.test("a message parked after the last one was taken comes back as well", () => {
  const lane = laneWith(0);
  lane.park("a");
  assertEquals(lane.unpark(), "a");
  assertEquals(lane.unpark(), undefined);
  lane.park("b");
  lane.park("c");
  assertEquals([lane.unpark(), lane.unpark(), lane.unpark()], ["b", "c", undefined]);
});

Deno.test("a lane full of jobs asks for parked messages again when it is half empty", () => {
  const lane = laneWith(0, 1);
  let jobs = 0;
  for (; lane.hasRoom; jobs++) lane.add(jobs);
  lane.park("waiting");
  assertEquals(lane.unpark(), undefined);
  for (let i = 0; i < jobs / 2; i++) {
    lane.begin();
    lane.ended();
  }
  assertEquals(lane.unpark(), "waiting");
});

Deno.test("a refused connection beside working ones lowers the concurrency to these", () => {
  const lane = laneWith(50);
  for (let i = 0; i < 20; i++) lane.succeeded();
  beginAll(lane);
  const holds = [1, 2, 3].map(() => new Hold(lane, () => {}));
  for (const hold of holds) hold.take();
  assert(lane.narrow());
  for (let i = 0; i < 20; i++) lane.ended();
  assertEquals(beginAll(lane), 3);
  lane.ended();
  lane.succeeded();
  assertEquals(beginAll(lane), 1, "one success does not bring the refused connection back");
});

Deno.test("a refused connection keeps no job in a destination that rests, beside working ones either", () => {
  const lane = laneWith(2);
  lane.begin();
  lane.begin();
  lane.fail(1000, REFUSED);
  lane.countSession(1);
  assert(!lane.narrow());
});

Deno.test("a refused connection without a working one lowers nothing", () => {
  const lane = laneWith(5);
  const hold = new Hold(lane, () => {});
  hold.take();
  hold.take();
  hold.release();
  hold.release();
  assert(!lane.narrow());
});

Deno.test("the first session with a destination is told of, and no other until it failed", () => {
  const lane = new Lane<number>("example.org", 20);
  let told = 0;
  const holds = [1, 2, 3].map(() => new Hold(lane, () => told++));
  for (const hold of holds.slice(0, 2)) hold.take();
  assertEquals(told, 1);
  lane.fail(1000, REFUSED);
  holds[2]!.take();
  assertEquals(told, 2);
});

Deno.test("a lane is idle when it has neither jobs nor parked messages", () => {
  const lane = laneWith(1);
  assert(!lane.isIdle);
  lane.begin();
  assert(!lane.isIdle);
  lane.ended();
  assert(lane.isIdle);
  lane.park("id");
  assert(!lane.isIdle);
});

Deno.test("a job can be taken out of the middle, and is not begun", () => {
  const lane = laneWith(3, 1);
  assert(lane.remove(1));
  assert(!lane.remove(1));
  assertEquals(lane.waiting(), [0, 2]);
  assertEquals([lane.begin(), lane.remove(0)], [0, false]);
  lane.ended();
  assertEquals(lane.load, { active: 0, waiting: 1, parked: 0 });
  assert(lane.remove(2));
  assert(lane.isIdle);
  assert(!lane.isReady);
});
