import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { concat, encode } from "../../base/bytes.ts";
import { type ProxyFacts, proxyFacts } from "../../transport/proxy_header.ts";

const SIGNATURE = encode("\r\n\r\n\0\r\nQUIT\n");

/** A header of version 2. */
function binary(
  command: number,
  family: number,
  rest: Uint8Array,
  length = rest.length,
): Uint8Array {
  return concat([SIGNATURE, Uint8Array.of(command, family, length >> 8, length & 255), rest]);
}

const V4 = Uint8Array.of(192, 0, 2, 1, 198, 51, 100, 2, 0x1f, 0x90, 0, 25);
const V6 = new Uint8Array(36);
V6.set([0x20, 0x01, 0x0d, 0xb8], 0);
V6[15] = 1;
V6.set([0xff, 0xff], 32);
const MAPPED = V6.slice().fill(0, 0, 16);
MAPPED.set([0xff, 0xff, 192, 0, 2, 1], 10);

/** Headers, and the client that each one names. */
const HEADERS: readonly (readonly [Uint8Array, string | undefined, number?])[] = [
  [encode("PROXY TCP4 192.0.2.1 198.51.100.2 8080 25\r\n"), "192.0.2.1", 8080],
  [encode("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255", 65535],
  [encode("PROXY TCP6 2001:DB8::1 ::1 0 25\r\n"), "2001:db8::1", 0],
  [encode("PROXY TCP6 ::ffff:192.0.2.1 ::1 8080 25\r\n"), "192.0.2.1", 8080],
  [encode("PROXY UNKNOWN\r\n"), undefined],
  [encode("PROXY UNKNOWN ffff:f...f:ffff 65535 whatever\r\n"), undefined],
  [binary(0x21, 0x11, V4), "192.0.2.1", 8080],
  [binary(0x21, 0x11, concat([V4, Uint8Array.of(3, 0, 4, 1, 2, 3, 4)])), "192.0.2.1", 8080],
  [binary(0x21, 0x21, V6), "2001:db8::1", 65535],
  [binary(0x21, 0x21, MAPPED), "192.0.2.1", 65535],
  [binary(0x20, 0x00, new Uint8Array(0)), undefined],
  [binary(0x20, 0x11, V4), undefined],
  [binary(0x21, 0x00, new Uint8Array(7)), undefined],
];

for (const [octets, address, port] of HEADERS) {
  const shown = JSON.stringify(String.fromCharCode(...octets.subarray(0, 60)));
  Deno.test(`the header ${shown} names ${address ?? "no client"}, and not before it is whole`, () => {
    const expected: ProxyFacts = { kind: "header", length: octets.length };
    const client = address === undefined ? {} : { client: { address, port: port! } };
    assertEquals(proxyFacts(octets), { ...expected, ...client });
    assertEquals(proxyFacts(concat([octets, encode("EHLO x\r\n")])), { ...expected, ...client });
    for (let n = 0; n < octets.length; n++) {
      assertEquals(proxyFacts(octets.subarray(0, n)), { kind: "partial" });
    }
  });
}

const NONE: readonly Uint8Array[] = [
  "EHLO client.example\r\n",
  "proxy TCP4 192.0.2.1 198.51.100.2 8080 25\r\n",
  "PROXY TCP4 192.0.2.1 198.51.100.2 8080 25\n\r\n",
  "PROXY TCP4  192.0.2.1 198.51.100.2 8080 25\r\n",
  "PROXY TCP4 192.0.2.1 198.51.100.2 8080 25 \r\n",
  "PROXY TCP4 192.0.2.01 198.51.100.2 8080 25\r\n",
  "PROXY TCP4 192.0.2.1 198.51.100 8080 25\r\n",
  "PROXY TCP4 192.0.2.1 198.51.100.2 08080 25\r\n",
  "PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n",
  "PROXY TCP4 192.0.2.1 198.51.100.2 -1 25\r\n",
  "PROXY TCP4 192.0.2.1 198.51.100.2 8080\r\n",
  "PROXY TCP4 ::1 ::1 8080 25\r\n",
  "PROXY TCP6 192.0.2.1 198.51.100.2 8080 25\r\n",
  "PROXY TCP6 fe80::1%lo ::1 8080 25\r\n",
  "PROXY TCP5 192.0.2.1 198.51.100.2 8080 25\r\n",
  "PROXY UNKNOWNS\r\n",
  "PROXY UNKNOWN a\0b\r\n",
  "PROXY \r\n",
  "PROXY UNKNOWN " + "x".repeat(92) + "\r\n",
  "PROXY TCP4 " + "1".repeat(200),
].map((text): Uint8Array => encode(text)).concat([
  binary(0x11, 0x11, V4),
  binary(0x22, 0x11, V4),
  binary(0x21, 0x12, V4),
  binary(0x21, 0x31, new Uint8Array(216)),
  binary(0x21, 0x11, V4.subarray(1)),
  binary(0x21, 0x21, V4),
  binary(0x21, 0x11, V4, 4097),
]);

for (const octets of NONE) {
  const shown = JSON.stringify(String.fromCharCode(...octets.subarray(0, 60)));
  Deno.test(`${shown} is no header`, () => {
    assertEquals(proxyFacts(octets).kind, "none");
  });
}

Deno.test("no octets are waited on for more than a header may have, or make reading fail", () => {
  const anything = fc.uint8Array({ maxLength: 5000 });
  const begun = fc.tuple(fc.constantFrom(SIGNATURE, encode("PROXY ")), anything).map(concat);
  fc.assert(fc.property(fc.oneof(anything, begun), (octets) => {
    const facts = proxyFacts(octets);
    if (facts.kind === "partial") assert(octets.length < 16 + 4096);
    if (facts.kind === "header") assert(facts.length <= octets.length);
  }));
});
