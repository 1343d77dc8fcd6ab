import { assertEquals, assertMatch } from "@std/assert";
import { DEFAULT_DELIVERY, type Smarthost } from "../../config/config.ts";
import { AddressGuard } from "../../deliver/address_guard.ts";
import { type DnsAnswer, DnsResolver, type MxRecord, type Resolver } from "../../deliver/dns.ts";
import { destinationOf } from "../../deliver/destination.ts";
import { MOST_HOSTS, route, type RouteDeps } from "../../deliver/route.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { TestClock } from "../helpers/test_clock.ts";

/** A resolver that answers from tables and notes what was asked. What is not in them does not exist. */
class TableResolver implements Resolver {
  readonly asked: string[] = [];

  constructor(
    readonly mxTable: Record<string, DnsAnswer<MxRecord> | [number, string][]>,
    readonly addressTable: Record<string, DnsAnswer<string> | string[]> = {},
    /** Domains whose MX records are proven. */
    readonly proven: readonly string[] = [],
  ) {}

  async provenMx(domain: string): Promise<DnsAnswer<MxRecord> | { kind: "unproven" }> {
    const answer = await this.mx(domain);
    const isBelieved = answer.kind !== "found" || this.proven.includes(domain);
    return isBelieved ? answer : { kind: "unproven" };
  }

  mx(domain: string): Promise<DnsAnswer<MxRecord>> {
    const entry = this.mxTable[domain] ?? { kind: "no-such-domain" };
    if (!Array.isArray(entry)) return Promise.resolve(entry);
    const records = entry.map(([preference, exchange]) => ({ preference, exchange }));
    return Promise.resolve({ kind: "found", records });
  }

  addresses(host: string): Promise<DnsAnswer<string>> {
    this.asked.push(host);
    const entry = this.addressTable[host] ?? { kind: "no-such-domain" };
    return Promise.resolve(Array.isArray(entry) ? { kind: "found", records: entry } : entry);
  }
}

interface Setting {
  resolver?: Resolver;
  smarthost?: Smarthost;
  allowPrivate?: boolean;
  listeners?: { hostname: string; port: number }[];
  random?: () => number;
  requireTls?: boolean;
}

function deps(setting: Setting): RouteDeps {
  return {
    resolver: setting.resolver ?? new TableResolver({}),
    settings: { ...DEFAULT_DELIVERY, smarthost: setting.smarthost },
    hostname: "Us.test",
    guard: new AddressGuard({
      allowPrivate: setting.allowPrivate ?? false,
      listeners: () => setting.listeners ?? [],
      clock: new TestClock(),
    }),
    random: setting.random ?? (() => 0),
  };
}

/** The route in a few words: `name[address]:port …`, or `permanent 5.1.2 text`. */
async function routeText(destination: string, setting: Setting): Promise<string> {
  const found = await route(destination, deps(setting), setting.requireTls);
  if (found.kind === "failure") {
    const { permanent, enhanced, text, scope } = found.error;
    assertEquals(scope, "host");
    return `${permanent ? "permanent" : "temporary"} ${enhanced} ${text}`;
  }
  const hosts = await Array.fromAsync(found.hosts);
  return hosts.map(({ name, address, port }) => `${name}[${address}]:${port}`).join(" ");
}

const none = { kind: "none" } as const;
const noAnswer = { kind: "no-answer", reason: "A look-up: SERVFAIL" } as const;

Deno.test("destinations are domains in lower-case A-labels, address literals or the smarthost", () => {
  const direct = { smarthost: undefined };
  assertEquals(destinationOf("a@Example.TEST", direct), "example.test");
  assertEquals(destinationOf("a@example.test.", direct), "example.test");
  assertEquals(destinationOf('"a@b"@example.test', direct), "example.test");
  assertEquals(destinationOf("a@Bücher.example", direct), "xn--bcher-kva.example");
  assertEquals(destinationOf("a@[192.0.2.1]", direct), "[192.0.2.1]");
  assertEquals(destinationOf("a@[IPv6:2001:DB8::1]", direct), "[ipv6:2001:db8::1]");
  assertEquals(destinationOf("postmaster", direct), "");
  const smarthost = { host: "relay.test", port: 587, implicitTls: false };
  assertEquals(destinationOf("a@example.test", { smarthost }), "smarthost relay.test:587");
  const ipv6 = { ...smarthost, host: "2001:db8::1" };
  assertEquals(destinationOf("a@example.test", { smarthost: ipv6 }), "smarthost [2001:db8::1]:587");
  assertEquals(
    destinationOf("a@example.test", { smarthost }, "hop.test:26"),
    "next-hop hop.test:26",
  );
  assertEquals(destinationOf("a@next-hop 10.0.0.1", direct), "next-hop?10.0.0.1");
});

