/** Mail that would come back to where it was, and mail for where none may go. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { BouncedEvent, StartOptions } from "../../mod.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { freePort } from "../helpers/free_port.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { until } from "../helpers/waiting.ts";
import { type Outcome, TestServer } from "./test_server.ts";

/** The addresses that the tests need are there without being told to on Linux only. */
const ignore = Deno.build.os !== "linux";

const CONTENT = "Subject: Round and round\r\n\r\nHello\r\n";

/** Where mail hosts are, all on one port. */
const ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];

/** Starts a server that asks this name server. */
function startServer(dns: DnsServer, options: StartOptions): Promise<TestServer> {
  const { host, port } = dns.nameServer;
  return TestServer.start({ dns: `${host}:${port}`, ...options });
}

/** Gathers what becomes of mail at some servers, until one of them says the last of it. */
function outcomesUntil(
  servers: readonly TestServer[],
  isLast: (outcome: Outcome) => boolean,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  return Promise.race(servers.map(async (server) => {
    while (true) {
      const outcome = await server.outcome();
      outcomes.push(outcome);
      if (isLast(outcome)) return outcomes;
    }
  }));
}

/** Two servers, each of which is told that the mail host of `loop.test` is the other. */
async function withCircle(
  check: (servers: readonly TestServer[], here: MailHost) => Promise<void>,
): Promise<void> {
  const deliveryPort = freePort(...ADDRESSES);
  const hosts = { "a.test": "127.0.0.2", "b.test": "127.0.0.3", "here.test": "127.0.0.4" };
  await withTempDir(async (spool) => {
    await using here = new MailHost(undefined, { address: "127.0.0.4", port: deliveryPort });
    const join = async (dns: DnsServer, hostname: "a.test" | "b.test", other: string) => {
      for (const [name, address] of Object.entries(hosts)) dns.host(name, address);
      dns.mx("loop.test", [10, other]);
      const listen = `${hosts[hostname]}:${deliveryPort}`;
      return await startServer(dns, {
        hostname,
        listen,
        deliveryPort,
        spool: `${spool}/${hostname}`,
      });
    };
    await using dnsOfA = await DnsServer.start();
    await using dnsOfB = await DnsServer.start();
    await using a = await join(dnsOfA, "a.test", "b.test");
    await using b = await join(dnsOfB, "b.test", "a.test");
    await check([a, b], here);
  });
}

Deno.test({
  name: "mail that goes round between two servers ends with 554 5.4.6 and a bounce",
  ignore,
  fn: () =>
    withCircle(async (servers, here) => {
      const [a] = servers;
      await a!.send({ from: "ann@here.test", to: "bob@loop.test", content: CONTENT });
      const isBounce = ({ kind, reversePath }: Outcome) =>
        kind === "delivered" && reversePath === "";
      const outcomes = await outcomesUntil(servers, isBounce);
      await until(() => servers.every(({ waiting }) => waiting === 0));
      const bounced = outcomes.find(({ kind }) => kind === "bounced") as BouncedEvent;
      assertEquals([bounced.error.code, bounced.error.enhanced], [554, "5.4.6"]);
      const hops = outcomes.filter(({ kind, recipients }) =>
        kind === "delivered" && recipients[0] === "bob@loop.test"
      );
      assertEquals(hops.length, 50);
      assertEquals(here.messages.map(({ recipients }) => recipients), [["ann@here.test"]]);
      assertStringIncludes(here.messages[0]!.content, "Status: 5.4.6");
      assertEquals(here.messages[0]!.content.match(/^Received: /gm)!.length, 51);
    }),
});

Deno.test({
  name: "mail that goes round, and whose bounce goes round too, is dropped in the end",
  ignore,
  fn: () =>
    withCircle(async (servers, here) => {
      await servers[0]!.send({ from: "ann@loop.test", to: "bob@loop.test", content: CONTENT });
      const isDropped = ({ kind, reversePath }: Outcome) =>
        kind === "bounced" && reversePath === "";
      const outcomes = await outcomesUntil(servers, isDropped);
      await until(() => servers.every(({ waiting }) => waiting === 0));
      assert(outcomes.length <= 2 * 51 + 2, `${outcomes.length} steps`);
      assertEquals(here.connections, 0);
    }),
});

