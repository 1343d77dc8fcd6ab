import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { clientNetwork, RateLimit } from "../../policy/rate_limit.ts";
import { TestClock } from "../helpers/test_clock.ts";

/** How many of so many takes are granted. */
function granted(limit: RateLimit, takes: number, key = "a"): number {
  let count = 0;
  for (let i = 0; i < takes; i++) if (limit.take(key)) count++;
  return count;
}

Deno.test("a minute's worth may come at once, and no more", () => {
  for (const rate of [1, 2, 3, 7, 600, 3000, 9999]) {
    assertEquals(granted(new RateLimit(rate, new TestClock()), 10_001), rate);
  }
});

Deno.test("what was taken is earned back evenly over a minute", () => {
  const clock = new TestClock();
  const limit = new RateLimit(60, clock);
  assertEquals(granted(limit, 100), 60);
  clock.advance(999);
  assertEquals(granted(limit, 1), 0);
  clock.advance(1);
  assertEquals(granted(limit, 5), 1);
  clock.advance(10_000);
  assertEquals(granted(limit, 100), 10);
  clock.advance(3_600_000);
  assertEquals(granted(limit, 100), 60);
});

Deno.test("one that is steadily refused is let in at the rate all the same", () => {
  const clock = new TestClock();
  const limit = new RateLimit(60, clock);
  let count = 0;
  for (let second = 0; second < 600; second++) {
    count += granted(limit, 50);
    clock.advance(1000);
  }
  assertEquals(count, 60 + 599);
});

Deno.test("whatever comes when, no minute has more than two minutes' worth", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 50 }),
    fc.array(fc.tuple(fc.nat(20_000), fc.nat(60)), { maxLength: 50 }),
    (rate, steps) => {
      const clock = new TestClock();
      const limit = new RateLimit(rate, clock);
      const times: number[] = [];
      for (const [wait, takes] of steps) {
        clock.advance(wait);
        times.push(...Array<number>(granted(limit, takes)).fill(clock.now()));
      }
      for (const from of times) {
        const within = times.filter((at) => at >= from && at < from + 60_000);
        assertLessOrEqual(within.length, 2 * rate);
      }
    },
  ));
});

Deno.test("keys do not count for each other", () => {
  const limit = new RateLimit(2, new TestClock());
  assertEquals([granted(limit, 3, "a"), granted(limit, 3, "b"), granted(limit, 3, "a")], [2, 2, 0]);
});

Deno.test("a rate of 0 is none", () => {
  const limit = new RateLimit(0, new TestClock());
  assertEquals([granted(limit, 10_000), limit.keys], [10_000, 0]);
});

Deno.test("a clock that is set back keeps nobody out for longer than a minute", () => {
  const clock = new TestClock();
  const limit = new RateLimit(2, clock);
  clock.advance(3_600_000);
  assertEquals(granted(limit, 3), 2);
  const earlier = new TestClock(clock.now() - 3_600_000);
  clock.now = () => earlier.now();
  assertEquals(granted(limit, 3), 0);
  earlier.advance(60_000);
  assertEquals(granted(limit, 3), 2);
});

Deno.test("no more keys are kept than agreed, the one longest without a take goes", () => {
  const limit = new RateLimit(1, new TestClock(), 100);
  for (let i = 0; i < 1000; i++) assert(limit.take(`${i}`));
  assertEquals(limit.keys, 100);
  assertEquals([granted(limit, 1, "999"), granted(limit, 1, "900")], [0, 0]);
  assertEquals(granted(limit, 1, "899"), 1);
});

Deno.test("keys that have earned everything back are forgotten as others come", () => {
  const clock = new TestClock();
  const limit = new RateLimit(1, clock);
  for (let i = 0; i < 1000; i++) limit.take(`old ${i}`);
  clock.advance(60_000);
  for (let i = 0; i < 600; i++) limit.take(`new ${i}`);
  assertEquals(limit.keys, 600);
});

Deno.test("an IPv6 client is its /64 network, an IPv4 client its address", () => {
  const networks: [string, string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8:1:2::", "2001:db8:1:2"],
    ["2001:db8:1:2::6", "2001:db8:1:2"],
    ["2001:db8::1:2:3:4", "2001:db8:0:0"],
    ["2001:db8::6", "2001:db8:0:0"],
    ["2001::1:2:3:4:5", "2001:0:0:1"],
    ["::1", "0:0:0:0"],
    ["::", "0:0:0:0"],
    ["64:ff9b::c000:201", "64:ff9b:0:0"],
    ["", ""],
  ];
  for (const [address, network] of networks) assertEquals(clientNetwork(address), network, address);
});