Deno.test("MX hosts are tried by preference, with the port of the settings", async () => {
  const resolver = new TableResolver(
    { "example.test": [[10, "a.test"], [20, "b.test"]] },
    { "a.test": ["1.0.0.1", "2a00::1"], "b.test": ["1.0.0.2"] },
  );
  const expected = "a.test[1.0.0.1]:25 a.test[2a00::1]:25 b.test[1.0.0.2]:25";
  assertEquals(await routeText("example.test", { resolver }), expected);
});

Deno.test("hosts of equal preference are shuffled, and only they", async () => {
  const names = ["a.test", "b.test", "c.test"];
  const resolver = new TableResolver(
    { "example.test": [[5, "first.test"], ...names.map((name): [number, string] => [10, name])] },
    {
      "first.test": ["1.0.0.9"],
      ...Object.fromEntries(names.map((name, i) => [name, [`1.0.0.${i}`]])),
    },
  );
  const last = await routeText("example.test", { resolver, random: () => 0.999 });
  assertMatch(last, /^first\S+ a\S+ b\S+ c\S+$/);
  const first = await routeText("example.test", { resolver, random: () => 0 });
  assertMatch(first, /^first\S+ b\S+ c\S+ a\S+$/);
});

Deno.test("mail that requires TLS goes to MX hosts that DNSSEC proves, and to a domain that is its own mail host", async () => {
  const resolver = new TableResolver(
    { "proven.test": [[10, "a.test"]], "unproven.test": [[10, "a.test"]], "own.test": none },
    { "a.test": ["1.0.0.1"], "own.test": ["1.0.0.2"] },
    ["proven.test"],
  );
  const setting = { resolver, requireTls: true };
  assertEquals(await routeText("proven.test", setting), "a.test[1.0.0.1]:25");
  assertEquals(await routeText("own.test", setting), "own.test[1.0.0.2]:25");
  assertEquals(
    await routeText("unproven.test", setting),
    "permanent 5.7.10 the message requires TLS, and the MX records of unproven.test are not proven by DNSSEC",
  );
  assertEquals(await routeText("unproven.test", { resolver }), "a.test[1.0.0.1]:25");
});

Deno.test("a domain without MX is its own mail host", async () => {
  const resolver = new TableResolver({ "example.test": none }, { "example.test": ["1.0.0.1"] });
  assertEquals(await routeText("example.test", { resolver }), "example.test[1.0.0.1]:25");
});

Deno.test("case 18: NXDOMAIN and the null MX are permanent", async () => {
  const resolver = new TableResolver({ "null.test": [[0, ""]] }, { "null.test": ["1.0.0.1"] });
  assertMatch(await routeText("nowhere.test", { resolver }), /^permanent 5\.1\.2 .*nowhere\.test/);
  assertMatch(await routeText("null.test", { resolver }), /^permanent 5\.1\.10 .*null MX/);
  assertEquals(resolver.asked, []);
});

Deno.test("case 18: no answer about MX or about the only host's address is temporary", async () => {
  const resolver = new TableResolver(
    { "mx.test": noAnswer, "host.test": [[1, "a.test"], [2, "gone.test"]], "self.test": none },
    { "a.test": noAnswer, "self.test": noAnswer },
  );
  for (const domain of ["mx.test", "host.test", "self.test"]) {
    assertEquals(await routeText(domain, { resolver }), "temporary 4.4.3 A look-up: SERVFAIL");
  }
});

Deno.test("MX hosts that all definitely have no address are permanent", async () => {
  const resolver = new TableResolver(
    { "example.test": [[1, "gone.test"], [2, "bare.test"]], "bare.test": none, "empty.test": [] },
    { "bare.test": none },
  );
  for (const domain of ["example.test", "bare.test", "empty.test"]) {
    assertMatch(await routeText(domain, { resolver }), /^permanent 5\.4\.4 no mail host/);
  }
});

Deno.test("one host without an answer does not hide the others", async () => {
  const resolver = new TableResolver(
    { "example.test": [[1, "a.test"], [1, "gone.test"], [2, "b.test"]] },
    { "a.test": noAnswer, "b.test": ["1.0.0.2"] },
  );
  assertEquals(await routeText("example.test", { resolver }), "b.test[1.0.0.2]:25");
});

Deno.test("the root among other MX records is no host", async () => {
  const resolver = new TableResolver(
    { "example.test": [[0, ""], [1, "a.test"]] },
    { "a.test": ["1.0.0.1"] },
  );
  assertEquals(await routeText("example.test", { resolver }), "a.test[1.0.0.1]:25");
});

