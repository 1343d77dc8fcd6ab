import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { encode } from "../../base/bytes.ts";
import { hasEightBit, nextUpToCr, viewOf } from "../../base/scan.ts";

/** Octets around every border that the scanning of four at once knows. */
const octets = fc.uint8Array({ maxLength: 40 }).map((some) =>
  some.map((octet) => [octet, 13, 14, 127, 128, 141, 142, 255][octet % 8]!)
);

Deno.test("the next octet up to CR is found wherever the search begins", () => {
  fc.assert(fc.property(octets, (bytes) => {
    for (let at = 0; at <= bytes.length; at++) {
      const found = bytes.findIndex((octet, i) => i >= at && octet <= 13);
      assertEquals(nextUpToCr(viewOf(bytes), at), found < 0 ? bytes.length : found);
    }
  }));
});

Deno.test("each octet alone is told from those above CR, at each of eight places", () => {
  for (let octet = 0; octet < 256; octet++) {
    for (let place = 0; place < 8; place++) {
      const bytes = encode("xxxxxxxx");
      bytes[place] = octet;
      assertEquals(nextUpToCr(viewOf(bytes), 0), octet <= 13 ? place : 8);
      assertEquals(hasEightBit(bytes), octet > 127);
    }
  }
});

Deno.test("a view begins and ends where its octets do", () => {
  const bytes = encode("\rabcdefg\r").subarray(1, 8);
  assertEquals(nextUpToCr(viewOf(bytes), 0), 7);
});
