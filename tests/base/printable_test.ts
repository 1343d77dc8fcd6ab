import { assert, assertEquals } from "@std/assert";
import { escapeMisleading, isPrintable, printable } from "../../base/printable.ts";

/** One of each kind that may not be shown as it is: NUL, a line end, ESC, DEL, CSI, a line separator, an override, an isolate. */
const UNPRINTABLE = ["\0", "\r\n", "\x1b", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066"];

/** What is not seen, but belongs to text in some scripts. */
const INVISIBLE = ["\u00ad", "\u061c", "\u200d", "\u200f", "\ufeff"];

Deno.test("text on one line has a space for each run of what is no text", () => {
  assertEquals(printable(UNPRINTABLE.map((text) => `a${text}b`).join("")), "a b".repeat(8));
  assertEquals(printable("a\r\n\x1b[31mb"), "a [31mb");
});

Deno.test("text of every script stays as it is", () => {
  for (const text of ["Grüße, 世界", "می\u200cخواهم", "👨\u200d👩\u200d👧", "~ !"]) {
    assertEquals(printable(text), text);
  }
});

Deno.test("what may mislead is told from what shows all there is", () => {
  for (const text of [...UNPRINTABLE, ...INVISIBLE]) {
    assert(!isPrintable(`a${text}b`), JSON.stringify(text));
  }
  for (const text of ["", "a b", "Grüße, 世界"]) assert(isPrintable(text));
});

Deno.test("JSON without what may mislead says the same", () => {
  const value = [...UNPRINTABLE, ...INVISIBLE, "世界"];
  const escaped = escapeMisleading(JSON.stringify(value));
  assert(isPrintable(escaped));
  assertEquals(JSON.parse(escaped), value);
});
