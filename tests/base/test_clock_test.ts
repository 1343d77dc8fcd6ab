import { assertEquals } from "@std/assert";
import { TestClock } from "../helpers/test_clock.ts";

Deno.test("the test clock fires timers in the order of their time and not before", () => {
  const clock = new TestClock(1000);
  const fired: string[] = [];
  clock.after(20, () => fired.push("second"));
  clock.after(10, () => fired.push("first"));
  const cancel = clock.after(15, () => fired.push("cancelled"));
  cancel();
  clock.advance(9);
  assertEquals(fired, []);
  clock.advance(11);
  assertEquals(fired, ["first", "second"]);
  assertEquals(clock.now(), 1020);
});
