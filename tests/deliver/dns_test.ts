import { assert, assertEquals, assertMatch } from "@std/assert";
import { type DnsAnswer, DnsResolver, isHostName, MOST_ADDRESSES } from "../../deliver/dns.ts";
import { type Answer, type Asked, DnsServer, type RecordType } from "../helpers/dns_server.ts";
import { TestClock } from "../helpers/test_clock.ts";

/** A resolver that asks a scripted server; its time stands still. */
async function setUp(): Promise<{ dns: DnsServer; clock: TestClock; resolver: DnsResolver }> {
  const dns = await DnsServer.start();
  const clock = new TestClock();
  return { dns, clock, resolver: new DnsResolver({ nameServer: dns.nameServer, clock }) };
}

function reasonOf(answer: DnsAnswer<unknown>): string {
  assertEquals(answer.kind, "no-answer");
  return answer.kind === "no-answer" ? answer.reason : "";
}

/** Our second question, which comes without EDNS. */
const isSecond = (asked: Asked): boolean => !asked.edns;

Deno.test("MX records come best first, in lower case, without the final dot", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.mx("example.test", [20, "B.Example.test"], [10, "a.example.test"]);
  assertEquals(await resolver.mx("example.test"), {
    kind: "found",
    records: [
      { preference: 10, exchange: "a.example.test" },
      { preference: 20, exchange: "b.example.test" },
    ],
  });
});

Deno.test("the null MX is one record with an empty exchange", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.mx("example.test", [0, "."]);
  assertEquals(await resolver.mx("example.test"), {
    kind: "found",
    records: [{ preference: 0, exchange: "" }],
  });
});

Deno.test("MX records whose exchange is no host name are left out", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.mx("example.test", [1, "192.0.2.1"], [2, "a b.test"], [3, "é.test"], [4, "good.test"]);
  assertEquals(await resolver.mx("example.test"), {
    kind: "found",
    records: [{ preference: 4, exchange: "good.test" }],
  });
});

Deno.test("addresses are those of A and AAAA, IPv4 first", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.host("mx.test", "2001:db8::1", "192.0.2.1", "192.0.2.2");
  assertEquals(await resolver.addresses("mx.test"), {
    kind: "found",
    records: ["192.0.2.1", "192.0.2.2", "2001:db8::1"],
  });
});

Deno.test("a host has at most MOST_ADDRESSES addresses", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  const records: Answer = Array.from(
    { length: 70 },
    (_, i) => ({ type: "A", address: `192.0.2.${i}` }),
  );
  dns.script("mx.test", "A", { truncated: records });
  const answer = await resolver.addresses("mx.test");
  assertEquals(answer.kind === "found" && answer.records.length, MOST_ADDRESSES);
});

Deno.test("NXDOMAIN is no-such-domain, for MX and for addresses", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  assertEquals(await resolver.mx("nowhere.test"), { kind: "no-such-domain" });
  assertEquals(await resolver.addresses("nowhere.test"), { kind: "no-such-domain" });
});

Deno.test("a name without such a record is none", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.host("host.test", "192.0.2.1");
  dns.mx("domain.test", [1, "host.test"]);
  assertEquals(await resolver.mx("host.test"), { kind: "none" });
  assertEquals(await resolver.addresses("domain.test"), { kind: "none" });
});

Deno.test("case 18: SERVFAIL, REFUSED and a broken answer by TCP are no-answer", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.script("servfail.test", "MX", "SERVFAIL");
  dns.script("refused.test", "MX", "REFUSED");
  dns.script("broken.test", "MX", "SERVFAIL", "truncated-then-closed");
  assertMatch(reasonOf(await resolver.mx("servfail.test")), /servfail\.test.*SERVFAIL/);
  assertMatch(reasonOf(await resolver.mx("refused.test")), /REFUSED/);
  assertMatch(reasonOf(await resolver.mx("broken.test")), /closed before the answer/);
});

for (const silence of ["drop", "garbage", "other-question"] as const) {
  Deno.test(`case 18: ${silence} is no-answer when the time is over`, async () => {
    const { dns, clock, resolver } = await setUp();
    await using _ = dns;
    dns.script("silent.test", "MX", silence);
    const answer = resolver.mx("silent.test");
    await dns.heard(({ name }) => name === "silent.test");
    clock.advance(10_000);
    assertMatch(reasonOf(await answer), /timed out/);
  });
}

Deno.test("the second question is sent again, then given up", async () => {
  const { dns, clock, resolver } = await setUp();
  await using _ = dns;
  dns.script("silent.test", "MX", "NXDOMAIN", "drop");
  const answer = resolver.mx("silent.test");
  await dns.heard(isSecond);
  dns.asked.length = 0;
  clock.advance(2000);
  await dns.heard(isSecond);
  clock.advance(8000);
  assertMatch(reasonOf(await answer), /127\.0\.0\.1: timed out/);
});

