import { assertEquals, assertThrows } from "@std/assert";
import { parseDay, parseWhen, whenText } from "../../main/when.ts";

const NOW = new Date(2026, 10, 23, 15, 30, 20).getTime();
const HOUR = 3_600_000;

Deno.test("a moment is a word, a length of time ago, a time of today, a date or ISO 8601", () => {
  const local = (...parts: [number, number, number, number?, number?]) =>
    new Date(...parts).getTime();
  const cases: readonly (readonly [string, number])[] = [
    ["now", NOW],
    ["Today", local(2026, 10, 23)],
    ["yesterday", local(2026, 10, 22)],
    ["2h", NOW - 2 * HOUR],
    ["3d", NOW - 72 * HOUR],
    ["9:05", local(2026, 10, 23, 9, 5)],
    ["2026-11-01", local(2026, 10, 1)],
    ["2026-11-01 08:00", local(2026, 10, 1, 8)],
    ["2026-11-01T08:00", local(2026, 10, 1, 8)],
    ["2026-11-01T08:00:00Z", Date.UTC(2026, 10, 1, 8)],
  ];
  for (const [text, at] of cases) assertEquals(parseWhen(text, NOW), at, text);
});

Deno.test("what is no moment is told with what would be one", () => {
  for (const text of ["", "tomorow", "25:00", "2026-13-01", "11/22/2026", "12", "-2h"]) {
    assertThrows(() => parseWhen(text, NOW), TypeError, '"yesterday"');
  }
});

Deno.test("a day begins and ends at midnight, also in years and months that end", () => {
  assertEquals(parseDay("yesterday", NOW), {
    since: new Date(2026, 10, 22).getTime(),
    until: new Date(2026, 10, 23).getTime(),
  });
  assertEquals(parseDay("2026-12-31", NOW).until, new Date(2027, 0, 1).getTime());
});

Deno.test("a moment of today is shown as its time, any other with its date", () => {
  assertEquals(whenText(NOW, NOW), "15:30:20");
  assertEquals(whenText(new Date(2026, 10, 9, 1, 2, 3).getTime(), NOW), "2026-11-09 01:02:03");
});
