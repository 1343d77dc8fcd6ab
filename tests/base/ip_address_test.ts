import { assertEquals } from "@std/assert";
import { canonicalAddress, isLoopback } from "../../base/ip_address.ts";

const FORMS: Record<string, string | undefined> = {
  "192.0.2.1": "192.0.2.1",
  "2001:DB8:0:0:0:0:0:1": "2001:db8::1",
  "2001:db8::1": "2001:db8::1",
  "::ffff:192.0.2.1": "192.0.2.1",
  "::FFFF:c000:0201": "192.0.2.1",
  "::": "::",
  "::192.0.2.1": "::c000:201",
  "192.0.2.01": undefined,
  "192.0.2": undefined,
  "3221225985": undefined,
  "fe80::1%eth0": undefined,
  "[::1]": undefined,
  "localhost": undefined,
  "": undefined,
};

for (const [text, expected] of Object.entries(FORMS)) {
  Deno.test(`the usual form of the address "${text}" is ${expected}`, () => {
    assertEquals(canonicalAddress(text), expected);
  });
}

Deno.test("loopback is 127.0.0.0/8 and ::1, however they are written, and nothing else", () => {
  const own = ["127.0.0.1", "127.255.0.53", "::1", "0:0::1", "::ffff:127.0.0.1"];
  assertEquals(own.filter((text) => !isLoopback(text)), []);
  const others = ["128.0.0.1", "192.0.2.127", "::2", "fe80::1%lo", "::", "127.1", "localhost", ""];
  assertEquals(others.filter(isLoopback), []);
});
