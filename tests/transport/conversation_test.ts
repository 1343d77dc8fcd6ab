import { assert, assertEquals, assertMatch } from "@std/assert";
import { decode, encode } from "../../base/bytes.ts";
import { reply } from "../../protocol/reply.ts";
import { RecordingHandler } from "../protocol/recording_handler.ts";
import type { Peer } from "./peer.ts";
import { passing, type Running, turn, until, withTransport } from "./running.ts";

const SECOND = 1000;
const CONTENT = "Subject: hello\r\n\r\nWorld";

/** The contents that arrived, in order. */
function arrived({ handler }: Running): string[] {
  return handler.messages.map(({ content }) => decode(content));
}

/** A connection with DATA under way, of which `content` has been sent. */
async function inData({ connect, handler }: Running, content = ""): Promise<Peer> {
  const peer = await connect();
  await peer.hello();
  await peer.ask("MAIL FROM:<a@example.org>");
  await peer.ask("RCPT TO:<b@example.net>");
  await peer.ask("DATA");
  await peer.say(content);
  await until(() => handler.octets === content.length);
  return peer;
}

Deno.test("a message that is handed over arrives with its envelope and its client", () =>
  withTransport({}, async (running) => {
    const peer = await running.connect();
    assertEquals(await peer.reply(), "220 mx.example.org ESMTP deno-smtp-server");
    await peer.ask("EHLO client.example");
    assertEquals(await peer.send(CONTENT), "250 2.0.0 Queued");
    assertEquals(await peer.ask("QUIT"), "221 2.0.0 Bye");
    assertEquals(await peer.toEnd(), "");
    assertEquals(arrived(running), [`${CONTENT}\r\n`]);
    const [message] = running.handler.messages;
    const { client, reversePath, recipients } = message!.envelope;
    assertEquals([reversePath, ...recipients], ["a@example.org", "b@example.net"]);
    assertEquals([client.address, client.protocol, client.tls], ["127.0.0.1", "ESMTP", undefined]);
  }));

const SESSION = "EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n" +
  `DATA\r\n${CONTENT}\r\n.\r\nMAIL FROM:<c@example.org>\r\nRCPT TO:<d@example.net>\r\n` +
  "BDAT 7\r\nSubject" + "BDAT 4 LAST\r\n: x\n" + "QUIT\r\n";
const CODES = "220 250 250 250 354 250 250 250 250 550 221";

Deno.test("a client that says its whole session in one write is served in order", () =>
  withTransport({}, async (running) => {
    const peer = await running.connect();
    await peer.say(SESSION);
    assertEquals(await peer.codes(11), CODES);
    assertEquals(await peer.toEnd(), "");
    assertEquals(arrived(running), [`${CONTENT}\r\n`]);
  }));

Deno.test("a client that says one octet at a time is served in order", () =>
  withTransport({}, async (running) => {
    const peer = await running.connect();
    for (const octet of encode(SESSION)) {
      await peer.say(Uint8Array.of(octet));
      await turn();
    }
    assertEquals(await peer.codes(11), CODES);
    assertEquals(arrived(running), [`${CONTENT}\r\n`]);
  }));

Deno.test("a client that ends its side after the last command still gets its replies", () =>
  withTransport({}, async (running) => {
    const peer = await running.connect();
    await peer.say(SESSION.replace("QUIT\r\n", ""));
    await peer.endInput();
    assertEquals((await peer.toEnd()).match(/^\d{3}(?= )/gm)?.join(" "), CODES.slice(0, -4));
    assertEquals(running.handler.messages.length, 1);
  }));

Deno.test("handlers that answer later make no difference", () => {
  const handler = new RecordingHandler(true);
  return withTransport({ welcome: () => Promise.resolve(handler) }, async ({ connect }) => {
    const peer = await connect();
    await peer.say(SESSION);
    assertEquals(await peer.codes(11), CODES);
    assertEquals(handler.messages.length, 1);
  });
});

Deno.test("two hundred clients at once are all served", () =>
  withTransport({ limits: { connectionsPerAddress: 200 } }, async (running) => {
    const replies = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const peer = await running.connect();
      await peer.hello();
      return await peer.send(`Subject: ${i}\r\n\r\n`);
    }));
    assertEquals(new Set(replies), new Set(["250 2.0.0 Queued"]));
    assertEquals(new Set(arrived(running)).size, 200);
  }));

