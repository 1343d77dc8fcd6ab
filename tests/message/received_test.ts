import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { decode } from "../../base/bytes.ts";
import { rfc5322Date } from "../../message/date.ts";
import type { ClientInfo } from "../../message/envelope.ts";
import { addressLiteral, receivedHeader, type Trace } from "../../message/received.ts";

const NOW = Date.UTC(2026, 0, 5, 6, 7, 8, 999);
const CLIENT: ClientInfo = {
  address: "192.0.2.1",
  port: 4321,
  helo: "client.example",
  protocol: "ESMTP",
};

function received(client: Partial<ClientInfo> = {}, trace: Partial<Trace> = {}): string {
  return decode(receivedHeader({
    client: { ...CLIENT, ...client },
    hostname: "mx.example.org",
    id: "01JQ0000000000000000000000",
    recipients: ["bob@example.org"],
    now: NOW,
    ...trace,
  }));
}

Deno.test("dates are those of RFC 5322, in UTC", () => {
  assertEquals(rfc5322Date(NOW), "Mon, 05 Jan 2026 06:07:08 +0000");
  assertEquals(rfc5322Date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
  assertEquals(rfc5322Date(NOW + 1), "Mon, 05 Jan 2026 06:07:09 +0000");
  assertEquals(rfc5322Date(NOW), "Mon, 05 Jan 2026 06:07:08 +0000");
});

Deno.test("a Received header goes into the room given, and has its own where that is too small", () => {
  const trace = { client: CLIENT, hostname: "mx.example.org", id: "1", recipients: [], now: NOW };
  const room = new Uint8Array(1024);
  assertEquals(decode(receivedHeader(trace, room)), decode(receivedHeader(trace)));
  assertEquals(receivedHeader(trace, room).buffer, room.buffer);
  assertEquals(receivedHeader(trace, new Uint8Array(10)), receivedHeader(trace));
});

Deno.test("a Received header says from, by, with, id, for and when (RFC 5321 §4.4)", () => {
  assertEquals(
    received(),
    "Received: from client.example ([192.0.2.1])\r\n" +
      "\tby mx.example.org (deno-smtp-server) with ESMTP\r\n" +
      "\tid 01JQ0000000000000000000000\r\n" +
      "\tfor <bob@example.org>;\r\n" +
      "\tMon, 05 Jan 2026 06:07:08 +0000\r\n",
  );
});

Deno.test("a Received header names the TLS version and cipher where they are known", () => {
  const tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", verified: false };
  const header = received({ protocol: "ESMTPS", tls });
  assertMatch(header, / with ESMTPS\r\n\t\(TLSv1\.3 TLS_AES_128_GCM_SHA256\)\r\n\tid /);
  const unnamed = received({ tls: { version: "TLSv1.2+", verified: false } });
  assertMatch(unnamed, /\r\n\t\(TLSv1\.2\+\)\r\n/);
});

Deno.test("an IPv6 client is written as an IPv6 literal", () => {
  assertMatch(received({ address: "2001:db8::1" }), /\(\[IPv6:2001:db8::1\]\)/);
  assertEquals(addressLiteral("192.0.2.1"), "[192.0.2.1]");
});

Deno.test("a message that the library sent has no from clause", () => {
  const header = received({ address: "", port: 0, helo: "", protocol: "" });
  assertMatch(header, /^Received: by mx\.example\.org \(deno-smtp-server\)\r\n\tid /);
});

Deno.test("several recipients are not told of each other", () => {
  const header = received({}, { recipients: ["bob@example.org", "carol@example.org"] });
  assert(!header.includes("for <"));
  assert(!header.includes("@"));
});

Deno.test("a recipient that is internationalised, malformed or overlong is not named", () => {
  const forWhom = (address: string): string => received({}, { recipients: [address] });
  for (
    const bad of [
      "bøb@b.example",
      "b@bücher.example",
      "a\r\nX: y@b",
      "a\u2028@b",
      "a\x85@b",
      "a".repeat(400) + "@b",
    ]
  ) {
    assert(!forWhom(bad).includes("for <"));
  }
});

Deno.test("case 12: a hostile HELO stays harmless and bounded", () => {
  const hostile = "a)\r\nSubject: x\r\n\r\n(é" + "b".repeat(1_000_000);
  const header = received({ helo: hostile });
  assertMatch(header, /^Received: from a\?\?\?Subject:\?x\?{6}b+ \(\[192\.0\.2\.1\]\)\r\n\tby /);
  assertMatch(received({ helo: "" }), /^Received: from unknown /);
  assertMatch(received({ helo: "[IPv6:2001:db8::1]" }), /^Received: from \[IPv6:2001:db8::1\] /);
});

Deno.test("whatever a peer chooses, the header is one field with lines under 998 octets", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (helo, address) => {
      const header = receivedHeader({
        client: {
          ...CLIENT,
          helo: helo.repeat(50),
          tls: { version: helo, cipher: address, verified: false },
        },
        hostname: "mx.example.org",
        id: "01JQ",
        recipients: [address],
        now: NOW,
      });
      const lines = decode(header).split("\r\n");
      assertEquals(lines.pop(), "");
      assert(lines.slice(1).every((line) => line.startsWith("\t") && line.trim() !== ""));
      assert(lines.every((line) => !/[\r\n\0]/.test(line) && line.length <= 998));
    }),
  );
});
