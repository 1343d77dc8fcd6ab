/** What a route tells of itself: questions, answers, and what was passed over. */
import { assertEquals, assertMatch } from "@std/assert";
import { systemClock } from "../../base/clock.ts";
import { DEFAULT_DELIVERY, type DeliverySettings } from "../../config/config.ts";
import { AddressGuard } from "../../deliver/address_guard.ts";
import { DnsResolver } from "../../deliver/dns.ts";
import { route, type RouteTelling } from "../../deliver/route.ts";
import { DnsServer } from "../helpers/dns_server.ts";

/** What is told of each route, one after the other over one resolver. */
async function told(
  prepare: (dns: DnsServer) => void,
  destinations: readonly string[],
  changes: Partial<DeliverySettings> = {},
): Promise<RouteTelling[]> {
  await using dns = await DnsServer.start();
  prepare(dns);
  const resolver = new DnsResolver({ nameServer: dns.nameServer, clock: systemClock });
  const listeners = () => [{ hostname: "1.0.0.9", port: 25 }];
  const guard = new AddressGuard({ allowPrivate: false, listeners, clock: systemClock });
  const settings = { ...DEFAULT_DELIVERY, ...changes };
  const deps = { resolver, settings, hostname: "us.test", guard, random: () => 0 };
  const tellings: RouteTelling[] = [];
  for (const destination of destinations) {
    const found = await route(destination, deps);
    if (found.kind === "hosts") await Array.fromAsync(found.hosts);
    tellings.push(found.told!());
  }
  resolver.close();
  return tellings;
}

Deno.test("the answers are told in the order of asking, and which of them were kept", async () => {
  const [first, second] = await told((dns) => {
    dns.mx("example.test", [20, "b.test"], [10, "a.test"]);
    dns.host("a.test", "1.0.0.1", "2a00::1");
    dns.host("b.test", "1.0.0.2");
  }, ["example.test", "example.test"]);
  assertEquals(first, {
    why: "MX example.test",
    answers: [
      "MX example.test: 10 a.test, 20 b.test",
      "A, AAAA a.test: 1.0.0.1, 2a00::1",
      "A, AAAA b.test: 1.0.0.2",
    ],
  });
  const kept = first!.answers.map((line) => `${line} (kept from an earlier look-up)`);
  assertEquals(second!.answers, kept);
});

Deno.test("hosts that are passed over are told, with the reason", async () => {
  const [forbidden, ours, loop] = await told((dns) => {
    dns.mx("example.test", [10, "inside.test"], [20, "outside.test"]);
    dns.host("inside.test", "10.0.0.1");
    dns.host("outside.test", "1.0.0.2");
    dns.mx("backup.test", [10, "a.test"], [20, "us.test"], [30, "c.test"]);
    dns.host("a.test", "1.0.0.1");
    dns.mx("loop.test", [10, "me.test"], [20, "d.test"]);
    dns.host("me.test", "1.0.0.9");
  }, ["example.test", "backup.test", "loop.test"]);
  assertEquals(forbidden!.skipped, [
    "inside.test[10.0.0.1]: not on the public Internet (allow_private)",
  ]);
  const why = "this server itself, and what its MX records put behind it";
  assertEquals(ours!.skipped, [`us.test, c.test: ${why}`]);
  assertEquals(loop!.skipped, [`me.test, d.test: ${why}`]);
});

Deno.test("no such domain, no MX, null MX and no answer are told apart", async () => {
  const [absent, own, nullMx, broken, literal] = await told((dns) => {
    dns.host("own.test", "1.0.0.1");
    dns.mx("null.test", [0, ""]);
    dns.script("broken.test", "MX", "SERVFAIL");
  }, ["absent.test", "own.test", "null.test", "broken.test", "[1.0.0.1]"]);
  assertEquals(absent!.answers, ["MX absent.test: no such domain (NXDOMAIN)"]);
  assertEquals(own, {
    why: "own.test itself, which has no MX",
    answers: ["MX own.test: none", "A, AAAA own.test: 1.0.0.1"],
  });
  assertEquals(nullMx!.answers, ["MX null.test: 0 ."]);
  assertMatch(broken!.answers[0]!, /^MX broken\.test: no answer: .*SERVFAIL/);
  assertEquals(literal, { why: "address literal [1.0.0.1]", answers: [] });
});

Deno.test("mail for a smarthost is told to go there, and records beyond a bound are only counted", async () => {
  const smarthost = { host: "relay.test", port: 587, implicitTls: false };
  const [relay] = await told((dns) => dns.host("relay.test", "10.0.0.5"), ["x"], { smarthost });
  assertEquals(relay, {
    why: "smarthost relay.test:587",
    answers: ["A, AAAA relay.test: 10.0.0.5"],
  });
  const [many] = await told((dns) => {
    dns.mx(
      "many.test",
      ...Array.from({ length: 30 }, (_, i): [number, string] => [i, `h${i}.test`]),
    );
  }, ["many.test"]);
  assertMatch(many!.answers[0]!, /^MX many\.test: 0 h0\.test, .*9 h9\.test and 20 more$/);
  assertEquals(many!.answers.length, 20);
  assertEquals(many!.skipped, ["10 more: too many mail hosts"]);
});

Deno.test("what a peer chose cannot break the line it is told on", async () => {
  const [telling] = await told(() => {}, ["[evil\r\nMX \x1b[31mhere]"]);
  assertEquals(telling!.why, "address literal [evil MX  [31mhere]");
});
