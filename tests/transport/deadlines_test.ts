import { assertEquals } from "@std/assert";
import { Deadlines, type Watch } from "../../transport/deadlines.ts";
import { TestClock } from "../helpers/test_clock.ts";

const SECOND = 1000;

/** A watch that counts how often its deadline has passed. */
function counted(deadlines: Deadlines): { watch: Watch; passed: () => number } {
  let count = 0;
  const watch = deadlines.watch(() => count++);
  return { watch, passed: () => count };
}

Deno.test("a deadline passes once, not before its time and at most a second late", () => {
  const clock = new TestClock();
  const { watch, passed } = counted(new Deadlines(clock));
  watch.set(30 * SECOND);
  clock.advance(30 * SECOND - 1);
  assertEquals(passed(), 0);
  clock.advance(SECOND);
  assertEquals(passed(), 1);
  clock.advance(300 * SECOND);
  assertEquals(passed(), 1);
  watch.close();
});

Deno.test("a deadline that is set again counts from then, and passes again", () => {
  const clock = new TestClock();
  const { watch, passed } = counted(new Deadlines(clock));
  watch.set(10 * SECOND);
  clock.advance(9 * SECOND);
  watch.set(10 * SECOND);
  clock.advance(9 * SECOND);
  assertEquals(passed(), 0);
  clock.advance(2 * SECOND);
  assertEquals(passed(), 1);
  watch.set(10 * SECOND);
  clock.advance(11 * SECOND);
  assertEquals(passed(), 2);
  watch.close();
});

Deno.test("a deadline that is cleared, or whose watch is closed, does not pass", () => {
  const clock = new TestClock();
  const deadlines = new Deadlines(clock);
  const cleared = counted(deadlines);
  const closed = counted(deadlines);
  cleared.watch.set(SECOND);
  closed.watch.set(SECOND);
  cleared.watch.clear();
  closed.watch.close();
  clock.advance(10 * SECOND);
  assertEquals([cleared.passed(), closed.passed()], [0, 0]);
  cleared.watch.close();
});

Deno.test("one timer serves all watches, and none runs when nothing is watched", () => {
  const clock = new TestClock();
  const deadlines = new Deadlines(clock);
  assertEquals(clock.timers, 0);
  const watches = [counted(deadlines), counted(deadlines)];
  assertEquals(clock.timers, 1);
  clock.advance(5 * SECOND);
  assertEquals(clock.timers, 1);
  for (const { watch } of watches) watch.close();
  assertEquals(clock.timers, 0);
  counted(deadlines).watch.close();
  assertEquals(clock.timers, 0);
});

Deno.test("a watch that ends, and another that begins, while deadlines are looked at leave one timer", () => {
  const clock = new TestClock();
  const deadlines = new Deadlines(clock);
  let successor: Watch | undefined;
  const watch = deadlines.watch(() => {
    watch.close();
    successor = deadlines.watch(() => {});
  });
  watch.set(SECOND);
  clock.advance(2 * SECOND);
  assertEquals(clock.timers, 1);
  successor!.close();
  assertEquals(clock.timers, 0);
});

Deno.test("a watch whose end throws does not stop the deadlines of the others", () => {
  const clock = new TestClock();
  const deadlines = new Deadlines(clock);
  const faulty = deadlines.watch(() => {
    throw new Error("a fault");
  });
  const { watch, passed } = counted(deadlines);
  faulty.set(SECOND);
  watch.set(SECOND);
  try {
    clock.advance(2 * SECOND);
  } catch {
    // The fault reaches the timer, as it must.
  }
  clock.advance(2 * SECOND);
  assertEquals(passed(), 1);
  faulty.close();
  watch.close();
});
