import { assert, assertEquals, assertRejects } from "@std/assert";
import { encode } from "../../base/bytes.ts";
import type { TlsInfo } from "../../message/envelope.ts";
import { Connection, endpoint, plainAddress, TimeoutError } from "../../transport/connection.ts";
import { Deadlines } from "../../transport/deadlines.ts";
import type { ByteStream } from "../../transport/stream.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { Peer, resettable } from "./peer.ts";
import { turn, until } from "./running.ts";

const SECOND = 1000;
const TLS: TlsInfo = { version: "TLSv1.3", verified: true };

interface Ends {
  readonly connection: Connection;
  readonly peer: Peer;
  readonly clock: TestClock;
}

/** The two ends of a connection over loopback. No timer may be left when the test is over. */
async function withConnection(check: (ends: Ends) => Promise<void>): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [conn, peer] = await Promise.all([listener.accept(), Peer.connect(listener.addr)]);
  const clock = new TestClock();
  const connection = new Connection(conn, endpoint(conn.remoteAddr), new Deadlines(clock));
  try {
    await check({ connection, peer, clock });
  } finally {
    connection.close();
    peer.close();
  }
  assertEquals(clock.timers, 0);
}

/** Writes until the peer's and our own buffers are full, and the write hangs. */
async function fill(connection: Connection, ms: number): Promise<{ write: Promise<void> }> {
  const block = new Uint8Array(1 << 20);
  while (true) {
    let done = false;
    const write = connection.write(block, ms);
    write.then(() => done = true, () => done = true);
    for (let turns = 0; turns < 200 && !done; turns++) await turn();
    if (!done) return { write };
  }
}

Deno.test("octets go both ways, and the end of one way is null", () =>
  withConnection(async ({ connection, peer }) => {
    await connection.write(encode("220 hello\r\n"), SECOND);
    assertEquals(await peer.reply(), "220 hello");
    await peer.say("NOOP");
    const buffer = new Uint8Array(10);
    assertEquals(await connection.read(buffer, SECOND), 4);
    await peer.endInput();
    assertEquals(await connection.read(buffer, SECOND), null);
  }));

Deno.test("a read that takes too long ends with the last word and a TimeoutError", () =>
  withConnection(async ({ connection, peer, clock }) => {
    connection.onTimeout(() => encode("421 too late\r\n"));
    const read = connection.read(new Uint8Array(10), 10 * SECOND);
    clock.advance(11 * SECOND);
    await assertRejects(() => read, TimeoutError);
    assertEquals(await peer.toEnd(), "421 too late\n");
    await assertRejects(() => connection.read(new Uint8Array(10), SECOND), TimeoutError);
    await assertRejects(() => connection.write(encode("more"), SECOND), TimeoutError);
  }));

Deno.test("a read without a last word ends with a TimeoutError alone", () =>
  withConnection(async ({ connection, peer, clock }) => {
    const read = connection.read(new Uint8Array(10), 10 * SECOND);
    clock.advance(11 * SECOND);
    await assertRejects(() => read, TimeoutError);
    assertEquals(await peer.toEnd(), "");
  }));

Deno.test("a deadline counts for one read: the time between reads is free", () =>
  withConnection(async ({ connection, peer, clock }) => {
    await peer.say("a");
    const buffer = new Uint8Array(1);
    await connection.read(buffer, SECOND);
    clock.advance(60 * SECOND);
    await peer.say("b");
    assertEquals(await connection.read(buffer, SECOND), 1);
  }));

Deno.test("a write to a peer that never reads ends with a TimeoutError, and nothing is squeezed in", () =>
  withConnection(async ({ connection, peer, clock }) => {
    connection.onTimeout(() => encode("421 too late\r\n"));
    const { write } = await fill(connection, 60 * SECOND);
    clock.advance(61 * SECOND);
    await assertRejects(() => write, TimeoutError);
    const octets = await peer.octets(Infinity).catch(() => new Uint8Array(0));
    assert(octets.every((octet) => octet === 0), "the last word stands in the middle of the data");
  }));

Deno.test("a last word that the peer does not take is given up after five seconds", () =>
  withConnection(async ({ connection, clock }) => {
    const { write } = await fill(connection, 60 * SECOND);
    const dismissed = connection.dismiss(encode("421 bye\r\n"));
    clock.advance(4 * SECOND);
    assertEquals(
      await Promise.race([dismissed.then(() => "gone"), turn().then(() => "there")]),
      "there",
    );
    clock.advance(2 * SECOND);
    await dismissed;
    await assertRejects(() => write);
  }));

Deno.test("a farewell that the peer does not take is given up after five seconds", async () => {
  const closed = Promise.withResolvers<void>();
  const stuck: ByteStream = {
    read: () => Promise.resolve(null),
    write: (bytes) => Promise.resolve(bytes.length),
    end: () => closed.promise,
    close: closed.resolve,
  };
  const clock = new TestClock();
  const remote = { address: "192.0.2.1", port: 25 };
  const connection = new Connection(stuck, remote, new Deadlines(clock), TLS);
  let over = false;
  const ended = connection.end().then(() => over = true);
  clock.advance(4 * SECOND);
  await turn();
  assert(!over, "it was given up too soon");
  clock.advance(2 * SECOND);
  await ended;
  assertEquals(clock.timers, 0);
});

