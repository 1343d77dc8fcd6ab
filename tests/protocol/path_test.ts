import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { canonicalDomain, isHeloName } from "../../protocol/domain.ts";
import { splitMailbox } from "../../protocol/mailbox.ts";
import { parsePath } from "../../protocol/path.ts";

/** Paths that are ones, with the address and domain they give. */
const GOOD: readonly [path: string, address: string, domain: string][] = [
  ["<>", "", ""],
  ["<a@b>", "a@b", "b"],
  ["<a.b+c=d@Mail.Example.COM>", "a.b+c=d@Mail.Example.COM", "mail.example.com"],
  ["<!#$%&'*+-/=?^_`{|}~@b.example>", "!#$%&'*+-/=?^_`{|}~@b.example", "b.example"],
  ['<"a b"@c.example>', '"a b"@c.example', "c.example"],
  ['<""@c.example>', '""@c.example', "c.example"],
  ['<"a\\"b\\\\c>d@e"@f.example>', '"a\\"b\\\\c>d@e"@f.example', "f.example"],
  ["<postmaster>", "postmaster", ""],
  ["<@a.example:b@c.example>", "b@c.example", "c.example"],
  ["<@a.example,@[1.2.3.4]:b@c.example>", "b@c.example", "c.example"],
  ["<a@[192.0.2.1]>", "a@[192.0.2.1]", "[192.0.2.1]"],
  ["<a@[IPv6:2001:DB8::1]>", "a@[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]"],
  ["<a@[x-y:b@c>d]>", "a@[x-y:b@c>d]", "[x-y:b@c>d]"],
  ["<ü@bücher.example>", "ü@bücher.example", "xn--bcher-kva.example"],
  ['<"ü ö"@example>', '"ü ö"@example', "example"],
  ["<😀@example>", "😀@example", "example"],
  ["<a@ＵＳ.example>", "a@ＵＳ.example", "us.example"],
  [`<${"a".repeat(64)}@b>`, "a".repeat(64) + "@b", "b"],
  [`<a@${"b".repeat(63)}.example>`, `a@${"b".repeat(63)}.example`, `${"b".repeat(63)}.example`],
];
for (const [path, address, domain] of GOOD) {
  Deno.test(`the path ${path.slice(0, 40)} is one`, () => {
    const result = parsePath(`${path} X=1`, 0, "5.1.3");
    assertEquals(result, { ok: true, value: { address, domain, end: path.length } });
  });
}

const BAD: readonly string[] = [
  "",
  "a@b",
  "<a@b",
  "<a@b]>",
  "<@>",
  "<@a>",
  "<@a:>",
  "<@a,b@c>",
  "<@a,:b@c>",
  "<@a b:c@d>",
  "<:a@b>",
  "<a@@b>",
  "<a@b@c>",
  "<.a@b>",
  "<a.@b>",
  "<a..b@c>",
  "<a b@c>",
  "<a@b c>",
  "<a,b@c>",
  "<(a)b@c>",
  "<a\tb@c>",
  "<a\x7fb@c>",
  '<"a@b>',
  '<"a"b@c>',
  '<a"b"@c>',
  '<"a\\"@b>',
  '<"a\tb"@c>',
  '<"a\\\t"@c>',
  "<a@b.>",
  "<a@.b>",
  "<a@b..c>",
  "<a@-b>",
  "<a@b->",
  "<a@b_c>",
  "<a@[1.2.3.4>",
  "<a@[1.2.3.4]x>",
  "<a@[1.2.3]>",
  "<a@[01.2.3.4]>",
  "<a@[IPv6:1.2.3.4]>",
  "<a@[IPv6:::1%lo]>",
  "<a@[]>",
  "<a@[x:]>",
  "<a@[x-:y]>",
  "<a@[x:\u212a]>",
  "<@bücher.example:a@b>",
  "<a@[x:y[z]>",
  "<a@℀.example>",
  "<a@ü .example>",
  "<a@ü..example>",
  `<${"a".repeat(65)}@b>`,
  `<${"ü".repeat(33)}@b>`,
  `<a@${"b".repeat(64)}.example>`,
  `<a@${"ü".repeat(60)}.example>`,
  `<a@${"b.".repeat(127)}bb>`,
  `<${"a".repeat(64)}@${"b.".repeat(95)}b>`,
];
for (const path of BAD) {
  Deno.test(`${JSON.stringify(path.slice(0, 40))} is no path`, () => {
    const result = parsePath(path, 0, "5.1.7");
    assert(!result.ok);
    assertEquals([result.reply.code, result.reply.enhanced], [501, "5.1.7"]);
  });
}