/** What a domain's mail host must not be: an address of this server. */
const OWN: readonly [what: string, listen: string, domain: (dns: DnsServer) => string][] = [
  ["its own listener", "127.0.0.2", (dns) => mxAt(dns, "127.0.0.2")],
  ["its own listener, written as IPv6", "127.0.0.2", (dns) => mxAt(dns, "::ffff:127.0.0.2")],
  ["an address that it listens on with all others", "0.0.0.0", (dns) => mxAt(dns, "127.0.0.3")],
  ["the address of none", "0.0.0.0", (dns) => mxAt(dns, "0.0.0.0")],
  ["an address literal of its own", "127.0.0.2", () => "[127.0.0.2]"],
];

function mxAt(dns: DnsServer, address: string): string {
  dns.mx("us.test", [10, "mx.us.test"]);
  dns.host("mx.us.test", address);
  return "us.test";
}

for (const [what, address, prepare] of OWN) {
  Deno.test({
    name: `a server does not connect to itself where a mail host is ${what}`,
    ignore,
    fn: () =>
      withTempDir(async (spool) => {
        await using dns = await DnsServer.start();
        const domain = prepare(dns);
        const deliveryPort = freePort(address);
        const listen = `${address}:${deliveryPort}`;
        await using server = await startServer(dns, { spool, listen, deliveryPort });
        await server.send({ from: "", to: `bob@${domain}`, content: CONTENT });
        const outcome = await server.outcome();
        assert(outcome.kind === "bounced", outcome.kind);
        // No reply decided it, and no host: nothing was connected to.
        const { code, enhanced, hop } = outcome.error;
        assertEquals([enhanced, code, hop], ["5.4.6", undefined, undefined]);
        assertEquals(server.waiting, 0);
      }),
  });
}

const PRIVATE = [
  "127.0.0.1",
  "127.0.0.3",
  "10.1.2.3",
  "172.16.0.1",
  "192.168.0.1",
  "169.254.169.254",
  "0.0.0.0",
  "224.0.0.1",
  "::1",
  "::",
  "::ffff:127.0.0.1",
  "fe80::1",
  "fd00::1",
  "64:ff9b::7f00:1",
];

Deno.test({
  name: "no address that is not on the public Internet is connected to, unless that is allowed",
  ignore,
  fn: () =>
    withTempDir(async (spool) => {
      const deliveryPort = freePort(...ADDRESSES);
      await using one = new MailHost(undefined, { address: "127.0.0.1", port: deliveryPort });
      await using two = new MailHost(undefined, { address: "127.0.0.3", port: deliveryPort });
      await using dns = await DnsServer.start();
      const recipients = PRIVATE.map((address, i) => {
        dns.mx(`d${i}.test`, [10, `mx.d${i}.test`]);
        dns.host(`mx.d${i}.test`, address);
        return `bob@d${i}.test`;
      });
      const to = [...recipients, "bob@[127.0.0.3]", "bob@[IPv6:::ffff:127.0.0.3]"];
      {
        const settings = { spool, deliveryPort, allowPrivate: false };
        await using server = await startServer(dns, settings);
        await server.send({ from: "", to, content: CONTENT });
        for (let i = 0; i < to.length; i++) {
          const outcome = await server.outcome();
          assert(outcome.kind === "bounced", outcome.kind);
          assertEquals(outcome.error.enhanced, "5.4.4");
          assertMatch(outcome.error.text, /not on the public Internet/);
        }
        assertEquals(server.waiting, 0);
      }
      assertEquals([one.connections, two.connections], [0, 0]);
      await using server = await startServer(dns, { spool, deliveryPort });
      await server.send({ from: "", to: recipients[1]!, content: CONTENT });
      assertEquals((await server.outcome()).kind, "delivered");
      assertEquals(two.messages.length, 1);
    }),
});