Deno.test("where we are an MX, it and all of equal or worse preference are left out", async () => {
  const addressTable = { "a.test": ["1.0.0.1"], "b.test": ["1.0.0.2"], "c.test": ["1.0.0.3"] };
  const resolver = new TableResolver({
    "backup.test": [[10, "a.test"], [20, "b.test"], [20, "us.test"], [30, "c.test"]],
    "primary.test": [[10, "us.test"], [20, "a.test"]],
    "us.test": none,
  }, addressTable);
  assertEquals(await routeText("backup.test", { resolver }), "a.test[1.0.0.1]:25");
  assertMatch(await routeText("primary.test", { resolver }), /^permanent 5\.4\.6 .*loops back/);
  assertMatch(await routeText("us.test", { resolver }), /^permanent 5\.4\.6 .*loops back/);
});

Deno.test("case 14: an MX at our own listener's address is ourselves, even with private addresses allowed", async () => {
  const resolver = new TableResolver({
    "example.test": [[10, "a.test"], [20, "b.test"], [20, "hidden.test"], [30, "a2.test"]],
    "loop.test": [[10, "hidden.test"], [20, "a.test"]],
  }, {
    "a.test": ["127.0.0.2"],
    "b.test": ["127.0.0.3"],
    "hidden.test": ["1.0.0.4", "::ffff:127.0.0.9"],
    "a2.test": ["127.0.0.4"],
  });
  const setting = {
    resolver,
    allowPrivate: true,
    listeners: [{ hostname: "127.0.0.9", port: 25 }],
  };
  assertEquals(await routeText("example.test", setting), "a.test[127.0.0.2]:25");
  assertMatch(await routeText("loop.test", setting), /^permanent 5\.4\.6/);
});

Deno.test("case 14: forbidden addresses are passed over, and permanent where there is no other", async () => {
  const bad = ["127.0.0.1", "10.0.0.1", "169.254.1.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"];
  const resolver = new TableResolver({
    "example.test": [[10, "mx.test"]],
    "mixed.test": [[10, "mx.test"], [20, "good.test"]],
    "a-only.test": none,
  }, { "mx.test": bad, "good.test": ["192.168.0.1", "1.0.0.1"], "a-only.test": ["127.0.0.1"] });
  const text = /^permanent 5\.4\.4 .*mx\.test\[127\.0\.0\.1\]$/;
  assertMatch(await routeText("example.test", { resolver }), text);
  assertMatch(await routeText("a-only.test", { resolver }), /^permanent 5\.4\.4/);
  assertEquals(await routeText("mixed.test", { resolver }), "good.test[1.0.0.1]:25");
  const allowed = await routeText("mixed.test", { resolver, allowPrivate: true });
  assertMatch(allowed, /^mx\.test\[127\.0\.0\.1\]:25 mx\.test\[10\.0\.0\.1\]:25 /);
});

Deno.test("case 14: the address given out is the one that was judged, whatever the DNS says next", async () => {
  await using dns = await DnsServer.start();
  const clock = new TestClock();
  const resolver = new DnsResolver({ nameServer: dns.nameServer, clock });
  dns.mx("rebind.test", [1, "mx.rebind.test"]);
  dns.host("mx.rebind.test", "1.0.0.1");
  assertEquals(await routeText("rebind.test", { resolver }), "mx.rebind.test[1.0.0.1]:25");
  dns.host("mx.rebind.test", "127.0.0.1");
  clock.advance(61_000);
  assertMatch(await routeText("rebind.test", { resolver }), /^permanent 5\.4\.4/);
});

Deno.test("address literals are their own route, and are judged too", async () => {
  assertEquals(await routeText("[1.0.0.1]", {}), "1.0.0.1[1.0.0.1]:25");
  assertEquals(await routeText("[ipv6:2a00:0::1]", {}), "2a00::1[2a00::1]:25");
  for (const literal of ["[127.0.0.1]", "[ipv6:::1]", "[ipv6:::ffff:10.0.0.1]"]) {
    assertMatch(await routeText(literal, {}), /^permanent 5\.4\.4/);
  }
  const own = { allowPrivate: true, listeners: [{ hostname: "0.0.0.0", port: 25 }] };
  assertMatch(await routeText("[127.0.0.1]", own), /^permanent 5\.4\.6/);
});

Deno.test("what is no domain and no address literal is permanent", async () => {
  const bad = [
    "",
    "a b.test",
    "a..test",
    "[",
    "[]",
    "[300.0.0.1]",
    "[ipv6:x]",
    "[x:1]",
    "[1.0.0.1",
  ];
  for (const text of bad) assertMatch(await routeText(text, {}), /^permanent 5\.1\.3/);
});

