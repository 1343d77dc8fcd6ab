import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { decode } from "../../base/bytes.ts";
import type { TlsInfo } from "../../message/envelope.ts";
import { selfSignedCertificate } from "../../transport/certificate.ts";
import { ServerTls } from "../../transport/server_tls.ts";
import { hello, records, serverName } from "./hello.ts";
import { Peer, resettable } from "./peer.ts";
import { CERTIFICATE, HOSTNAME, passing, type Running, until, withTransport } from "./running.ts";

const SECOND = 1000;
const MANY_NAMES = new ServerTls([
  CERTIFICATE,
  await selfSignedCertificate("mx2.test", Date.now()),
]);

const CONTENT = "Subject: secret\r\n\r\nWorld";

/** A client that has said STARTTLS and made its handshake. */
async function started({ connect }: Running): Promise<Peer> {
  const peer = await connect();
  await peer.hello();
  assertEquals(await peer.ask("STARTTLS"), "220 2.0.0 Ready to start TLS");
  await peer.startTls(HOSTNAME, CERTIFICATE.cert);
  return peer;
}

/** The one TLS session under which all that arrived came. */
function tlsOf({ handler }: Running): TlsInfo | undefined {
  return handler.messages[0]?.envelope.client.tls;
}

function assertModern(tls: TlsInfo | undefined): void {
  assertEquals([tls?.version, tls?.verified], ["TLSv1.3", false]);
  assertMatch(tls?.cipher ?? "", /^TLS_(AES|CHACHA20)_/);
}

Deno.test("a message comes by STARTTLS, and its TLS session is known", () =>
  withTransport({}, async (running) => {
    const peer = await started(running);
    const capabilities = await peer.ask("EHLO client.example");
    assert(!capabilities.includes("STARTTLS"), "offered again");
    assertEquals(await peer.send(CONTENT), "250 2.0.0 Queued");
    assertEquals(await peer.ask("QUIT"), "221 2.0.0 Bye");
    assertEquals(await peer.toEnd(), "");
    assertEquals(decode(running.handler.messages[0]!.content), `${CONTENT}\r\n`);
    assertEquals(running.handler.messages[0]!.envelope.client.protocol, "ESMTPS");
    assertModern(tlsOf(running));
  }));

Deno.test("a message comes by implicit TLS, and its TLS session is known", () =>
  withTransport({}, async (running) => {
    const peer = await running.connectTls();
    assertMatch(await peer.reply(), /^220 /);
    await peer.ask("EHLO client.example");
    assertEquals(await peer.send(CONTENT), "250 2.0.0 Queued");
    assertEquals(await peer.ask("QUIT"), "221 2.0.0 Bye");
    assertEquals(await peer.toEnd(), "");
    assertModern(tlsOf(running));
  }));

