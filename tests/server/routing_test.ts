/** Plans of delivery, asked of a real name server: nothing is sent, and nobody connected to. */
import { assertEquals, assertMatch } from "@std/assert";
import { systemClock } from "../../base/clock.ts";
import { DEFAULT_CONFIG, type DeliverySettings } from "../../config/config.ts";
import type { PlannedMail, RoutePlan } from "../../deliver/plan.ts";
import { Routing } from "../../server/routing.ts";
import { startDnsmasq } from "../helpers/dnsmasq.ts";
import { tool } from "../helpers/tools.ts";

const RECORDS = [
  "mx-host=example.test,mx2.example.test,20",
  "mx-host=example.test,mx1.example.test,10",
  "host-record=mx1.example.test,10.0.0.1",
  "host-record=mx2.example.test,1.0.0.2,2a00::2",
  "host-record=relay.test,1.0.0.5",
];

const dnsmasq = tool("dnsmasq");
const HOUR = 3_600_000;

/** The plan for an address, with these records and settings. */
async function planned(
  address: string,
  settings: Partial<DeliverySettings> = {},
  mail: PlannedMail = {},
): Promise<RoutePlan> {
  await using server = await startDnsmasq(dnsmasq!, RECORDS);
  const dns = { host: "127.0.0.1", port: server.port };
  const delivery = { ...DEFAULT_CONFIG.delivery, dns, ...settings };
  const routing = new Routing({ delivery, hostname: "us.test" }, systemClock, () => []);
  try {
    return await routing.plan(address, mail);
  } finally {
    routing.close();
  }
}

function planTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: dnsmasq === undefined, fn });
}

planTest(
  "a plan has the hosts in their order, those passed over, and what TLS they must show",
  async () => {
    const plan = await planned("user@Example.TEST");
    assertEquals(plan.destination, "example.test");
    assertEquals(plan.route.why, "MX example.test");
    assertEquals(plan.route.answers, [
      "MX example.test: 10 mx1.example.test, 20 mx2.example.test",
      "A, AAAA mx1.example.test: 10.0.0.1",
      "A, AAAA mx2.example.test: 1.0.0.2, 2a00::2",
    ]);
    assertEquals(plan.route.skipped, [
      "mx1.example.test[10.0.0.1]: not on the public Internet (allow_private)",
    ]);
    const mx2 = { name: "mx2.example.test", port: 25 };
    assertEquals(plan.hosts, [{ ...mx2, address: "1.0.0.2" }, { ...mx2, address: "2a00::2" }]);
    assertEquals([plan.error, plan.tls], [undefined, "opportunistic"]);
  },
);

planTest("a plan for a domain that does not exist says why it would bounce", async () => {
  const { error, hosts, route, retries } = await planned("user@nowhere.test");
  assertEquals([error!.enhanced, error!.permanent, hosts], ["5.1.2", true, []]);
  assertEquals(retries, [], "it would be tried again");
  assertEquals(route.answers, ["MX nowhere.test: no such domain (NXDOMAIN)"]);
});

planTest(
  "a plan follows the smarthost with its password, a redirection, and REQUIRETLS",
  async () => {
    const password = { user: "user", password: "secret word" };
    const smarthost = { host: "relay.test", port: 587, implicitTls: false, ...password };
    const relayed = await planned("user@example.test", { smarthost });
    assertEquals(relayed.destination, "smarthost relay.test:587");
    assertEquals(relayed.hosts, [{ name: "relay.test", address: "1.0.0.5", port: 587 }]);
    assertEquals(relayed.tls, "verified: smarthost with a password");
    assertEquals(JSON.stringify(relayed).includes("secret word"), false);
    const redirected = await planned("user@example.test", { smarthost }, { nextHop: "1.0.0.6:26" });
    assertEquals(redirected.hosts.map(({ address, port }) => [address, port]), [["1.0.0.6", 26]]);
    assertEquals([redirected.tls, redirected.route.why], [
      "opportunistic",
      "redirected to 1.0.0.6:26",
    ]);
    const required = await planned("user@example.test", {}, { requireTls: true });
    assertEquals([required.tls, required.error!.enhanced], ["verified: REQUIRETLS", "5.7.10"]);
  },
);

planTest("a plan lists the retries of the schedule to the end of the message's time", async () => {
  const before = Date.now();
  const { retries, jitter } = await planned("user@example.test");
  assertEquals(retries[0]!.rule, "5m = retry.first 5m");
  assertEquals(retries[2]!.rule, "20m = retry.first 5m doubled twice");
  assertEquals(retries[1]!.at - retries[0]!.at, 600_000);
  assertEquals(retries.at(-2)!.rule, "4h = retry.longest");
  const { at, retry, rule } = retries.at(-1)!;
  assertMatch(rule, /retry\.lifetime/);
  assertEquals(retry, retries.length);
  assertEquals(Math.round((at - before) / HOUR), 120);
  assertEquals(jitter, 0.1);
});

planTest(
  "a schedule of a million retries is cut, and a plan for no address is an error in it",
  async () => {
    const retry = { ...DEFAULT_CONFIG.delivery.retry, first: 1000, longest: 1000 };
    assertEquals((await planned("user@example.test", { retry })).retries.length, 100);
    const { retries, error } = await planned("nobody", { retry });
    assertEquals([error!.enhanced, error!.permanent, retries], ["5.1.3", true, []]);
  },
);
