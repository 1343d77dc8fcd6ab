import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { concat, decode, encode } from "../../base/bytes.ts";
import { fieldsOf, valueOf } from "../../message/fields.ts";
import { HeaderScanner } from "../../message/headers.ts";
import { mailboxesIn } from "../../message/mailbox_list.ts";

/** Values and the addresses in them. */
const READ: readonly (readonly [string, readonly string[] | undefined])[] = [
  ["anna@example.org", ["anna@example.org"]],
  ["<anna@example.org>", ["anna@example.org"]],
  ["Anna <anna@example.org>", ["anna@example.org"]],
  ["Anna B. Carlson <anna@example.org>", ["anna@example.org"]],
  ['"Anna, <x@y>" <anna@example.org>', ["anna@example.org"]],
  ["=?utf-8?q?=C3=84nna?= <anna@example.org>", ["anna@example.org"]],
  ["Änna <änna@example.org>", ["änna@example.org"]],
  ["(x@y) anna(1)@(2)example.org ((3)\\) <z@z>)", ["anna@example.org"]],
  ["anna . b @ example . org", ["anna.b@example.org"]],
  ['"anna b"@example.org', ['"anna b"@example.org']],
  ["anna@[192.0.2.1]", ["anna@[192.0.2.1]"]],
  ["a@x.org, B <b@y.org>", ["a@x.org", "b@y.org"]],
  ["", undefined],
  ["anna", undefined],
  ["Anna", undefined],
  ["<>", undefined],
  ["anna@", undefined],
  ["@example.org", undefined],
  ["a@b@c", undefined],
  ["anna@example.org evil@evil.test", undefined],
  ["anna@example.org <evil@evil.test>", undefined],
  ["<anna@example.org> <evil@evil.test>", undefined],
  ["<anna@example.org", undefined],
  ["<@a,@b:anna@example.org>", undefined],
  ["group: anna@example.org;", undefined],
  ["undisclosed:;", undefined],
  ["a@x.org,", undefined],
  ["a..b@x.org", undefined],
  ["(anna@example.org", undefined],
  ['"anna@example.org', undefined],
  ['"a\nb" <a@x.org>', undefined],
  ["a\0@x.org", undefined],
  ['"a\0"@x.org', undefined],
];
for (const [value, mailboxes] of READ) {
  Deno.test(`the mailboxes in ${JSON.stringify(value)} are ${JSON.stringify(mailboxes) ?? "none"}`, () => {
    assertEquals(mailboxesIn(value), mailboxes && [...mailboxes]);
  });
}

Deno.test("any value is read without throwing, and what is read stands in it", () => {
  const piece = fc.constantFrom(
    "a",
    ".",
    "@",
    "<",
    ">",
    ",",
    '"',
    "(",
    ")",
    "\\",
    " ",
    "[",
    "]",
    ":",
    "b c",
  );
  fc.assert(fc.property(fc.array(piece), (pieces) => {
    const value = pieces.join("");
    for (const mailbox of mailboxesIn(value) ?? []) assert(mailbox.includes("@"), value);
  }));
});

Deno.test("hostile values are judged in time", () => {
  const began = performance.now();
  for (const unit of ["(", '"', "<", "a.", "a,", "(a)", "\\", "a@"]) {
    mailboxesIn(unit.repeat(8000));
    mailboxesIn(unit.repeat(100_000));
  }
  assertLess(performance.now() - began, 1000);
});

Deno.test("fields are cut where they begin, and nothing is lost between them", () => {
  const line = fc.constantFrom("From: a@b\r\n", " more\r\n", "\tx\r\n", "X: \r\n", "b:c\r\n", "Y:");
  fc.assert(fc.property(fc.array(line), (lines) => {
    const section = encode(lines.join(""));
    const fields = fieldsOf(section);
    assertEquals(decode(concat(fields.map(({ octets }) => octets))), lines.join(""));
  }));
});

Deno.test("a field is found whatever stands between its name and its colon", () => {
  for (const written of ["From:x", "fROM :x", `From${" ".repeat(500)}\t: x`]) {
    const [field] = fieldsOf(encode(written + "\r\n"));
    assertEquals([field!.name, valueOf(field!)], ["from", "x"]);
  }
  const folded = fieldsOf(encode("From: A\r\n\t<a@b>\r\n  \r\nTo: c\r\n"));
  assertEquals(folded.map((field) => [field.name, valueOf(field)]), [
    ["from", "A\t<a@b>"],
    ["to", "c"],
  ]);
});

Deno.test("the fields of a section are those that the scanner counts", () => {
  const name = fc.constantFrom("From", "from ", "FROM\t", "Received", "X-From", "Date");
  fc.assert(fc.property(fc.array(name), (names) => {
    const section = encode(names.map((one) => `${one}: x\r\n`).join(""));
    const scanner = new HeaderScanner();
    scanner.write(section);
    const found = fieldsOf(section).map((field) => field.name);
    assertEquals(found.includes("from"), scanner.facts.hasFrom);
    assertEquals(found.filter((one) => one === "received").length, scanner.facts.received);
  }));
});
