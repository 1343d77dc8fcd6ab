/** Names whose addresses change between two look-ups. */
import { assertEquals } from "@std/assert";
import { DEFAULT_DELIVERY } from "../../config/config.ts";
import { AddressGuard } from "../../deliver/address_guard.ts";
import { DnsResolver } from "../../deliver/dns.ts";
import { DeliveryFailure, networkFailure } from "../../deliver/failure.ts";
import { type Host, route } from "../../deliver/route.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { until } from "../helpers/waiting.ts";
import { MINUTE, Rig } from "./delivery_rig.ts";

/** An address on the public Internet; nothing here connects to it. */
const PUBLIC = "8.8.4.4";

Deno.test("a host that is public at the first look-up and private at the second is not connected to the second time", async () => {
  const clock = new TestClock();
  await using dns = await DnsServer.start();
  const resolver = new DnsResolver({ nameServer: dns.nameServer, clock });
  const guard = new AddressGuard({ allowPrivate: false, listeners: () => [], clock });
  const deps = {
    resolver,
    guard,
    settings: DEFAULT_DELIVERY,
    hostname: "me.test",
    random: () => 0,
  };
  const opened: Host[] = [];
  await using rig = new Rig({}, {
    clock,
    route: (destination) => route(destination, deps),
    open(host) {
      opened.push(host);
      const error = networkFailure("connect", new Error("refused"), host);
      return Promise.reject(new DeliveryFailure("connect", error));
    },
  });
  dns.mx("rebound.test", [10, "mx.rebound.test"]);
  dns.host("mx.rebound.test", PUBLIC);
  rig.delivery.start();
  await rig.send("a@rebound.test", "");
  await until(() => rig.deferred.length === 1);
  dns.host("mx.rebound.test", "127.0.0.1");
  await rig.pass(5 * MINUTE);
  await until(() => rig.bounced.length === 1);
  assertEquals(rig.bounced[0]!.error.enhanced, "5.4.4");
  assertEquals(opened, [{ name: "mx.rebound.test", address: PUBLIC, port: 25 }]);
  resolver.close();
});
