import { assertEquals, assertThrows } from "@std/assert";
import { nameOfMachine, parseDomain, parseMailbox } from "../../config/domain_name.ts";
import { parseListen, parseNameServer } from "../../config/listen.ts";
import { parseNetwork } from "../../config/network.ts";
import { parseSmarthost, withoutUserinfo } from "../../config/smarthost.ts";
import { durationText, parseDuration, parseSize } from "../../config/units.ts";

/** Asserts that each text is refused with a `TypeError` that says `message`. */
function assertRefused(parse: (text: string) => unknown, refused: Record<string, string>): void {
  for (const [text, message] of Object.entries(refused)) {
    assertThrows(() => parse(text), TypeError, message, `"${text}" was taken`);
  }
}

Deno.test("a listening address is a port, a host with a port, or smtps:// before either", () => {
  assertEquals(parseListen(":2525"), { port: 2525, tls: false });
  assertEquals(parseListen("2525"), { port: 2525, tls: false });
  assertEquals(parseListen(":0"), { port: 0, tls: false });
  assertEquals(parseListen("127.0.0.1:25"), { hostname: "127.0.0.1", port: 25, tls: false });
  assertEquals(parseListen("[::1]:25"), { hostname: "::1", port: 25, tls: false });
  assertEquals(parseListen("LocalHost:25"), { hostname: "localhost", port: 25, tls: false });
  assertEquals(parseListen("smtp://localhost:25"), {
    hostname: "localhost",
    port: 25,
    tls: false,
  });
  assertEquals(parseListen("smtps://[::]:465"), { hostname: "::", port: 465, tls: true });
  assertEquals(parseListen("smtps://:465"), { port: 465, tls: true });
  assertEquals(parseListen("submission://:587"), { port: 587, tls: false, role: "submission" });
  assertEquals(parseListen("submissions://[::1]:465"), {
    hostname: "::1",
    port: 465,
    tls: true,
    role: "submission",
  });
});

Deno.test("what is no listening address is refused with the reason", () => {
  assertRefused(parseListen, {
    "": "port is missing",
    "localhost": "port is missing",
    "smtps://localhost": "port is missing",
    ":65536": "from 0 to 65535",
    ":smtp": "expected HOST:PORT",
    "http://localhost:25": "expected HOST:PORT",
    "::1:25": "in brackets",
    "[127.0.0.1]:25": "expected an IPv6 address in the brackets",
    "[::1:25": "expected HOST:PORT",
    "127.0.0:25": "neither a host name nor an IP address",
    "127.0.0.256:25": "neither a host name nor an IP address",
    "a b:25": "neither a host name nor an IP address",
    "*:25": "neither a host name nor an IP address",
    "localhost:25\n": "expected HOST:PORT",
  });
});

Deno.test("a name server is an IP address, on port 53 unless another is given", () => {
  assertEquals(parseNameServer("192.0.2.1"), { host: "192.0.2.1", port: 53 });
  assertEquals(parseNameServer("[::1]:5353"), { host: "::1", port: 5353 });
  assertRefused(parseNameServer, {
    "dns.example:53": "expected the IP address",
    "192.0.2.1:0": "from 1 to 65535",
    ":53": "expected the IP address",
  });
});

Deno.test("a smarthost's URL gives host, port, kind of TLS and credentials", () => {
  assertEquals(parseSmarthost("smtp://mail.example.org"), {
    host: "mail.example.org",
    port: 25,
    implicitTls: false,
  });
  assertEquals(parseSmarthost("smtps://us%40er:p%3A%20w@[2001:db8::1]/"), {
    host: "2001:db8::1",
    port: 465,
    implicitTls: true,
    user: "us@er",
    password: "p: w",
  });
  assertEquals(parseSmarthost("smtp://user:p@ss:w@relay_1:587"), {
    host: "relay_1",
    port: 587,
    implicitTls: false,
    user: "user",
    password: "p@ss:w",
  });
});

Deno.test("what is no smarthost's URL is refused, and the reason does not show the password", () => {
  const refused = {
    "mail.example.org": "expected smtp://",
    "http://mail.example.org": "expected smtp://",
    "smtp://": "expected smtp://",
    "smtp://:25": "expected smtp://",
    "smtp://host/path": "expected smtp://",
    "smtp://user@host": "expected USER:PASSWORD",
    "smtp://user:@host": "expected USER:PASSWORD",
    "smtp://:secret@host": "expected USER:PASSWORD",
    "smtp://us%00er:secret@host": "expected USER:PASSWORD",
    "smtp://user:secret%ff@host": "percent-encoding",
    "smtp://user:secret@host:0": "from 1 to 65535",
  };
  assertRefused(parseSmarthost, refused);
  for (const text of Object.keys(refused)) {
    const error = assertThrows(() => parseSmarthost(text), TypeError);
    assertEquals(error.message.includes("secret"), false);
  }
});