Deno.test("dismiss waits for the write under way, says the last word once, and closes", () =>
  withConnection(async ({ connection, peer }) => {
    const reply = "250 " + "x".repeat(8 << 20) + "\r\n";
    const write = connection.write(encode(reply), 60 * SECOND);
    const first = connection.dismiss(encode("421 bye\r\n"));
    const second = connection.dismiss(encode("421 bye again\r\n"));
    const heard = await peer.toEnd();
    assertEquals(heard.length, reply.length - 1 + "421 bye\n".length);
    assert(heard.endsWith("x\n421 bye\n"));
    await Promise.all([write, first, second]);
  }));

Deno.test("what arrives while the last word is sent is not given to the reader", () =>
  withConnection(async ({ connection, peer }) => {
    const read = connection.read(new Uint8Array(10), SECOND);
    await peer.say("MAIL");
    const dismissed = connection.dismiss(encode("421 bye\r\n"));
    const error = await assertRejects(() => read);
    assert(!(error instanceof TimeoutError));
    await dismissed;
    assertEquals(await peer.toEnd(), "421 bye\n");
    await assertRejects(() => connection.read(new Uint8Array(10), SECOND));
  }));

Deno.test("closing twice does nothing more, and what is under way rejects", () =>
  withConnection(async ({ connection, peer }) => {
    const read = connection.read(new Uint8Array(10), SECOND);
    connection.close();
    connection.close();
    await assertRejects(() => read);
    await connection.closed;
    await connection.dismiss(encode("421 bye\r\n"));
    assertEquals(await peer.toEnd(), "");
  }));

Deno.test("a TLS handshake that hangs is closed by its deadline, without a last word", () =>
  withConnection(async ({ connection, peer, clock }) => {
    connection.onTimeout(() => encode("421 too late\r\n"));
    const hanging = Promise.withResolvers<TlsInfo>();
    const secured = connection.secure((plain) => {
      const close = () => {
        plain.close();
        hanging.reject(new Error("closed"));
      };
      const stream = { read: plain.read.bind(plain), write: plain.write.bind(plain), close };
      return { stream, handshake: hanging.promise };
    }, 30 * SECOND);
    await turn();
    clock.advance(31 * SECOND);
    await assertRejects(() => secured, TimeoutError);
    assertEquals(await peer.toEnd(), "");
  }));

Deno.test("an upgrade that ends after the connection was closed is closed too", () =>
  withConnection(async ({ connection, clock }) => {
    const upgrade = Promise.withResolvers<void>();
    let closed = 0;
    const secured = connection.secure(async (plain) => {
      await upgrade.promise;
      return { stream: { ...plain, close: () => closed++ }, handshake: Promise.resolve(TLS) };
    }, 30 * SECOND);
    clock.advance(31 * SECOND);
    upgrade.resolve();
    await assertRejects(() => secured, TimeoutError);
    assertEquals([closed, connection.tls], [1, undefined]);
  }));

Deno.test("dismiss during a handshake hangs up without a word", () =>
  withConnection(async ({ connection, peer }) => {
    const secured = connection.secure(
      (stream) => ({ stream, handshake: stream.read(new Uint8Array(1)).then(() => TLS) }),
      SECOND,
    );
    await turn();
    await connection.dismiss(encode("421 bye\r\n"));
    await assertRejects(() => secured);
    assertEquals(await peer.toEnd(), "");
  }));

Deno.test("a reset by the peer is a rejection of the read and of the write", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [conn, peer] = await Promise.all([listener.accept(), resettable(listener.addr)]);
  const connection = new Connection(
    conn,
    endpoint(conn.remoteAddr),
    new Deadlines(new TestClock()),
  );
  const read = connection.read(new Uint8Array(10), SECOND);
  peer.resetAndDestroy();
  await assertRejects(() => read, Deno.errors.ConnectionReset);
  await assertRejects(() => connection.write(encode("more"), SECOND));
  connection.close();
});

Deno.test("an IPv4 address in IPv6 form is written as IPv4, and a zone is left out", () => {
  assertEquals(plainAddress("::ffff:192.0.2.1"), "192.0.2.1");
  assertEquals(plainAddress("::FFFF:192.0.2.1"), "192.0.2.1");
  assertEquals(plainAddress("fe80::1%eth0"), "fe80::1");
  assertEquals(plainAddress("2001:db8::1"), "2001:db8::1");
  assertEquals(endpoint({ transport: "unix", path: "/x" }), { address: "", port: 0 });
});

Deno.test("until gives up on what does not happen", async () => {
  await assertRejects(() => until(() => false), Error, "did not happen");
});
