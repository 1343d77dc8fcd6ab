import { assertEquals, assertRejects } from "@std/assert";
import { ExpiringCache } from "../../deliver/dns_cache.ts";
import { TestClock } from "../helpers/test_clock.ts";

/** Makes values and counts them. */
class Maker {
  made = 0;
  readonly make = (): Promise<number> => Promise.resolve(++this.made);
}

Deno.test("a value is kept for its time, and counts from when it was there", async () => {
  const clock = new TestClock();
  const cache = new ExpiringCache<number>(clock, 10, () => 1000);
  const { promise, resolve } = Promise.withResolvers<number>();
  const first = cache.get("a", () => promise);
  clock.advance(5000);
  const maker = new Maker();
  assertEquals(cache.get("a", maker.make), first);
  resolve(7);
  assertEquals(await first, 7);
  clock.advance(999);
  assertEquals(await cache.get("a", maker.make), 7);
  clock.advance(1);
  assertEquals(await cache.get("a", maker.make), 1);
});

Deno.test("when full, the entry that was made first goes", async () => {
  const clock = new TestClock();
  const cache = new ExpiringCache<number>(clock, 2, () => 1000);
  const maker = new Maker();
  await cache.get("a", maker.make);
  await cache.get("b", maker.make);
  await cache.get("c", maker.make);
  assertEquals(await cache.get("b", maker.make), 2);
  assertEquals(await cache.get("c", maker.make), 3);
  assertEquals(await cache.get("a", maker.make), 4);
});

Deno.test("a failure to make a value is not kept", async () => {
  const cache = new ExpiringCache<number>(new TestClock(), 2, () => 1000);
  await assertRejects(
    () => cache.get("a", () => Promise.reject(new Error("broken"))),
    Error,
    "broken",
  );
  assertEquals(await cache.get("a", new Maker().make), 1);
});
