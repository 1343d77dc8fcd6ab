import { assertEquals } from "@std/assert";
import { ContentRate } from "../../transport/content_rate.ts";

Deno.test("content may be slow for the first minute of waiting, and not after it", () => {
  const rate = new ContentRate();
  rate.add(1, 60_000);
  assertEquals(rate.isBelow(100), false);
  rate.add(1, 1);
  assertEquals(rate.isBelow(100), true);
});

Deno.test("content at its least rate may go on for hours", () => {
  const rate = new ContentRate();
  for (let second = 0; second < 10_000; second++) rate.add(100, 1000);
  assertEquals(rate.isBelow(100), false);
  assertEquals(rate.isBelow(101), true);
});

Deno.test("the rate is measured anew after a reset, and any rate will do where none is demanded", () => {
  const rate = new ContentRate();
  rate.add(1, 100_000);
  assertEquals([rate.isBelow(100), rate.isBelow(0)], [true, false]);
  rate.reset();
  assertEquals(rate.isBelow(100), false);
});
