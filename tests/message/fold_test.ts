import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { encode } from "../../base/bytes.ts";
import { asciiOnly, cut, foldField, foldText, printable } from "../../message/fold.ts";
import { quotedPrintable } from "../../message/quoted_printable.ts";

Deno.test("a field is folded at spaces before column 78", () => {
  const value = "word ".repeat(30).trim();
  const field = foldField("X-Test", value);
  const lines = field.split("\r\n");
  assertEquals(lines.pop(), "");
  assert(lines.length > 1 && lines.every((line) => line.length <= 78));
  assert(lines.slice(1).every((line) => /^ \S/.test(line)));
  assertEquals(field.replaceAll("\r\n", ""), `X-Test: ${value}`);
});

Deno.test("a word that no line can hold is cut between characters", () => {
  const word = "😀".repeat(600);
  assertEquals(cut(word).join(""), word);
  assert(cut(word).every((piece) => piece.isWellFormed() && encode(piece).length <= 998));
  const lines = foldField("X", word).split("\r\n");
  assert(lines.every((line) => encode(line).length <= 998));
});

Deno.test("an empty value is a field all the same", () => {
  assertEquals(foldField("X", ""), "X:\r\n");
  assertEquals(foldText("    ", ""), "\r\n");
});

Deno.test("a line of nothing but unusual white space does not become a blank line", () => {
  const field = foldField("X", "a".repeat(100) + " \u00a0 " + "b".repeat(100));
  assert(!field.includes("\r\n\r\n") && !field.includes("\r\n \r\n"));
});

Deno.test("text is wrapped with its indent on every line", () => {
  const lines = foldText("    ", "word ".repeat(40)).split("\r\n").slice(0, -1);
  assert(lines.length > 1 && lines.every((line) => /^ {4}\S/.test(line) && line.length <= 78));
});

Deno.test("printable text is one bounded line of whole characters", () => {
  assertEquals(printable("a\r\n\tb\0\u0085c\u2028d\x7fe", 100), "a b c d e");
  assertEquals(printable("x".repeat(1_000_000), 1000).length, 1000);
  assertEquals(printable("😀😀", 3), "😀\ufffd");
});

Deno.test("what is not ASCII becomes a question mark, one for each character", () => {
  assertEquals(asciiOnly("aé😀z"), "a??z");
});

Deno.test("any value gives a field that cannot be taken for more than one", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (text) => {
    const field = foldField("X", printable(text, 1000));
    assert(/^X:[^\r\n]*\r\n(?: [^\r\n]+\r\n)*$/.test(field));
    assert(field.split("\r\n").every((line) => encode(line).length <= 998));
  }));
});

Deno.test("quoted-printable encodes what RFC 2045 §6.7 says", () => {
  assertEquals(quotedPrintable("a=b é\tc \r\n\t\r\n.x"), "a=3Db =C3=A9\tc=20\r\n=09\r\n.x");
  const long = quotedPrintable("é".repeat(100));
  assert(long.split("\r\n").every((line) => line.length <= 76 && !/=[0-9A-F]?=$/.test(line)));
  assertEquals(long.replaceAll("=\r\n", ""), "=C3=A9".repeat(100));
});
