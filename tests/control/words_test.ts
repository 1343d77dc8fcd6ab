import { assertEquals } from "@std/assert";
import {
  hopText,
  listText,
  sizeText,
  spanText,
  untilText,
  withTimes,
} from "../../control/words.ts";

Deno.test("a length of time is written with at most two units, the second only where the first is few", () => {
  const spans: readonly (readonly [number, string])[] = [
    [0, "0 ms"],
    [999.4, "999 ms"],
    [1000, "1 s"],
    [1500, "1.5 s"],
    [59_000, "59 s"],
    [60_000, "1 min"],
    [270_000, "4 min 30 s"],
    [599_999, "10 min"],
    [3_599_999, "60 min"],
    [7_260_000, "2 h 1 min"],
    [43_260_000, "12 h"],
    [273_600_000, "3 d 4 h"],
    [-5, "0 ms"],
  ];
  for (const [ms, text] of spans) assertEquals(spanText(ms), text, String(ms));
});

Deno.test("a moment is before, after or now", () => {
  assertEquals(untilText(240_000, 0), "in 4 min");
  assertEquals(untilText(0, 7_200_000), "2 h ago");
  assertEquals(untilText(500, 0), "now");
});

Deno.test("a size has three digits at most", () => {
  const sizes = [0, 1023, 1024, 10_188, 10_240, 1_048_575, 5e12];
  const texts = ["0 B", "1023 B", "1.0 KiB", "9.9 KiB", "10 KiB", "1.0 MiB", "4.5 TiB"];
  assertEquals(sizes.map(sizeText), texts);
});

Deno.test("a list of many names the first of them", () => {
  assertEquals(listText(["a", "b", "c"]), "a, b, c");
  assertEquals(listText(["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
});

Deno.test("a hop is the host with the address at which it was reached", () => {
  assertEquals(hopText("mx.example.org", "192.0.2.1:25"), "mx.example.org[192.0.2.1]:25");
  assertEquals(hopText("mx.example.org", "[2001:db8::1]:25"), "mx.example.org[2001:db8::1]:25");
  assertEquals(hopText("192.0.2.1", "192.0.2.1:2525"), "192.0.2.1:2525");
  assertEquals(hopText("mx.example.org", undefined), "mx.example.org");
});

Deno.test("times in a text are written anew, and nothing else", () => {
  const text = "tried again at 2026-01-01T00:20:48Z: retry 3, not 2026-99-01T00:00:00Z";
  const told = "tried again at 1767226848000: retry 3, not 2026-99-01T00:00:00Z";
  assertEquals(withTimes(text, String), told);
});
