import { assertEquals, assertRejects } from "@std/assert";
import type { NameServer } from "../../config/config.ts";
import { type DefiniteAnswer, queryDns } from "../../deliver/dns_query.ts";
import { systemNameServers } from "../../deliver/name_servers.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { TestClock } from "../helpers/test_clock.ts";

function query(name: string, clock: TestClock, ...dns: DnsServer[]): Promise<DefiniteAnswer> {
  const servers: NameServer[] = dns.map(({ nameServer }) => nameServer);
  const { signal } = new AbortController();
  return queryDns(name, "A", { servers, clock, deadline: clock.now() + 10_000, signal });
}

Deno.test("a server without a definite answer leaves the question to the next", async () => {
  await using broken = await DnsServer.start();
  await using good = await DnsServer.start();
  broken.script("host.test", "A", "SERVFAIL");
  good.host("host.test", "192.0.2.1");
  const { exists, records } = await query("host.test", new TestClock(), broken, good);
  assertEquals([exists, records.map(({ data }) => data)], [true, ["192.0.2.1"]]);
});

Deno.test("a silent server leaves its successor a share of the time", async () => {
  await using silent = await DnsServer.start();
  await using good = await DnsServer.start();
  silent.script("host.test", "A", "drop");
  good.script("other.test", "A", []);
  const clock = new TestClock();
  const answer = query("host.test", clock, silent, good);
  await silent.heard(() => true);
  clock.advance(5_000);
  assertEquals(await answer, { exists: false, records: [], proven: false });
});

Deno.test("the reason is that of the last server asked, and three are asked at most", async () => {
  await using servfail = await DnsServer.start();
  await using refused = await DnsServer.start();
  await using good = await DnsServer.start();
  servfail.script("host.test", "A", "SERVFAIL");
  refused.script("host.test", "A", "REFUSED");
  good.host("host.test", "192.0.2.1");
  const all = [servfail, servfail, refused, good];
  await assertRejects(() => query("host.test", new TestClock(), ...all), Error, "REFUSED");
  assertEquals(good.asked, []);
});

Deno.test("without a name server there is no answer", async () => {
  await assertRejects(() => query("host.test", new TestClock()), Error, "no name server is known");
});

for (const noise of ["garbage", "other-question"] as const) {
  Deno.test(`${noise} from the server is not taken for the answer`, async () => {
    await using dns = await DnsServer.start();
    dns.script("host.test", "A", noise);
    const clock = new TestClock();
    const answer = query("host.test", clock, dns);
    await dns.heard(() => true);
    dns.host("host.test", "192.0.2.1");
    clock.advance(2_000); // asked again
    assertEquals((await answer).records.length, 1);
  });
}

Deno.test("an answer to another question by TCP is a broken one", async () => {
  await using dns = await DnsServer.start();
  dns.script("host.test", "A", { truncated: "other-question" });
  await assertRejects(() => query("host.test", new TestClock(), dns), Error, "broken answer");
});

Deno.test("answers from another port are not listened to", async () => {
  await using dns = await DnsServer.start();
  await using attacker = await DnsServer.start();
  dns.script("host.test", "A", "drop");
  const clock = new TestClock();
  const answer = query("host.test", clock, dns);
  // The question reaches the attacker as well, who answers NXDOMAIN from a port of his own.
  dns.passQuestionsTo(attacker);
  await attacker.heard(() => true);
  dns.host("host.test", "192.0.2.1");
  clock.advance(2_000); // asked again
  assertEquals((await answer).records.length, 1);
});

Deno.test("the system's name servers are read in every form, each once", () => {
  const listed = [
    "192.0.2.53",
    "192.0.2.53",
    "192.0.2.54:5353",
    "2001:db8::53",
    "[2001:db8::54]:53",
  ];
  assertEquals(systemNameServers(listed), [
    { host: "192.0.2.53", port: 53 },
    { host: "192.0.2.54", port: 5353 },
    { host: "2001:db8::53", port: 53 },
    { host: "2001:db8::54", port: 53 },
  ]);
  assertEquals(systemNameServers().every(({ host, port }) => host !== "" && port > 0), true);
});
