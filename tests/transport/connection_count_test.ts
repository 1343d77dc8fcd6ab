import { assertEquals } from "@std/assert";
import { ConnectionCount } from "../../transport/connection_count.ts";

Deno.test("connections are counted for each address, and leaving makes room", () => {
  const count = new ConnectionCount({ connections: 10, connectionsPerAddress: 2 });
  assertEquals(count.enter("192.0.2.1", false), "ok");
  assertEquals(count.enter("192.0.2.1", false), "ok");
  assertEquals(count.enter("192.0.2.1", false), "busy");
  assertEquals(count.enter("192.0.2.2", false), "ok");
  count.leave("192.0.2.1");
  assertEquals(count.enter("192.0.2.1", false), "ok");
  assertEquals(count.enter("192.0.2.1", false), "busy");
});

Deno.test("connections are counted in all, the refused ones not", () => {
  const count = new ConnectionCount({ connections: 3, connectionsPerAddress: 2 });
  for (let i = 0; i < 5; i++) count.enter("192.0.2.1", false);
  assertEquals(count.enter("192.0.2.2", false), "ok");
  assertEquals(count.enter("192.0.2.3", false), "full");
  count.leave("192.0.2.2");
  assertEquals(count.enter("192.0.2.3", false), "ok");
});

Deno.test("an address without a bound of its own still counts in all", () => {
  const count = new ConnectionCount({ connections: 3, connectionsPerAddress: 1 });
  const rooms = Array.from({ length: 4 }, () => count.enter("127.0.0.1", true));
  assertEquals(rooms, ["ok", "ok", "ok", "full"]);
});