Deno.test("what the runtime reports as not found is asked again, and the rcode decides", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  const cases: [Answer, Answer, DnsAnswer<unknown>["kind"]][] = [
    ["SERVFAIL", "NXDOMAIN", "no-such-domain"],
    ["NXDOMAIN", "SERVFAIL", "no-answer"],
    ["NXDOMAIN", [], "none"],
    ["REFUSED", [{ type: "MX", preference: 1, exchange: "mx.test" }], "found"],
  ];
  for (const [i, [first, second, kind]] of cases.entries()) {
    dns.script(`case${i}.test`, "MX", first, second);
    assertEquals((await resolver.mx(`case${i}.test`)).kind, kind);
  }
});

Deno.test("a truncated answer is fetched by TCP", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.script("gone.test", "MX", { truncated: "NXDOMAIN" });
  assertEquals(await resolver.mx("gone.test"), { kind: "no-such-domain" });
  assert(dns.asked.some((asked) => isSecond(asked) && asked.transport === "tcp"));
  const records: Answer = [{ type: "MX", preference: 1, exchange: "mx.test" }];
  dns.script("big.test", "MX", "NXDOMAIN", { truncated: records });
  assertEquals((await resolver.mx("big.test")).kind, "found");
});

Deno.test("a TCP answer that never comes ends with the time", async () => {
  const { dns, clock, resolver } = await setUp();
  await using _ = dns;
  dns.script("slow.test", "MX", "NXDOMAIN", "truncated-then-silent");
  const answer = resolver.mx("slow.test");
  await dns.heard(({ transport }) => transport === "tcp");
  clock.advance(10_000);
  assertMatch(reasonOf(await answer), /timed out/);
});

Deno.test("CNAMEs are followed where the server leaves that to us", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  const alias = (target: string): Answer => [{ type: "CNAME", target }];
  dns.script("www.test", "A", "NXDOMAIN", alias("host.test"));
  dns.script("host.test", "A", "NXDOMAIN", [{ type: "A", address: "192.0.2.1" }]);
  dns.script("dangling.test", "A", "NXDOMAIN", alias("nowhere.test"));
  dns.script("dangling.test", "AAAA", "NXDOMAIN", alias("nowhere.test"));
  assertEquals(await resolver.addresses("www.test"), { kind: "found", records: ["192.0.2.1"] });
  assertEquals(await resolver.addresses("dangling.test"), { kind: "no-such-domain" });
});

Deno.test("records of another name in an answer are not used", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  const foreign: Answer = [{ type: "A", address: "192.0.2.66", name: "other.test" }];
  dns.script("host.test", "A", "NXDOMAIN", foreign);
  assertEquals(await resolver.addresses("host.test"), { kind: "none" });
});

Deno.test("case 18: CNAME loops end as no-answer", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  const types: RecordType[] = ["A", "AAAA"];
  for (const type of types) {
    dns.script("a.test", type, [{ type: "CNAME", target: "b.test" }]);
    dns.script("b.test", type, [{ type: "CNAME", target: "a.test" }]);
    dns.script("c.test", type, [
      { type: "CNAME", target: "d.test" },
      { type: "CNAME", name: "d.test", target: "c.test" },
    ]);
  }
  assertMatch(reasonOf(await resolver.addresses("a.test")), /CNAME chain/);
  assertMatch(reasonOf(await resolver.addresses("c.test")), /CNAME chain/);
});

Deno.test("one family without an answer leaves the other's addresses, but never makes absence definite", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.host("half.test", "192.0.2.1");
  dns.script("half.test", "AAAA", "SERVFAIL");
  dns.script("unknown.test", "A", []);
  dns.script("unknown.test", "AAAA", "SERVFAIL");
  dns.script("odd.test", "A", []);
  dns.script("odd.test", "AAAA", "NXDOMAIN");
  assertEquals(await resolver.addresses("half.test"), { kind: "found", records: ["192.0.2.1"] });
  assertMatch(reasonOf(await resolver.addresses("unknown.test")), /AAAA look-up/);
  assertEquals(await resolver.addresses("odd.test"), { kind: "none" });
});

Deno.test("equal questions at once are one, and an answer is used for a minute", async () => {
  const { dns, clock, resolver } = await setUp();
  await using _ = dns;
  dns.mx("example.test", [1, "mx.test"]);
  await Promise.all([resolver.mx("example.test"), resolver.mx("example.test")]);
  clock.advance(59_000);
  await resolver.mx("example.test");
  assertEquals(dns.asked.length, 1);
  clock.advance(2_000);
  await resolver.mx("example.test");
  assertEquals(dns.asked.length, 2);
});

Deno.test("no-answer is used for three seconds only", async () => {
  const { dns, clock, resolver } = await setUp();
  await using _ = dns;
  dns.script("example.test", "MX", "SERVFAIL");
  assertEquals((await resolver.mx("example.test")).kind, "no-answer");
  dns.mx("example.test", [1, "mx.test"]);
  assertEquals((await resolver.mx("example.test")).kind, "no-answer");
  clock.advance(3_000);
  assertEquals((await resolver.mx("example.test")).kind, "found");
});

