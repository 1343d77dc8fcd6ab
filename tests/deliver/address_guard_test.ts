import { assert, assertEquals } from "@std/assert";
import { AddressGuard, canonicalAddress, isSpecialAddress } from "../../deliver/address_guard.ts";
import { TestClock } from "../helpers/test_clock.ts";

const SPECIAL = [
  "0.0.0.0",
  "0.1.2.3",
  "10.0.0.1",
  "100.64.0.1",
  "100.127.255.255",
  "127.0.0.1",
  "127.255.255.254",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.8",
  "192.0.2.1",
  "192.88.99.1",
  "192.168.1.1",
  "198.18.0.1",
  "198.19.255.255",
  "198.51.100.1",
  "203.0.113.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::127.0.0.1",
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:10.0.0.1",
  "64:ff9b::127.0.0.1",
  "64:ff9b::a00:1",
  "64:ff9b:1::1",
  "100::1",
  "2001::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "2002:a00:1::1",
  "2002:c0a8:101::1",
  "3fff::1",
  "fc00::1",
  "fd12::1",
  "fe80::1",
  "fe80::1%eth0",
  "2a00::1%eth0",
  "fec0::1",
  "ff02::1",
];

const PUBLIC = [
  "1.1.1.1",
  "9.255.255.255",
  "100.63.255.255",
  "100.128.0.0",
  "172.15.255.255",
  "172.32.0.0",
  "192.0.1.1",
  "198.17.255.255",
  "198.20.0.0",
  "223.255.255.255",
  "2001:4860:4860::8888",
  "2a00:1450:4001::1a",
  "2606:4700::1111",
  "::ffff:1.1.1.1",
  "64:ff9b::1.1.1.1",
  "2002:101:101::1",
];

function guard(allowPrivate: boolean, ...listeners: [string, number][]): AddressGuard {
  return new AddressGuard({
    allowPrivate,
    listeners: () => listeners.map(([hostname, port]) => ({ hostname, port })),
    clock: new TestClock(),
    machineAddresses: () => ["127.0.0.1", "198.51.100.7", "2001:db8::7", "fe80::7%eth0"],
  });
}

Deno.test("case 14: special addresses are forbidden, however IPv6 writes or embeds them", () => {
  for (const address of SPECIAL) {
    assert(isSpecialAddress(address), address);
    assertEquals(guard(false).judge(address, 25), "forbidden", address);
  }
});

Deno.test("public addresses next to the special ones are allowed", () => {
  for (const address of PUBLIC) {
    assert(!isSpecialAddress(address), address);
    assertEquals(guard(false).judge(address, 25), "allowed", address);
  }
});

Deno.test("what is no IP address is forbidden", () => {
  for (const text of ["", "localhost", "127.1", "0177.0.0.1", "1.1.1.1 ", "2130706433", "[::1]"]) {
    assert(isSpecialAddress(text), text);
  }
});

Deno.test("special addresses are allowed where the configuration says so", () => {
  for (const address of SPECIAL) assertEquals(guard(true).judge(address, 25), "allowed", address);
});

Deno.test("case 14: our own listener is never connected to, even where special addresses are allowed", () => {
  const own = guard(true, ["127.0.0.2", 2525], ["2001:db8::7", 25]);
  assertEquals(own.judge("127.0.0.2", 2525), "own");
  assertEquals(own.judge("::ffff:127.0.0.2", 2525), "own");
  assertEquals(own.judge("2001:0db8:0::7", 25), "own");
  assertEquals(own.judge("127.0.0.2", 25), "allowed");
  assertEquals(own.judge("127.0.0.3", 2525), "allowed");
});

Deno.test("a listener on every interface is at each address of this machine", () => {
  for (const wildcard of ["0.0.0.0", "::"]) {
    const own = guard(true, [wildcard, 25]);
    const mine = ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "198.51.100.7", "2001:db8::7"];
    for (const address of [...mine, "fe80::7"]) {
      assertEquals(own.judge(address, 25), "own", address);
    }
    assertEquals(own.judge("198.51.100.8", 25), "allowed");
    assertEquals(own.judge("198.51.100.7", 26), "allowed");
  }
});

Deno.test("this machine's addresses are read again after ten seconds", () => {
  const clock = new TestClock();
  let addresses = ["198.51.100.7"];
  const own = new AddressGuard({
    allowPrivate: true,
    listeners: () => [{ hostname: "::", port: 25 }],
    clock,
    machineAddresses: () => addresses,
  });
  assert(own.isOwn("198.51.100.7", 25));
  addresses = ["198.51.100.8"];
  assert(own.isOwn("198.51.100.7", 25));
  clock.advance(10_000);
  assert(!own.isOwn("198.51.100.7", 25));
  assert(own.isOwn("198.51.100.8", 25));
});

Deno.test("the interfaces of this machine are found", () => {
  const own = new AddressGuard({
    allowPrivate: true,
    listeners: () => [{ hostname: "::", port: 25 }],
    clock: new TestClock(),
  });
  for (const { address } of Deno.networkInterfaces()) assert(own.isOwn(address, 25), address);
  assert(!own.isOwn("192.0.2.1", 25));
});

Deno.test("an address has one canonical form", () => {
  assertEquals(canonicalAddress("192.0.2.1"), "192.0.2.1");
  assertEquals(canonicalAddress("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  assertEquals(canonicalAddress("::ffff:c000:201"), "192.0.2.1");
  assertEquals(canonicalAddress("::FFFF:192.0.2.1"), "192.0.2.1");
  assertEquals(canonicalAddress("fe80::1%eth0"), "fe80::1");
  assertEquals(canonicalAddress("no address"), "no address");
});
