import { assertEquals } from "@std/assert";
import { fitted, widthOf, wrapped } from "../../main/text_width.ts";

Deno.test("letters of East Asian scripts and emoji are two columns wide, marks none", () => {
  const texts = ["abc", "漢字", "ｱ", "한국", "e\u0301", "📬", "…", ""];
  assertEquals(texts.map(widthOf), [3, 4, 1, 4, 1, 2, 1, 0]);
});

Deno.test("a text is filled or cut to exactly its width, whatever stands at the cut", () => {
  assertEquals(fitted("abc", 5), "abc  ");
  assertEquals(fitted("abcdef", 5), "abcd…");
  assertEquals(fitted("漢字漢字", 6), "漢字… ");
  for (const text of ["漢字漢字漢字", "a漢字漢字", "e\u0301e\u0301e\u0301", "📬📬📬"]) {
    for (let width = 0; width < 14; width++) assertEquals(widthOf(fitted(text, width)), width);
  }
});

Deno.test("text is broken at spaces, and in a word only where it is wider than a line", () => {
  assertEquals(wrapped("one two three", 8), ["one two", "three"]);
  assertEquals(wrapped("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
  assertEquals(wrapped("", 4), [""]);
  assertEquals(wrapped("one two", Infinity), ["one two"]);
});
