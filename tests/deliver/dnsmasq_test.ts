import { assertEquals } from "@std/assert";
import { systemClock } from "../../base/clock.ts";
import { DnsResolver } from "../../deliver/dns.ts";
import { startDnsmasq } from "../helpers/dnsmasq.ts";
import { tool } from "../helpers/tools.ts";

const RECORDS = [
  "mx-host=example.test,mx2.example.test,20",
  "mx-host=example.test,mx1.example.test,10",
  "host-record=mx1.example.test,127.0.0.2",
  "host-record=mx2.example.test,127.0.0.3,2001:db8::3",
  "cname=alias.example.test,mx1.example.test",
];

const dnsmasq = tool("dnsmasq");

Deno.test({
  name: "a real name server (dnsmasq) is understood: MX, addresses, aliases, absence, refusal",
  ignore: dnsmasq === undefined,
  fn: async () => {
    await using server = await startDnsmasq(dnsmasq!, RECORDS);
    const resolver = new DnsResolver({
      nameServer: { host: "127.0.0.1", port: server.port },
      clock: systemClock,
    });
    assertEquals(await resolver.mx("example.test"), {
      kind: "found",
      records: [
        { preference: 10, exchange: "mx1.example.test" },
        { preference: 20, exchange: "mx2.example.test" },
      ],
    });
    const mx2 = { kind: "found" as const, records: ["127.0.0.3", "2001:db8::3"] };
    assertEquals(await resolver.addresses("mx2.example.test"), mx2);
    const alias = { kind: "found" as const, records: ["127.0.0.2"] };
    assertEquals(await resolver.addresses("alias.example.test"), alias);
    assertEquals(await resolver.mx("mx1.example.test"), { kind: "none" });
    assertEquals(await resolver.mx("nowhere.test"), { kind: "no-such-domain" });
    assertEquals(await resolver.addresses("nowhere.test"), { kind: "no-such-domain" });
    assertEquals((await resolver.mx("elsewhere.example")).kind, "no-answer");
  },
});