Deno.test("large content comes unchanged by TLS", () =>
  withTransport({}, async (running) => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i} ${"x".repeat(i % 90)}\r\n`);
    const content = `Subject: large\r\n\r\n${lines.join("")}`;
    const peer = await started(running);
    await peer.ask("EHLO client.example");
    assertEquals(await peer.send(content.slice(0, -2)), "250 2.0.0 Queued");
    assert(decode(running.handler.messages[0]!.content) === content);
  }));

Deno.test("what is said in plaintext behind STARTTLS is never answered, and the session starts over", () =>
  withTransport({}, async (running) => {
    const peer = await running.connect();
    await peer.hello();
    await peer.say("STARTTLS\r\nRSET\r\nMAIL FROM:<x@y>\r\n");
    assertEquals(await peer.reply(), "220 2.0.0 Ready to start TLS");
    await peer.startTls(HOSTNAME, CERTIFICATE.cert);
    assertMatch(await peer.ask("MAIL FROM:<x@y>"), /^503 5\.5\.1 /);
    assertMatch(await peer.ask("EHLO client.example"), /^250-mx\.example\.org/);
    assertMatch(await peer.ask("RCPT TO:<x@y>"), /^503 5\.5\.1 /);
    assertEquals(await peer.send(CONTENT), "250 2.0.0 Queued");
    assertEquals(running.handler.mails.map(({ reversePath }) => reversePath), ["a@example.org"]);
    assertEquals(running.handler.messages.length, 1);
  }));

Deno.test("a transaction that was open before STARTTLS is forgotten", () =>
  withTransport({}, async (running) => {
    const peer = await running.connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<x@y>");
    await peer.ask("STARTTLS");
    await peer.startTls(HOSTNAME, CERTIFICATE.cert);
    await peer.ask("EHLO client.example");
    assertMatch(await peer.ask("RCPT TO:<x@y>"), /^503 5\.5\.1 /);
  }));

Deno.test("STARTTLS is refused in TLS, whichever way that began", () =>
  withTransport({}, async (running) => {
    const direct = await running.connectTls();
    await direct.reply();
    for (const peer of [await started(running), direct]) {
      await peer.ask("EHLO client.example");
      assertMatch(await peer.ask("STARTTLS"), /^503 5\.5\.1 /);
      assertEquals(await peer.ask("NOOP"), "250 2.0.0 OK");
    }
  }));

Deno.test("a client that wants another authority leaves in the handshake, and the next one is served", () =>
  withTransport({}, async (running) => {
    const other = await selfSignedCertificate(HOSTNAME, Date.now());
    const peer = await running.connect();
    await peer.hello();
    await peer.ask("STARTTLS");
    await assertRejects(() => peer.startTls(HOSTNAME, other.cert), Deno.errors.InvalidData);
    await started(running);
  }));

Deno.test("garbage instead of a ClientHello ends the connection, and the next client is served", () =>
  withTransport({}, async (running) => {
    const starting = await running.connect();
    await starting.hello();
    await starting.ask("STARTTLS");
    await starting.say("EHLO client.example\r\n");
    const heard = await starting.toEnd();
    assert(!heard.includes("250"), `answered in plaintext: ${heard}`);
    using direct = await Peer.connect(running.transport.addresses[1]!);
    await direct.say("EHLO client.example\r\n");
    assert(!(await direct.toEnd()).includes("220"));
    await started(running);
  }));

Deno.test("garbage that is there before TLS is made ends the connection, and the next client is served", () =>
  withTransport({ tls: MANY_NAMES }, async (running) => {
    using peer = await Peer.connect(running.transport.addresses[1]!);
    await peer.say("EHLO client.example\r\n");
    assertEquals(await peer.toEnd(), "");
    await started(running);
  }));

Deno.test("a reset in the handshake ends the connection, and the next client is served", () =>
  withTransport({}, async (running) => {
    const socket = await resettable(running.transport.addresses[1]!);
    await new Promise((resolve) => socket.write(new Uint8Array([22, 3, 1, 2, 0]), resolve));
    socket.resetAndDestroy();
    using gone = await Peer.connect(running.transport.addresses[1]!);
    gone.close();
    await started(running);
  }));

Deno.test("a reset in the session drops its message, and the next client is served", () =>
  withTransport({}, async (running) => {
    const peer = await started(running);
    await peer.ask("EHLO client.example");
    await peer.ask("MAIL FROM:<a@example.org>");
    await peer.ask("RCPT TO:<b@example.net>");
    await peer.ask("DATA");
    await peer.say("Subject: half\r\n");
    await until(() => running.handler.octets > 0);
    peer.close();
    await until(() => running.handler.aborted === 1);
    assertEquals(running.handler.messages.length, 0);
    await started(running);
  }));

Deno.test("silence in the handshake is ended by its deadline, with implicit TLS and after STARTTLS", () =>
  withTransport({ limits: { tlsTimeout: 30 * SECOND } }, async (running) => {
    const { connect, clock, transport } = running;
    const starting = await connect();
    await starting.hello();
    await starting.ask("STARTTLS");
    using direct = await Peer.connect(transport.addresses[1]!);
    const began = clock.now();
    const heard = await passing(clock, Promise.all([starting.toEnd(), direct.toEnd()]));
    assertEquals(heard, ["", ""]);
    assert(clock.now() - began >= 30 * SECOND);
  }));

Deno.test("a client that is silent in TLS hears 421 4.4.2 there", () =>
  withTransport({ limits: { commandTimeout: 300 * SECOND } }, async (running) => {
    const peer = await started(running);
    await peer.ask("EHLO client.example");
    const heard = await passing(running.clock, peer.toEnd());
    assertEquals(heard, "421 4.4.2 Timeout, closing connection\n");
  }));

Deno.test("a client in TLS that never reads is hung up on", () =>
  withTransport({ limits: { errors: 1e9, idleCommands: 1e9 } }, async (running) => {
    const deaf = await started(running);
    const flood = "HELP\r\n".repeat(20_000);
    let gone = false;
    const flooded = (async () => {
      while (!gone) await deaf.say(flood);
    })().catch(() => {});
    flooded.then(() => gone = true);
    await until(() => {
      if (!gone) running.clock.advance(100);
      return gone;
    });
  }));

Deno.test("a client too many on a listener with implicit TLS is hung up on", () =>
  withTransport({ limits: { connections: 1 } }, async ({ connect, transport }) => {
    await (await connect()).hello();
    using peer = await Peer.connect(transport.addresses[1]!);
    assertEquals(await peer.toEnd(), "");
  }));

Deno.test("a certificate that is replaced is shown to the next client", async () => {
  const tls = new ServerTls([CERTIFICATE]);
  const next = await selfSignedCertificate(HOSTNAME, Date.now());
  await withTransport({ tls }, async (running) => {
    const before = await started(running);
    tls.replace([next]);
    await before.ask("EHLO client.example");
    assertEquals(await before.ask("NOOP"), "250 2.0.0 OK");
    using after = await Peer.connectTls(running.transport.addresses[1]!, HOSTNAME, next.cert);
    assertMatch(await after.reply(), /^220 /);
  });
});

Deno.test("a certificate that cannot be used is an error, and leaves the old one in its place", async () => {
  const tls = new ServerTls([CERTIFICATE]);
  const other = await selfSignedCertificate(HOSTNAME, Date.now());
  const { cert, key } = CERTIFICATE;
  assertThrows(() => tls.replace([{ cert: "no PEM", key }]), TypeError, "expected a certificate");
  assertThrows(() => tls.replace([{ cert, key: "no PEM" }]), TypeError, "expected a private key");
  assertThrows(() => tls.replace([{ cert, key: other.key }]), TypeError, "the key is not that");
  await withTransport({ tls }, async (running) => {
    await started(running);
  });
});

/** Octets in use on the heap, garbage excluded. */
function heapInUse(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return Deno.memoryUsage().heapUsed;
}

/** What makes a handshake fail: no TLS at all, and an offer that nobody takes, for a name that there is. */
const FAILING: Record<string, string | Uint8Array> = {
  "of clients that speak no TLS": "EHLO client.example\r\n",
  "of clients that offer nothing that we have": records(hello(serverName("mx2.test"))),
};
for (const [whose, octets] of Object.entries(FAILING)) {
  for (const [how, tls] of [["one certificate", undefined], ["several", MANY_NAMES]] as const) {
    Deno.test(`a thousand failed handshakes ${whose} with ${how} leave nothing on the heap`, () =>
      withTransport(
        { limits: { connectionsPerAddress: 200 }, ...(tls && { tls }) },
        async ({ transport }) => {
          const fail = async () => {
            using peer = await Peer.connect(transport.addresses[1]!);
            await peer.say(octets);
            await peer.toEnd();
          };
          const failOften = async (times: number) => {
            for (let i = 0; i < times; i += 20) await Promise.all(Array.from({ length: 20 }, fail));
          };
          await failOften(200);
          const before = heapInUse();
          await failOften(1000);
          const grown = heapInUse() - before;
          assert(grown < 512 * 1024, `grown by ${grown} octets`);
        },
      ));
  }
}
