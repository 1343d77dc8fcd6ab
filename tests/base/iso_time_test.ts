import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { isoTime } from "../../base/iso_time.ts";

const BEGIN = Date.UTC(2026, 0, 1);
/** The last time that there is (ECMA-262 §21.4.1.1), ms since 1970. */
const LAST = 8.64e15;

Deno.test("a time is written in ISO 8601, whichever came before it", () => {
  const time = fc.oneof(
    fc.integer({ min: BEGIN, max: BEGIN + 3 }),
    fc.double({ min: -LAST, max: LAST, noNaN: true }),
  );
  fc.assert(fc.property(fc.array(time), (times) => {
    for (const ms of times) assertEquals(isoTime(ms), new Date(ms).toISOString());
  }));
});

Deno.test("times of several seconds are told apart, whichever came before", () => {
  for (const ms of [0, 999, 1000, 0, 2999, 3000, -1, -1000, -1001, 999.9, -0.5]) {
    assertEquals(isoTime(BEGIN + ms), new Date(BEGIN + ms).toISOString());
    assertEquals(isoTime(ms), new Date(ms).toISOString());
  }
});

Deno.test("what is no time is refused each time", () => {
  for (const ms of [NaN, Infinity, LAST + 1, -Infinity, NaN]) {
    assertThrows(() => isoTime(ms), RangeError);
  }
});