Deno.test("a path of 256 octets is taken, one of 257 is not", () => {
  const path = (length: number): string => {
    const domain = length - "<>@".length - 64;
    const last = domain % 2 === 0 ? "bb" : "b";
    return `<${"a".repeat(64)}@${"b.".repeat((domain - last.length) / 2)}${last}>`;
  };
  assertEquals(path(256).length, 256);
  assert(parsePath(path(256), 0, "5.1.3").ok);
  assertEquals(path(257).length, 257);
  assert(!parsePath(path(257), 0, "5.1.3").ok);
});

Deno.test("no text makes the parser throw, and what it takes stays within the text and the limits", () => {
  const piece = fc.constantFrom(
    ...'<>@"\\.,:[]ab -%!üﬀ\u2028\u0085\r\n\0'.split(""),
    "IPv6:",
    "ab.c",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
    const text = "<" + pieces.join("");
    const result = parsePath(text, 0, "5.1.3");
    if (!result.ok) return;
    const { address, domain, end } = result.value;
    assertEquals(text[end - 1], ">");
    assert(text.slice(0, end - 1).endsWith(address));
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(address));
    assertEquals(canonicalDomain(splitMailbox(address).domain) ?? "", domain);
  }));
});

Deno.test("a mailbox falls apart at the @ behind its local part", () => {
  assertEquals(splitMailbox("a@b"), { localPart: "a", domain: "b" });
  assertEquals(splitMailbox('"a@b"@c'), { localPart: '"a@b"', domain: "c" });
  assertEquals(splitMailbox('"a\\"@b"@c'), { localPart: '"a\\"@b"', domain: "c" });
  assertEquals(splitMailbox("a@[x:b@c]"), { localPart: "a", domain: "[x:b@c]" });
  assertEquals(splitMailbox("postmaster"), { localPart: "postmaster", domain: "" });
  assertEquals(splitMailbox(""), { localPart: "", domain: "" });
  assertEquals(splitMailbox("a b@c"), { localPart: "a b@c", domain: "" });
});

Deno.test("a domain has one form: lower case, A-labels, no trailing dot", () => {
  assertEquals(canonicalDomain("Example.COM"), "example.com");
  assertEquals(canonicalDomain("example.com."), "example.com");
  assertEquals(canonicalDomain("BÜCHER.example."), "xn--bcher-kva.example");
  assertEquals(canonicalDomain("例え。テスト"), "xn--r8jz45g.xn--zckzah");
  assertEquals(canonicalDomain("[192.0.2.1]"), "[192.0.2.1]");
  assertEquals(canonicalDomain("[IPv6:2001:DB8::A]"), "[ipv6:2001:db8::a]");
  assertEquals(canonicalDomain("localhost"), "localhost");
});

Deno.test("what is no domain has none", () => {
  const bad = [
    "",
    ".",
    "..",
    "a..b",
    ".a",
    "a b",
    "a_b",
    "-a",
    "a-",
    "a@b",
    "a/b",
    "[",
    "[]",
    "[a",
  ];
  for (
    const text of [...bad, "[1.2.3.4", "a.b..", "ü\0", "xn--a.ü", "[" + "x:".repeat(200) + "]"]
  ) {
    assertEquals(canonicalDomain(text), undefined, text);
  }
  assertEquals(canonicalDomain("a".repeat(256)), undefined);
});

Deno.test("the canonical form of a domain is its own canonical form", () => {
  const label = fc.string({ unit: fc.constantFrom(..."aZ9-üßé。.あ"), maxLength: 8 });
  fc.assert(fc.property(label, (text) => {
    const canonical = canonicalDomain(text);
    if (canonical !== undefined) assertEquals(canonicalDomain(canonical), canonical);
  }));
});

Deno.test("HELO takes host names that are a little wrong, and nothing that is no name", () => {
  for (const name of ["a", "A-B_c.example.", "-a", "127.0.0.1", "[127.0.0.1]", "[IPv6:::1]"]) {
    assert(isHeloName(name), name);
  }
  for (const name of ["", ".", "a..b", "a b", "a@b", "::1", "[::1]", "[", "ü", "a".repeat(64)]) {
    assert(!isHeloName(name), name);
  }
});
