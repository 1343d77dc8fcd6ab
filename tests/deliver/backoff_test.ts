import { assert, assertEquals } from "@std/assert";
import { DEFAULT_DELIVERY } from "../../config/config.ts";
import { backoff, rest } from "../../deliver/backoff.ts";

const schedule = DEFAULT_DELIVERY.retry;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MIDDLE = 0.5;

Deno.test("the wait doubles from five minutes up to four hours", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => backoff(n, schedule, MIDDLE) / MINUTE);
  assertEquals(waits, [5, 10, 20, 40, 80, 160, 240, 240]);
});

Deno.test("the wait stays at its longest after any number of attempts", () => {
  assertEquals(backoff(10_000, schedule, MIDDLE), 4 * HOUR);
});

Deno.test("the jitter makes a wait at most a tenth shorter or longer", () => {
  assertEquals(backoff(1, schedule, 0), 4.5 * MINUTE);
  const latest = backoff(1, schedule, 0.999999);
  assert(latest > 5.49 * MINUTE && latest <= 5.5 * MINUTE, `${latest}`);
});

Deno.test("a destination rests longer after each failed probe, and never for hours", () => {
  const rests = [1, 2, 3, 4, 50].map((n) => rest(n, schedule, MIDDLE) / MINUTE);
  assertEquals(rests, [5, 10, 20, 20, 20]);
});
