import { assertEquals } from "@std/assert";
import { ConnectionCount } from "../../transport/connection_count.ts";
import { TestClock } from "../helpers/test_clock.ts";

/** Counts against these limits, as often as anybody likes. */
function counting(connections: number, connectionsPerAddress: number): ConnectionCount {
  const limits = { connections, connectionsPerAddress, connectionRate: 0 };
  return new ConnectionCount(limits, new TestClock());
}

Deno.test("connections are counted for each address, and leaving makes room", () => {
  const count = counting(10, 2);
  assertEquals(count.enter("192.0.2.1", false), "ok");
  assertEquals(count.enter("192.0.2.1", false), "ok");
  assertEquals(count.enter("192.0.2.1", false), "busy");
  assertEquals(count.enter("192.0.2.2", false), "ok");
  count.leave("192.0.2.1");
  assertEquals(count.enter("192.0.2.1", false), "ok");
  assertEquals(count.enter("192.0.2.1", false), "busy");
});

Deno.test("connections are counted in all, the refused ones not", () => {
  const count = counting(3, 2);
  for (let i = 0; i < 5; i++) count.enter("192.0.2.1", false);
  assertEquals(count.enter("192.0.2.2", false), "ok");
  assertEquals(count.enter("192.0.2.3", false), "full");
  count.leave("192.0.2.2");
  assertEquals(count.enter("192.0.2.3", false), "ok");
});

Deno.test("an address without a bound of its own still counts in all", () => {
  const count = counting(3, 1);
  const rooms = Array.from({ length: 4 }, () => count.enter("127.0.0.1", true));
  assertEquals(rooms, ["ok", "ok", "ok", "full"]);
});

Deno.test("all addresses of an IPv6 network of a host's count as one", () => {
  const count = counting(10, 1);
  assertEquals(count.enter("2001:db8:0:1::1", false), "ok");
  assertEquals(count.enter("2001:db8:0:1:2:3:4:5", false), "busy");
  assertEquals(count.enter("2001:db8:0:2::1", false), "ok");
  count.leave("2001:db8:0:1::1");
  assertEquals(count.enter("2001:db8:0:1:2:3:4:5", false), "ok");
});

Deno.test("a client that connects too often waits, one without a bound does not", () => {
  const clock = new TestClock();
  const limits = { connections: 100, connectionsPerAddress: 100, connectionRate: 2 };
  const count = new ConnectionCount(limits, clock);
  const enter = () => {
    const room = count.enter("192.0.2.1", false);
    if (room === "ok") count.leave("192.0.2.1");
    return room;
  };
  assertEquals([enter(), enter(), enter()], ["ok", "ok", "hasty"]);
  assertEquals(count.enter("192.0.2.2", false), "ok");
  for (let i = 0; i < 5; i++) assertEquals(count.enter("127.0.0.1", true), "ok");
  clock.advance(30_000);
  assertEquals([enter(), enter()], ["ok", "hasty"]);
});
