import { assert, assertEquals } from "@std/assert";
import type { SmtpClient } from "../../deliver/client.ts";
import { type ConnectOptions, openClient } from "../../deliver/connect.ts";
import { Pool } from "../../deliver/pool.ts";
import type { Host } from "../../deliver/route.ts";
import { timeText } from "../../deliver/next.ts";
import { UnverifiableHosts } from "../../deliver/unverifiable.ts";
import { connectOptions, transactionOf } from "../helpers/outgoing.ts";
import {
  greet,
  hang,
  hangUp,
  hear,
  hearTheEnd,
  passUntil,
  say,
  takeMail,
  withPeer,
} from "../helpers/scripted_peer.ts";
import { TestClock } from "../helpers/test_clock.ts";

const IDLE = 5000;

/** A host that is greeted and left. */
const politeHost = [...greet(), hear("QUIT"), say("221 bye"), hearTheEnd()];

/** Opens several clients of a host. */
function open(host: Host, options: ConnectOptions, count: number): Promise<SmtpClient[]> {
  return Promise.all(Array.from({ length: count }, () => openClient(host, options)));
}

/** Runs a test with a pool and some clients for it. */
async function withPool(
  count: number,
  check: (pool: Pool, clients: SmtpClient[], clock: TestClock) => Promise<void> | void,
): Promise<void> {
  const clock = new TestClock();
  await withPeer([politeHost], async ({ host }) => {
    const pool = new Pool({ idleTimeout: IDLE, clock });
    await check(pool, await open(host, connectOptions({}, clock), count), clock);
    await pool.close();
    assertEquals(clock.nextTimer(), Infinity);
  });
}

Deno.test("a kept connection is given to the next message for its destination, once", async () => {
  await withPool(1, (pool, [client]) => {
    pool.give("mx.test", client!);
    assertEquals(pool.take("other.test"), undefined);
    assertEquals(pool.take("mx.test"), client);
    assertEquals(pool.take("mx.test"), undefined);
    pool.give("mx.test", client!);
  });
});

Deno.test("the connection that was used last is given first", async () => {
  await withPool(3, (pool, clients) => {
    for (const client of clients) pool.give("mx.test", client);
    assertEquals(pool.take("mx.test"), clients[2]);
    assertEquals(pool.take("mx.test"), clients[1]);
    pool.give("mx.test", clients[1]!);
    pool.give("mx.test", clients[2]!);
    assertEquals(pool.size, 3);
  });
});

Deno.test("an unused connection is left politely after the idle time, each at its own", async () => {
  await withPool(3, (pool, [first, second, third], clock) => {
    pool.give("a.test", first!);
    clock.advance(2000);
    pool.give("b.test", second!);
    pool.give("b.test", third!);
    clock.advance(2999);
    assertEquals(pool.size, 3);
    clock.advance(1);
    assertEquals(pool.size, 2);
    assertEquals(pool.take("a.test"), undefined);
    assertEquals(pool.take("b.test"), third);
    clock.advance(2000);
    assertEquals(pool.size, 0);
    pool.give("b.test", third!);
    clock.advance(4999);
    assertEquals(pool.size, 1);
    clock.advance(1);
    assertEquals(pool.size, 0);
  });
});

Deno.test("a connection that broke or carried its fill is not kept", async () => {
  const clock = new TestClock();
  const full = [...greet(), ...takeMail(), hear("QUIT"), say("221 bye"), hearTheEnd()];
  await withPeer([full, [...greet(), hangUp()]], async ({ host }) => {
    const pool = new Pool({ idleTimeout: IDLE, clock });
    const options = connectOptions({ messagesPerConnection: 1 }, clock);
    for (let i = 0; i < 2; i++) {
      const client = await openClient(host, options);
      await client.transact(transactionOf());
      pool.give("mx.test", client);
      assertEquals(pool.size, 0);
    }
    await pool.close();
  });
});

Deno.test("closing leaves every connection, and keeps none that comes later", async () => {
  await withPool(3, async (pool, [first, second, third]) => {
    pool.give("a.test", first!);
    pool.give("b.test", second!);
    await pool.close();
    assert(!first!.usable && !second!.usable);
    pool.give("a.test", third!);
    assertEquals(pool.size, 0);
  });
});

Deno.test("a host that does not answer QUIT holds a closing pool up for seconds only", async () => {
  const clock = new TestClock();
  await withPeer([[...greet(), hear("QUIT"), hang(clock)]], async ({ host }) => {
    const pool = new Pool({ idleTimeout: IDLE, clock });
    pool.give("mx.test", await openClient(host, connectOptions({}, clock)));
    const begun = clock.now();
    await passUntil(clock, pool.close());
    assert(clock.now() - begun <= 60_000);
  });
});

Deno.test("over its bound the pool leaves the connection that was kept longest", async () => {
  const clock = new TestClock();
  const pool = new Pool({ idleTimeout: IDLE, clock });
  let left = 0;
  // 501 real connections would only be slow: all that the pool asks of a client is this.
  const idle = { usable: true, quit: () => Promise.resolve(void left++) } as unknown as SmtpClient;
  for (let i = 0; i <= 500; i++) pool.give(`${i}.test`, idle);
  assertEquals([pool.size, left], [500, 1]);
  assertEquals(pool.take("0.test"), undefined);
  assertEquals(pool.take("1.test"), idle);
  await pool.close();
  assertEquals(left, 500);
});

Deno.test("why a host could not be verified is remembered for an hour, and of so many hosts", () => {
  const clock = new TestClock();
  const hosts = new UnverifiableHosts(clock);
  const hostAt = (i: number): Host => ({ name: `mx${i}.test`, address: "192.0.2.1", port: 25 });
  hosts.add(hostAt(0), "certificate expired");
  assertEquals(hosts.reasonFor(hostAt(0)), `certificate expired, at ${timeText(clock.now())}`);
  assertEquals(hosts.reasonFor({ ...hostAt(0), address: "192.0.2.2" }), undefined);
  clock.advance(3_600_000);
  assertEquals(hosts.reasonFor(hostAt(0)), undefined);
  for (let i = 0; i <= 10_000; i++) hosts.add(hostAt(i), "no");
  assertEquals(hosts.reasonFor(hostAt(0)), undefined);
  assert(hosts.reasonFor(hostAt(1)) && hosts.reasonFor(hostAt(10_000)));
});
