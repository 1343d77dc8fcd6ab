import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { concat, encode } from "../../base/bytes.ts";
import { type HelloFacts, helloFacts, readHello } from "../../transport/client_hello.ts";
import type { ByteStream } from "../../transport/stream.ts";
import { extension, hello, records, serverName } from "./hello.ts";

const HELLO = hello(serverName("MX.Example.org"));
const NAMED: HelloFacts = { kind: "whole", serverName: "mx.example.org" };
const UNNAMED: HelloFacts = { kind: "whole" };
const PARTIAL: HelloFacts = { kind: "partial" };

Deno.test("the name in a ClientHello is found once it is all there, and not before", () => {
  const octets = records(HELLO);
  assertEquals(helloFacts(octets), NAMED);
  for (let n = 0; n < octets.length; n++) assertEquals(helloFacts(octets.subarray(0, n)), PARTIAL);
});

Deno.test("a ClientHello may be cut into records of any length", () => {
  for (const size of [1, 2, 3, 7, 50, HELLO.length - 1]) {
    assertEquals(helloFacts(records(HELLO, size)), NAMED);
  }
});

Deno.test("what follows a ClientHello changes nothing", () => {
  assertEquals(helloFacts(concat([records(HELLO), Uint8Array.of(20, 3, 3, 0, 1, 1)])), NAMED);
});

Deno.test("a ClientHello without a name, or with what is none, has no name", () => {
  const others = [[], [serverName("")], [serverName("a b")], [serverName("mx\0.test")]];
  others.push([serverName("mx..test")], [serverName("münchen.test")], [serverName("mx.test", 1)]);
  others.push([extension(0, new Uint8Array(0))], [extension(0, Uint8Array.of(0, 9, 0, 0, 99))]);
  for (const extensions of others) assertEquals(helloFacts(records(hello(...extensions))), UNNAMED);
});

Deno.test("what is no ClientHello has no name, and is not waited for", () => {
  const serverHello = concat([Uint8Array.of(2), HELLO.subarray(1)]);
  for (const octets of [encode("EHLO x\r\n"), Uint8Array.of(128, 46, 1), records(serverHello)]) {
    assertEquals(helloFacts(octets), UNNAMED);
  }
});

Deno.test("a ClientHello that is longer than any is given up", () => {
  const endless = records(concat([Uint8Array.of(1, 255, 255, 255), new Uint8Array(20_000)]));
  assertEquals(helloFacts(endless.subarray(0, 16 * 1024 - 1)), PARTIAL);
  assertEquals(helloFacts(endless.subarray(0, 16 * 1024)), UNNAMED);
  const empty = concat(Array.from({ length: 4000 }, () => Uint8Array.of(22, 3, 1, 0, 0)));
  assertEquals(helloFacts(empty), UNNAMED);
});

Deno.test("no octets make reading a ClientHello fail", () => {
  const changed = fc.tuple(fc.nat(HELLO.length - 1), fc.integer({ min: 0, max: 255 }))
    .map(([at, octet]) => records(HELLO.with(at, octet)));
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), changed), (octets) => {
    const facts = helloFacts(octets);
    if (facts.kind === "whole") assertEquals(typeof (facts.serverName ?? ""), "string");
    else assertEquals(octets.length < 16 * 1024, true);
  }));
});

/** A stream that gives these octets, so many at a time. */
function streamOf(octets: Uint8Array, size: number): ByteStream {
  let at = 0;
  return {
    read(buffer) {
      const part = octets.subarray(at, at + Math.min(size, buffer.length));
      buffer.set(part);
      at += part.length;
      return Promise.resolve(part.length === 0 ? null : part.length);
    },
    write: (octets) => Promise.resolve(octets.length),
    close() {},
  };
}

Deno.test("a ClientHello is read to its end and given back, however it comes", async () => {
  const octets = records(HELLO, 100);
  for (const size of [1, 3, 100, 5000]) {
    const read = await readHello(streamOf(octets, size));
    assertEquals(read, { octets, serverName: "mx.example.org" });
  }
  const cut = octets.subarray(0, 50);
  assertEquals((await readHello(streamOf(cut, 20))).octets, cut);
});
