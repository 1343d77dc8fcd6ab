import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { SmtpReply } from "../../protocol/reply.ts";
import type { MessageSink } from "../../protocol/handler.ts";
import { RecordingHandler } from "../protocol/recording_handler.ts";
import { Peer } from "./peer.ts";
import { passing, turn, until, withTransport } from "./running.ts";

const SECOND = 1000;
const GOODBYE = "421 4.3.2 Server is shutting down\n";

Deno.test("idle clients hear 421 at once, and stop does not wait for its grace", () =>
  withTransport({}, async ({ connect, connectTls, transport, clock }) => {
    const peers = [await connect(), await connectTls()];
    for (const peer of peers) await peer.hello();
    const stopped = transport.stop(30 * SECOND);
    for (const peer of peers) assertEquals(await peer.toEnd(), GOODBYE);
    await stopped;
    assertEquals(clock.timers, 0);
  }));

Deno.test("nobody can connect after a stop", () =>
  withTransport({}, async ({ transport }) => {
    await transport.stop(0);
    for (const address of transport.addresses) {
      await assertRejects(() => Peer.connect(address), Deno.errors.ConnectionRefused);
    }
  }));

Deno.test("an open transaction may be finished within the grace, and then hears 421", () =>
  withTransport({}, async ({ connect, transport, clock, handler }) => {
    const peer = await connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@example.org>");
    const stopped = transport.stop(30 * SECOND);
    await peer.ask("RCPT TO:<b@example.net>");
    clock.advance(20 * SECOND);
    await peer.ask("DATA");
    assertEquals(await peer.ask("Subject: last\r\n\r\n."), "250 2.0.0 Queued");
    assertEquals(await peer.toEnd(), GOODBYE);
    await stopped;
    assertEquals([handler.messages.length, clock.timers], [1, 0]);
  }));

Deno.test("a transaction that is reset during the grace hears 421 instead of another one", () =>
  withTransport({}, async ({ connect, transport }) => {
    const peer = await connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@example.org>");
    const stopped = transport.stop(30 * SECOND);
    assertEquals(await peer.ask("RSET"), "250 2.0.0 OK");
    assertEquals(await peer.toEnd(), GOODBYE);
    await stopped;
  }));

Deno.test("a transaction that is open when the grace is over hears 421, and is dropped", () =>
  withTransport({}, async ({ connect, transport, clock, handler }) => {
    const peer = await connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@example.org>");
    await peer.ask("RCPT TO:<b@example.net>");
    await peer.ask("DATA");
    const stopped = transport.stop(30 * SECOND);
    clock.advance(29 * SECOND);
    await peer.say("Subject: still here\r\n");
    await until(() => handler.octets > 0);
    clock.advance(2 * SECOND);
    assertEquals(await peer.toEnd(), GOODBYE);
    await stopped;
    await until(() => handler.aborted === 1);
    assertEquals(handler.messages.length, 0);
  }));

Deno.test("a client that is silent in its TLS handshake does not hold a stop up", () =>
  withTransport({}, async ({ connect, transport, clock }) => {
    const starting = await connect();
    await starting.hello();
    await starting.ask("STARTTLS");
    using silent = await Peer.connect(transport.addresses[1]!);
    for (let turns = 0; turns < 200; turns++) await turn();
    await transport.stop(30 * SECOND);
    assertEquals([await starting.toEnd(), await silent.toEnd()], ["", ""]);
    assertEquals(clock.timers, 0);
  }));

Deno.test("a client that does not read its 421 holds a stop up for five seconds at most", () =>
  withTransport({ limits: { errors: 1e9, idleCommands: 1e9 } }, async (running) => {
    const { connect, transport, clock } = running;
    const deaf = await connect();
    const flood = "HELP\r\n".repeat(20_000);
    let full = false;
    const flooded = (async () => {
      while (!full) {
        const said = deaf.say(flood);
        for (let turns = 0; turns < 5000 && !full; turns++) {
          if (await Promise.race([said.then(() => true), turn().then(() => false)])) break;
          full = turns === 4999;
        }
        if (full) await said;
      }
    })().catch(() => {});
    await until(() => full);
    const began = clock.now();
    await passing(clock, transport.stop(30 * SECOND));
    assert(clock.now() - began >= 30 * SECOND);
    await flooded;
  }));

Deno.test("a stop ends after its grace though a hook never answers", () => {
  const handler = new RecordingHandler();
  const asked = Promise.withResolvers<void>();
  handler.mail = () => {
    asked.resolve();
    return new Promise<SmtpReply>(() => {});
  };
  return withTransport({ welcome: () => handler }, async ({ connect, transport, clock }) => {
    const peer = await connect();
    await peer.hello();
    await peer.say("MAIL FROM:<a@example.org>\r\n");
    await asked.promise;
    const stopped = transport.stop(30 * SECOND);
    clock.advance(31 * SECOND);
    assertEquals(await peer.toEnd(), GOODBYE);
    await stopped;
  });
});

Deno.test("a client whom the connect hook keeps waiting hears 421 at a stop", () => {
  const asked = Promise.withResolvers<void>();
  const never = new Promise<SmtpReply>(() => {});
  const welcome = () => {
    asked.resolve();
    return never;
  };
  return withTransport({ welcome }, async ({ connect, transport, clock }) => {
    const peer = await connect();
    await asked.promise;
    const stopped = transport.stop(30 * SECOND);
    assertEquals(await peer.toEnd(), GOODBYE);
    await passing(clock, stopped);
  });
});

Deno.test("a message that is being made durable when stop is called is answered for", () => {
  const durable = Promise.withResolvers<SmtpReply>();
  const handler = new RecordingHandler();
  let finishing = false;
  const sink: MessageSink = {
    write: () => {},
    abort: () => {},
    finish: () => {
      finishing = true;
      return durable.promise;
    },
  };
  handler.message = () => sink;
  return withTransport({ welcome: () => handler }, async ({ connect, transport }) => {
    const peer = await connect();
    await peer.hello();
    const answer = peer.send("Subject: slow disk\r\n");
    await until(() => finishing);
    const stopped = transport.stop(30 * SECOND);
    durable.resolve({ code: 250, enhanced: "2.0.0", lines: ["Queued at last"] });
    assertEquals(await answer, "250 2.0.0 Queued at last");
    assertEquals(await peer.toEnd(), GOODBYE);
    await stopped;
  });
});

Deno.test("a client that connects while a stop is under way is served nothing", () =>
  withTransport({}, async ({ transport }) => {
    const connecting = Peer.connect(transport.addresses[0]!);
    const stopped = transport.stop(30 * SECOND);
    using peer = await connecting.catch(() => undefined);
    // Refused, reset or told so: it depends on how far the system had come.
    if (peer) assertMatch(await peer.toEnd(), /^(220 .*\n)?(421 4\.3\.2 .*\n)?$/);
    await stopped;
  }));
