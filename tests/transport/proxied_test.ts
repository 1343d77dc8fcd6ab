import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat, encode } from "../../base/bytes.ts";
import type { StoryFact } from "../../history/story.ts";
import { SessionStories } from "../../transport/session_stories.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { Peer } from "./peer.ts";
import {
  CERTIFICATE,
  type Changes,
  HOSTNAME,
  passing,
  type Running,
  withTransport,
} from "./running.ts";

const HEADER = "PROXY TCP6 2001:DB8::7 2001:db8::1 4711 25\r\n";

/** A transport with a plain listener for proxies and one with implicit TLS, which trusts loopback to be one. */
function withProxied(
  check: (running: Running) => Promise<void>,
  changes: Changes = {},
): Promise<void> {
  const listen = [false, true].map((tls) => ({
    hostname: "127.0.0.1",
    port: 0,
    tls,
    proxied: true,
  }));
  const proxies = (address: string) => address === "127.0.0.1" ? "127.0.0.1/32" : undefined;
  return withTransport({ listen, proxies, ...changes }, check);
}

/** Hands a message over; gives the client that brought it. */
async function clientOf(peer: Peer, { handler }: Running) {
  await peer.hello();
  assertEquals(await peer.send("Subject: x\r\n\r\nx"), "250 2.0.0 Queued");
  const { address, port } = handler.messages.at(-1)!.envelope.client;
  return { address, port };
}

const CLIENT = { address: "2001:db8::7", port: 4711 };

Deno.test("a proxy's client is the one that its header names", () =>
  withProxied(async (running) => {
    const peer = await running.connect();
    await peer.say(HEADER);
    assertEquals(await clientOf(peer, running), CLIENT);
  }));

Deno.test("what a client said before its proxy's header was read is not lost", () =>
  withProxied(async (running) => {
    const peer = await running.connect();
    await peer.say(HEADER + "EHLO client.example\r\nMAIL FROM:<a@b.test>\r\n");
    await peer.reply();
    assertMatch(await peer.reply(), /^250-mx/);
    assertEquals(await peer.reply(), "250 2.1.0 Sender OK");
  }));

Deno.test("a header may come octet by octet", () =>
  withProxied(async (running) => {
    const peer = await running.connect();
    for (const octet of encode(HEADER)) await peer.say(Uint8Array.of(octet));
    assertEquals(await clientOf(peer, running), CLIENT);
  }));

Deno.test("with implicit TLS the header comes before the handshake", () =>
  withProxied(async (running) => {
    const conn = await Deno.connect(running.transport.addresses[1]!);
    const header = concat([
      encode("\r\n\r\n\0\r\nQUIT\n"),
      Uint8Array.of(0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 0, 25),
    ]);
    await conn.write(header);
    using peer = new Peer(conn);
    await peer.startTls(HOSTNAME, CERTIFICATE.cert);
    assertEquals(await clientOf(peer, running), { address: "192.0.2.1", port: 4711 });
    await peer.ask("QUIT");
    await peer.toEnd();
  }));

Deno.test("a proxy that speaks for itself is its own client", () =>
  withProxied(async (running) => {
    const peer = await running.connect();
    await peer.say("PROXY UNKNOWN\r\n");
    assertEquals((await clientOf(peer, running)).address, "127.0.0.1");
  }));

Deno.test("limits for each address go by the client's, not by its proxy's", () =>
  withProxied(async ({ connect }) => {
    const [first, other, second] = [await connect(), await connect(), await connect()];
    await first.say(HEADER);
    assertMatch(await first.reply(), /^220 /);
    await other.say("PROXY TCP4 192.0.2.9 192.0.2.1 1 25\r\n");
    assertMatch(await other.reply(), /^220 /);
    await second.say(HEADER);
    assertEquals(await second.toEnd(), "421 4.7.0 Too many connections from your address\n");
  }, { limits: { connectionsPerAddress: 1 } }));

Deno.test("who is no proxy is hung up on without a word, whatever it says", () =>
  withProxied(async ({ connect }) => {
    for (const said of [HEADER, "EHLO client.example\r\n"]) {
      const peer = await connect();
      await peer.say(said).catch(() => {});
      assertEquals(await peer.toEnd(), "");
    }
  }, { proxies: () => undefined }));

Deno.test("who is no proxy, or sends no header, is told as refused without a reply", async () => {
  const facts: StoryFact[] = [];
  const clock = new TestClock();
  const sessions = new SessionStories({ take: (fact) => void facts.push(fact) }, clock);
  const told = async (said: string, changes: Changes) => {
    await withProxied(async ({ connect }) => {
      const peer = await connect();
      await peer.say(said).catch(() => {});
      await peer.toEnd();
    }, { clock, sessions, ...changes });
    const [refused, session] = facts.splice(0);
    assert(refused?.kind === "refused" && session?.kind === "session", "a refusal, then the end");
    assertEquals([refused.reply, session.end, session.refusals], [undefined, "turned away", 1]);
    return `${refused.client.address} ${refused.decision.about}: ${refused.decision.rule}`;
  };
  assertEquals(
    await told(HEADER, { proxies: () => undefined }),
    "127.0.0.1 connection: it is none of the proxy_hosts",
  );
  assertEquals(await told("QUIT\r\n", {}), "127.0.0.1 connection: its PROXY line is malformed");
});

Deno.test("a proxy without a proper header is hung up on without a word", () =>
  withProxied(async ({ connect, handler }) => {
    for (const said of ["EHLO client.example\r\n", "PROXY TCP4 a b 1 2\r\n", "PROXY TCP4 192."]) {
      const peer = await connect();
      await peer.say(said);
      await peer.endInput();
      assertEquals(await peer.toEnd(), "");
    }
    assertEquals(handler.clients, []);
  }));

Deno.test("a proxy that is silent, or slow with its header, is hung up on", () =>
  withProxied(async ({ connect, clock }) => {
    const [silent, slow] = [await connect(), await connect()];
    await slow.say("PROXY TCP4 192.0.2.1");
    const began = clock.now();
    assertEquals(await passing(clock, Promise.all([silent.toEnd(), slow.toEnd()])), ["", ""]);
    assert(clock.now() - began < 250_000, "it had the time of a command");
  }));

Deno.test("a header on a listener that is not for proxies is a faulty command", () =>
  withTransport({ proxies: () => "0.0.0.0/0" }, async (running) => {
    const peer = await running.connect();
    await peer.say(HEADER);
    assertMatch(await peer.reply(), /^220 /);
    assertMatch(await peer.reply(), /^500 5\.5\.2 /);
    await peer.ask("EHLO client.example");
    assertEquals(await peer.send("Subject: x\r\n\r\nx"), "250 2.0.0 Queued");
    assertEquals(running.handler.messages[0]!.envelope.client.address, "127.0.0.1");
  }));