Deno.test("a failure's text is one printable line, whatever the destination", async () => {
  const text = await routeText("a\r\nb\0" + "c".repeat(5000), {});
  assertMatch(text, /^permanent 5\.1\.3 "a b c+$/);
  assertEquals(text.length, "permanent 5.1.3 ".length + 1000 - 1); // CR and LF became one space
});

Deno.test("mail that was to go to a smarthost which is gone meanwhile fails for now, not for good", async () => {
  assertEquals(
    await routeText("smarthost relay.test:587", {}),
    "temporary 4.3.5 the smarthost is gone",
  );
});

Deno.test("a smarthost is looked up by address only, and may be private", async () => {
  const resolver = new TableResolver(
    { "relay.test": [[1, "other.test"]] },
    { "relay.test": ["10.0.0.1", "1.0.0.1"] },
  );
  const smarthost = { host: "relay.test", port: 587, implicitTls: false };
  const expected = "relay.test[10.0.0.1]:587 relay.test[1.0.0.1]:587";
  assertEquals(await routeText("smarthost relay.test:587", { resolver, smarthost }), expected);
  const literal = { ...smarthost, host: "2001:DB8::1" };
  const text = await routeText("smarthost [2001:DB8::1]:587", { resolver, smarthost: literal });
  assertEquals(text, "2001:db8::1[2001:db8::1]:587");
});

Deno.test("a message's own next hop is looked up by address only, may be private, and goes before the smarthost", async () => {
  const resolver = new TableResolver({}, { "hop.test": ["10.0.0.2"] });
  const smarthost = { host: "relay.test", port: 587, implicitTls: false };
  const texts = ["hop.test:26", "hop.test", "192.168.0.1:2525", "[2001:DB8::1]:26"];
  const routes = await Promise.all(
    texts.map((text) => routeText(`next-hop ${text}`, { resolver, smarthost })),
  );
  assertEquals(routes, [
    "hop.test[10.0.0.2]:26",
    "hop.test[10.0.0.2]:25",
    "192.168.0.1[192.168.0.1]:2525",
    "2001:db8::1[2001:db8::1]:26",
  ]);
});

Deno.test("a next hop that is no host, has no address or is ourselves is a temporary failure", async () => {
  const listeners = [{ hostname: "127.0.0.1", port: 2525 }];
  for (const hop of ["", ":25", "a b", "hop.test:0", "::1", "nowhere.test", "127.0.0.1:2525"]) {
    const text = await routeText(`next-hop ${hop}`, { listeners });
    assertMatch(text, /^temporary 4\.3\.5 next hop/, hop);
  }
});

Deno.test("failures of a smarthost are temporary: a wrong setting must not bounce all mail", async () => {
  const resolver = new TableResolver({}, { "down.test": noAnswer, "us.test": ["127.0.0.1"] });
  const text = (host: string) =>
    routeText("smarthost", {
      resolver,
      smarthost: { host, port: 25, implicitTls: false },
      listeners: [{ hostname: "0.0.0.0", port: 25 }],
    });
  assertMatch(await text("nowhere.test"), /^temporary 4\.3\.5 .*nowhere\.test/);
  assertMatch(await text("down.test"), /^temporary 4\.4\.3 .*SERVFAIL/);
  assertMatch(await text("us.test"), /^temporary 4\.3\.5 .*this server itself/);
});

Deno.test("addresses of a later preference are looked up only when they are needed", async () => {
  const resolver = new TableResolver(
    { "example.test": [[10, "a.test"], [20, "b.test"]] },
    { "a.test": ["1.0.0.1"], "b.test": ["1.0.0.2"] },
  );
  const found = await route("example.test", deps({ resolver }));
  assertEquals(resolver.asked, ["a.test"]);
  if (found.kind === "hosts") {
    for await (const host of found.hosts) {
      assertEquals(host.name, "a.test");
      break;
    }
  }
  assertEquals(resolver.asked, ["a.test"]);
});

Deno.test("an address is tried once, and no more than MOST_HOSTS are", async () => {
  const many = Array.from({ length: 50 }, (_, i) => `1.0.1.${i}`);
  const resolver = new TableResolver(
    {
      "twice.test": [[1, "a.test"], [2, "b.test"]],
      "many.test": [[1, "many.test"], [2, "a.test"]],
    },
    { "a.test": ["1.0.0.1", "1.0.0.1"], "b.test": ["1.0.0.1", "1.0.0.2"], "many.test": many },
  );
  assertEquals(
    await routeText("twice.test", { resolver }),
    "a.test[1.0.0.1]:25 b.test[1.0.0.2]:25",
  );
  assertEquals((await routeText("many.test", { resolver })).split(" ").length, MOST_HOSTS);
});

Deno.test("of a hundred exchanges no more than twenty are looked up, and the rest is not taken for absent", async () => {
  const exchanges = Array.from({ length: 100 }, (_, i): [number, string] => [i, `mx${i}.test`]);
  const resolver = new TableResolver({ "example.test": exchanges });
  assertMatch(await routeText("example.test", { resolver }), /^temporary 4\.4\.3/);
  assertEquals(resolver.asked.length, 20);
});