Deno.test("a smarthost's URL is shown without what stands before its last @", () => {
  assertEquals(withoutUserinfo("smtp://user:p@ss@host:25"), "smtp://***@host:25");
  assertEquals(withoutUserinfo("user:pass@host"), "***@host");
  assertEquals(withoutUserinfo("smtp://host:25"), "smtp://host:25");
});

Deno.test("a network is an address with a prefix length, or one address", () => {
  assertEquals(parseNetwork("192.0.2.0/24"), "192.0.2.0/24");
  assertEquals(parseNetwork("192.0.2.7"), "192.0.2.7/32");
  assertEquals(parseNetwork("2001:db8::/32"), "2001:db8::/32");
  assertEquals(parseNetwork("::1"), "::1/128");
  assertEquals(parseNetwork("1:2:3:4:5:6:7:8/128"), "1:2:3:4:5:6:7:8/128");
  assertEquals(parseNetwork("64:ff9b::192.0.2.0/120"), "64:ff9b::192.0.2.0/120");
  assertEquals(parseNetwork("::/0"), "::/0");
});

Deno.test("a network with bits beyond its prefix is refused rather than widened", () => {
  assertRefused(parseNetwork, {
    "10.1.2.3/8": "bits set beyond its /8; for one host write /32",
    "10.128.0.0/8": "bits set",
    "2001:db8::1/32": "for one host write /128",
    "64:ff9b::192.0.2.1/120": "bits set",
  });
});

Deno.test("what is no network is refused with the reason", () => {
  assertRefused(parseNetwork, {
    "": "expected an IP address",
    "localhost": "expected an IP address",
    "10.0.0/8": "expected an IP address",
    "10.0.0.0/": "expected an IP address",
    "10.0.0.0/x": "expected an IP address",
    "fe80::1%eth0": "expected an IP address",
    "10.0.0.0/33": "from 0 to 32",
    "::/129": "from 0 to 128",
    "::ffff:10.0.0.0/104": "write it as IPv4",
  });
});

Deno.test("times and sizes carry their unit", () => {
  assertEquals(parseDuration("500ms"), 500);
  assertEquals(parseDuration("30s"), 30_000);
  assertEquals(parseDuration("5m"), 300_000);
  assertEquals(parseDuration("4h"), 14_400_000);
  assertEquals(parseDuration("5 d"), 432_000_000);
  assertEquals(parseSize("512"), 512);
  assertEquals(parseSize("64KiB"), 65_536);
  assertEquals(parseSize("10MiB"), 10_485_760);
  assertEquals(parseSize("1GiB"), 1_073_741_824);
});

Deno.test("times without a unit, fractions, signs and unknown units are refused", () => {
  for (
    const text of ["", "5", "m", "1.5h", "-5m", "5M", "5 weeks", "1h30m", "9007199254740992ms"]
  ) {
    assertThrows(() => parseDuration(text), TypeError, "with a unit", `"${text}" was taken`);
  }
  for (const text of ["", "x", "-1", "1.5MiB", "10MB", "10 mib", "9007199254740992"]) {
    assertThrows(() => parseSize(text), TypeError, "a size in octets", `"${text}" was taken`);
  }
});

Deno.test("domains are brought to lower case and A-labels, and what is none is refused", () => {
  assertEquals(parseDomain("Example.ORG."), "example.org");
  assertEquals(parseDomain("Bücher.example"), "xn--bcher-kva.example");
  assertRefused(
    parseDomain,
    Object.fromEntries(
      ["", ".", "a..b", "-a.org", "a b", "[127.0.0.1]", "127.0.0.1", "a_b.org", "a".repeat(64)]
        .map((text) => [text, "expected a domain name"]),
    ),
  );
});

Deno.test("a mailbox is brought to lower case, and what is none is refused", () => {
  assertEquals(parseMailbox("Post.Master@Example.ORG"), "post.master@example.org");
  assertEquals(parseMailbox('"a@b"@example.org'), '"a@b"@example.org');
  for (const text of ["", "user", "@example.org", "user@", "user@a@b", "us er@example.org"]) {
    assertThrows(() => parseMailbox(text), TypeError, "expected an address", `"${text}" was taken`);
  }
});

Deno.test("a machine's name that could not stand in a greeting becomes localhost", () => {
  assertEquals(nameOfMachine("Mail.Example.org"), "mail.example.org");
  assertEquals(nameOfMachine("build_box"), "localhost");
  assertEquals(nameOfMachine(""), "localhost");
});

Deno.test("a length of time is written as it is read, in the largest unit that it fills", () => {
  for (const text of ["500ms", "90s", "5m", "4h", "5d", "25h"]) {
    assertEquals(durationText(parseDuration(text)), text);
  }
  assertEquals(durationText(parseDuration("120s")), "2m");
  assertEquals(durationText(0), "0s");
  assertEquals(durationText(1499.6), "1500ms");
});