Deno.test("what no host can be called does not exist, and is not asked for", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  for (const name of ["", "a..b", "a b.test", "x".repeat(64) + ".test", "127.0.0.1", "é.test"]) {
    assertEquals(await resolver.mx(name), { kind: "no-such-domain" });
    assertEquals(await resolver.addresses(name), { kind: "no-such-domain" });
  }
  assertEquals(dns.asked, []);
});

Deno.test("host names are letters, digits, hyphens and underscores, not all digits at the end", () => {
  for (const name of ["test", "a-b.c", "_dmarc.example.org", "xn--bcher-kva.example", "1.2.3.a"]) {
    assert(isHostName(name), name);
  }
  const longest = "a.".repeat(126) + "a";
  assert(isHostName(longest));
  for (const name of ["", ".", "a.", ".a", "1.2.3.4", "a/b", "a\n", longest + "a", "[1.2.3.4]"]) {
    assert(!isHostName(name), name);
  }
});

Deno.test("names are asked for as absolute ones, so that no search domain is tried", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.mx("example.test", [1, "mx.test"]);
  const names: unknown[] = [];
  const original = Deno.resolveDns;
  Deno.resolveDns = new Proxy(original, {
    apply(target, self, args) {
      names.push(args[0]);
      return Reflect.apply(target, self, args);
    },
  });
  try {
    assertEquals((await resolver.mx("example.test")).kind, "found");
  } finally {
    Deno.resolveDns = original;
  }
  assertEquals(names, ["example.test."]);
});

Deno.test("a closed resolver gives no-answer, also to questions under way", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.script("silent.test", "MX", "NXDOMAIN", "drop");
  const underWay = resolver.mx("silent.test");
  await dns.heard(isSecond);
  resolver.close();
  assertEquals((await underWay).kind, "no-answer");
  assertEquals((await resolver.mx("other.test")).kind, "no-answer");
});

Deno.test("MX records are proven when a name server on this machine says that it has validated them", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.mx("example.test", [20, "b.test"], [10, "a.test"]);
  assertEquals(await resolver.provenMx("example.test"), { kind: "unproven" });
  dns.prove("example.test");
  assertEquals(await resolver.provenMx("example.test"), {
    kind: "found",
    records: [{ preference: 10, exchange: "a.test" }, { preference: 20, exchange: "b.test" }],
  });
});

Deno.test("records at the end of a CNAME are proven only where the CNAME is", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.script("alias.test", "MX", [{ type: "CNAME", target: "example.test" }]);
  dns.mx("example.test", [10, "a.test"]);
  dns.prove("example.test");
  assertEquals(await resolver.provenMx("alias.test"), { kind: "unproven" });
  dns.prove("alias.test");
  assertEquals((await resolver.provenMx("alias.test")).kind, "found");
});

Deno.test("that there are no MX records, or no such domain, is believed without proof", async () => {
  const { dns, resolver } = await setUp();
  await using _ = dns;
  dns.host("own.test", "192.0.2.1");
  dns.script("broken.test", "MX", "SERVFAIL");
  assertEquals(await resolver.provenMx("own.test"), { kind: "none" });
  assertEquals(await resolver.provenMx("missing.test"), { kind: "no-such-domain" });
  assertEquals((await resolver.provenMx("broken.test")).kind, "no-answer");
});

Deno.test("each question that name servers are asked is told with what came of it, kept answers are not", async () => {
  await using dns = await DnsServer.start();
  const clock = new TestClock();
  const told: string[] = [];
  const asked = (type: string, result: string) => told.push(`${type} ${result}`);
  const resolver = new DnsResolver({ nameServer: dns.nameServer, clock, asked });
  dns.mx("found.test", [10, "mx.test"]);
  dns.host("mx.test", "192.0.2.1");
  dns.script("servfail.test", "MX", "SERVFAIL");
  dns.script("refused.test", "MX", "REFUSED");
  dns.script("broken.test", "MX", "SERVFAIL", "truncated-then-closed");
  dns.script("silent.test", "MX", "NXDOMAIN", "drop");
  const names = ["found", "found", "nowhere", "servfail", "refused", "broken"];
  for (const name of names) await resolver.mx(`${name}.test`);
  await resolver.addresses("mx.test");
  const silent = resolver.mx("silent.test");
  await dns.heard((question) => isSecond(question) && question.name === "silent.test");
  clock.advance(10_000);
  await silent;
  await resolver.provenMx("found.test");
  const mx = ["found", "nxdomain", "servfail", "refused", "failed"].map((word) => `MX ${word}`);
  assertEquals(told.slice(0, 5), mx);
  assertEquals(told.slice(5, 7).sort(), ["A found", "AAAA none"]);
  assertEquals(told.slice(7), ["MX timeout", "MX found"]);
});