Deno.test("large content arrives unchanged, past the size of every buffer", () =>
  withTransport({}, async (running) => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i} ${"x".repeat(i % 90)}\r\n`);
    const content = `Subject: large\r\n\r\n${lines.join("")}`;
    const peer = await running.connect();
    await peer.hello();
    assertEquals(await peer.send(content.slice(0, -2)), "250 2.0.0 Queued");
    assert(arrived(running)[0] === content);
  }));

Deno.test("a client that hangs up in the middle of DATA leaves nothing behind", () =>
  withTransport({}, async (running) => {
    const peer = await inData(running, "Subject: half\r\n\r\nHalf a");
    peer.close();
    await until(() => running.handler.aborted === 1);
    assertEquals([running.handler.finished, running.handler.messages.length], [0, 0]);
  }));

Deno.test("a client that is silent for the command timeout hears 421 4.4.2", () =>
  withTransport({ limits: { commandTimeout: 300 * SECOND } }, async ({ connect, clock }) => {
    const peer = await connect();
    await peer.hello();
    const began = clock.now();
    const heard = await passing(clock, peer.toEnd());
    assertEquals(heard, "421 4.4.2 Timeout, closing connection\n");
    assert(clock.now() - began >= 300 * SECOND);
  }));

Deno.test("a client that is silent from the first moment hears 421 4.4.2", () =>
  withTransport({ limits: { commandTimeout: 300 * SECOND } }, async ({ connect, clock }) => {
    const peer = await connect();
    await peer.reply();
    const heard = await passing(clock, peer.toEnd());
    assertEquals(heard, "421 4.4.2 Timeout, closing connection\n");
  }));

Deno.test("a command that comes one octet at a time must be whole within the command timeout", () =>
  withTransport({ limits: { commandTimeout: 300 * SECOND } }, async ({ connect, clock }) => {
    const peer = await connect();
    await peer.hello();
    const began = clock.now();
    let heard: string | undefined;
    peer.toEnd().then((text) => heard = text);
    while (heard === undefined) {
      const { asked } = clock;
      await peer.say("N").catch(() => {});
      // Whoever waits for the next octet has asked how long it may.
      await until(() => clock.asked > asked || heard !== undefined);
      clock.advance(10 * SECOND);
      assert(clock.now() - began < 3600 * SECOND, "octets keep the connection open");
    }
    assertEquals(heard, "421 4.4.2 Timeout, closing connection\n");
  }));

Deno.test("commands that come in time may go on for longer than the command timeout", () =>
  withTransport({ limits: { commandTimeout: 300 * SECOND } }, async ({ connect, clock }) => {
    const peer = await connect();
    await peer.hello();
    for (let i = 0; i < 10; i++) {
      clock.advance(200 * SECOND);
      assertEquals(await peer.ask("NOOP"), "250 2.0.0 OK");
    }
  }));

Deno.test("content that stops coming for the data timeout ends with 421 4.4.2, and is dropped", () =>
  withTransport({ limits: { dataTimeout: 180 * SECOND } }, async (running) => {
    const { clock, handler } = running;
    const peer = await inData(running, "Subject: half\r\n");
    const began = clock.now();
    assertEquals(await passing(clock, peer.toEnd()), "421 4.4.2 Timeout, closing connection\n");
    assert(clock.now() - began >= 180 * SECOND);
    await until(() => handler.aborted === 1);
    assertEquals(handler.messages.length, 0);
  }));

Deno.test("content below the least rate ends with 421 4.4.2 after the first minute, and is dropped", () =>
  withTransport({ limits: { dataRate: 100 } }, async (running) => {
    const { clock, handler } = running;
    const peer = await inData(running);
    const began = clock.now();
    let heard: string | undefined;
    peer.toEnd().then((text) => heard = text);
    while (heard === undefined) {
      await peer.say("x").catch(() => {});
      const octets = handler.octets;
      await until(() => handler.octets > octets || heard !== undefined);
      clock.advance(SECOND);
      assert(clock.now() - began < 120 * SECOND, "octets keep the connection open");
    }
    assertEquals(heard, "421 4.4.2 Content arrives too slowly\n");
    assert(clock.now() - began >= 60 * SECOND);
    await until(() => handler.aborted === 1);
    assertEquals(handler.messages.length, 0);
  }));

Deno.test("content above the least rate may take as long as it likes", () =>
  withTransport({ limits: { dataRate: 100 } }, async (running) => {
    const peer = await inData(running);
    for (let second = 0; second < 200; second++) {
      await peer.say("x".repeat(148) + "\r\n");
      await until(() => running.handler.octets === (second + 1) * 150);
      running.clock.advance(SECOND);
    }
    await peer.say(".\r\n");
    assertEquals(await peer.reply(), "250 2.0.0 Queued");
    assertEquals(running.handler.messages[0]!.content.length, 200 * 150);
  }));

Deno.test("a client too many hears 421 4.3.2, and there is room again when one leaves", () =>
  withTransport({ limits: { connections: 2 } }, async ({ connect }) => {
    const peers = [await connect(), await connect()];
    for (const peer of peers) await peer.hello();
    const third = await connect();
    assertEquals(await third.toEnd(), "421 4.3.2 Too many connections, try again later\n");
    assertEquals(await peers[0]!.ask("QUIT"), "221 2.0.0 Bye");
    await peers[0]!.toEnd();
    assertMatch(await (await connect()).reply(), /^220 /);
  }));

Deno.test("a client too many from one address hears 421 4.7.0", () =>
  withTransport({ limits: { connectionsPerAddress: 1 } }, async ({ connect }) => {
    const first = await connect();
    await first.hello();
    const heard = await (await connect()).toEnd();
    assertEquals(heard, "421 4.7.0 Too many connections from your address\n");
    assertEquals(await first.ask("NOOP"), "250 2.0.0 OK");
  }));

Deno.test("a trusted address may have any number of connections", () => {
  const unbounded = (address: string) => address === "127.0.0.1";
  const limits = { connectionsPerAddress: 1 };
  return withTransport({ limits, unbounded }, async ({ connect }) => {
    const peers = [await connect(), await connect(), await connect()];
    for (const peer of peers) assertMatch(await peer.reply(), /^220 /);
  });
});

Deno.test("a client that is refused at connect hears the refusal and nothing else", () => {
  const welcome = () => Promise.resolve(reply(554, "5.7.1", "Not from you"));
  return withTransport({ welcome }, async ({ connect }) => {
    assertEquals(await (await connect()).toEnd(), "554 5.7.1 Not from you\n");
  });
});

Deno.test("a connect hook that fails is answered with 451 4.3.0, and the next client is asked for anew", () => {
  let asked = 0;
  const welcome = () => {
    if (asked++ === 0) throw new Error("the hook failed");
    return reply(554, "5.7.1", "Not from you");
  };
  return withTransport({ welcome }, async ({ connect }) => {
    assertEquals(await (await connect()).toEnd(), "451 4.3.0 Local error, try again later\n");
    assertEquals(await (await connect()).toEnd(), "554 5.7.1 Not from you\n");
  });
});

Deno.test("a client that sends a megabyte without a line end hears one 500, and is served on", () =>
  withTransport({}, async ({ connect }) => {
    const peer = await connect();
    await peer.hello();
    await peer.say("x".repeat(1 << 20) + "\r\n");
    assertMatch(await peer.reply(), /^500 5\.5\.2 /);
    assertEquals(await peer.ask("NOOP"), "250 2.0.0 OK");
  }));

Deno.test("a client that never reads is hung up on, and its neighbour is not slowed", () =>
  withTransport({ limits: { errors: 1e9, idleCommands: 1e9 } }, async (running) => {
    const { connect, clock } = running;
    const deaf = await connect();
    const flood = "HELP\r\n".repeat(20_000);
    let gone = false;
    const flooded = (async () => {
      while (!gone) await deaf.say(flood);
    })().catch(() => {});
    const neighbour = await connect();
    await neighbour.hello();
    assertEquals(await neighbour.send(CONTENT), "250 2.0.0 Queued");
    flooded.then(() => gone = true);
    await until(() => {
      if (!gone) clock.advance(100);
      return gone;
    });
  }));
