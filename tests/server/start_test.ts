import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  type DeliveredEvent,
  ListenError,
  type Server,
  SpoolError,
  start,
  type StartOptions,
  take,
} from "../../mod.ts";
import { startServer } from "../../server/server.ts";
import { configOf } from "../../server/options.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { textOf } from "../queue/fixtures.ts";
import { Peer } from "../transport/peer.ts";
import { CERTIFICATE, until } from "../transport/running.ts";

const MESSAGE = {
  from: "a@example.org",
  to: "b@example.net",
  content: "Subject: hello\n\nWorld\n",
};
/** A certificate that is given spares the test the making of one. */
const QUIET: StartOptions = { listen: "127.0.0.1:0", certificate: CERTIFICATE, stopGrace: 1000 };

/** Runs a server for one test. */
async function withServer(
  options: StartOptions,
  check: (server: Server) => Promise<void>,
): Promise<void> {
  const server = await start({ ...QUIET, ...options });
  try {
    await check(server);
  } finally {
    await server.stop();
  }
}

/** Runs a check in a working directory of its own, where the default spool then is. */
function inDirectory(check: (directory: string) => Promise<void>): Promise<void> {
  return withTempDir(async (directory) => {
    const before = Deno.cwd();
    Deno.chdir(directory);
    try {
      await check(directory);
    } finally {
      Deno.chdir(before);
    }
  });
}

function spoolFiles(spool: string): string[] {
  return Array.from(Deno.readDirSync(spool), ({ name }) => name).sort();
}

Deno.test("start with an address listens there, on a free port where it says 0", () =>
  inDirectory(async (directory) => {
    const { addr, addresses, stop } = await start("127.0.0.1:0");
    assertEquals([addr.hostname, addr.transport, addresses.length], ["127.0.0.1", "tcp", 1]);
    assertEquals(`${addr}`, `127.0.0.1:${addr.port}`);
    using peer = await Peer.connect(addr);
    assertMatch(await peer.reply(), /^220 /);
    await stop();
    assert(spoolFiles(`${directory}/spool`).includes("journal"));
    await assertRejects(() => Peer.connect(addr), Deno.errors.ConnectionRefused);
  }));

Deno.test("start with a port alone listens on every interface", () =>
  inDirectory(async () => {
    const { addr, stop } = await start(":0");
    assertMatch(`${addr}`, /^(\[::\]|0\.0\.0\.0):\d+$/);
    using peer = await Peer.connect({ hostname: "127.0.0.1", port: addr.port });
    assertMatch(await peer.reply(), /^220 /);
    await stop();
  }));

Deno.test("a server listens on several addresses, in their order", () =>
  withTempDir((spool) => {
    const listen = ["127.0.0.1:0", "smtps://127.0.0.1:0"];
    return withServer({ listen, spool }, ({ addr, addresses }) => {
      assertEquals(addr, addresses[0]);
      assertEquals(addresses.map(({ tls }) => tls), [false, true]);
      assertMatch(`${addresses[1]}`, /^smtps:\/\/127\.0\.0\.1:\d+$/);
      return Promise.resolve();
    });
  }));

Deno.test("what one server sends through another arrives, and nothing is left open", () =>
  withTempDir(async (directory) => {
    const arrived = Promise.withResolvers<string>();
    const message = async ({ content }: { content: Parameters<typeof textOf>[0] }) => {
      arrived.resolve(await textOf(content));
      return take();
    };
    await withServer({ spool: `${directory}/far`, hooks: { message } }, async (far) => {
      const near = {
        spool: `${directory}/near`,
        smarthost: `smtp://${far.addr}`,
        allowPrivate: true,
      };
      await withServer(near, async ({ send, on, counts }) => {
        const delivered = Promise.withResolvers<DeliveredEvent>();
        const remove = on("delivered", (event) => delivered.resolve(event));
        const { id } = await send(MESSAGE);
        assertEquals((await delivered.promise).id, id);
        assert((await arrived.promise).endsWith("Subject: hello\r\n\r\nWorld\r\n"));
        await until(() => counts().messages === 0);
        remove();
      });
    });
  }));

Deno.test("in hold mode mail is queued and nothing is delivered; it is there after a restart", () =>
  withTempDir(async (spool) => {
    let id = "";
    await withServer({ spool, hold: true }, async ({ addr, send, counts }) => {
      id = (await send(MESSAGE)).id;
      using peer = await Peer.connect(addr);
      await peer.hello();
      assertMatch(await peer.send("Subject: by SMTP\r\n"), /^250 /);
      assertEquals(counts().messages, 2);
    });
    assert(spoolFiles(spool).includes(`${id}.json`), "what waits has no file of its own");
    await withServer({ spool, hold: true }, ({ counts }) => {
      assertEquals(counts().messages, 2);
      return Promise.resolve();
    });
  }));

Deno.test("stop may be called twice, at once and later, and send rejects after it", () =>
  withTempDir(async (spool) => {
    const { stop, send, counts } = await start({ ...QUIET, spool });
    await Promise.all([stop(), stop()]);
    await stop();
    await assertRejects(() => send(MESSAGE), Error, "the server is stopped");
    assertEquals(counts().messages, 0);
  }));

Deno.test("two servers cannot have one spool, and the first goes on", () =>
  withTempDir((spool) =>
    withServer({ spool, hold: true }, async ({ send, counts }) => {
      const error = await assertRejects(() => start({ ...QUIET, spool }), SpoolError);
      assertEquals(error.kind, "held");
      await send(MESSAGE);
      assertEquals(counts().messages, 1);
    })
  ));

Deno.test("a port in use is a ListenError that names it, and the spool is given up again", () =>
  withTempDir(async (directory) => {
    const spool = `${directory}/second`;
    await withServer({ spool: `${directory}/first` }, async ({ addr }) => {
      const options = { ...QUIET, spool, listen: ["127.0.0.1:0", `${addr}`] };
      await assertRejects(() => start(options), ListenError, `${addr}: the address is in use`);
    });
    await withServer({ spool }, () => Promise.resolve());
  }));

Deno.test("a wrong option is an error before anything is started", () =>
  inDirectory(async (directory) => {
    await assertRejects(() => start({ trust: ["anyone"] }), TypeError, 'trust[0] "anyone"');
    assertEquals(spoolFiles(directory), []);
  }));

Deno.test("a spool that cannot be made is a SpoolError", () =>
  withTempDir(async (directory) => {
    await Deno.writeTextFile(`${directory}/file`, "");
    const options = { ...QUIET, spool: `${directory}/file/spool` };
    const error = await assertRejects(() => start(options), SpoolError);
    assertEquals(error.kind, "unusable");
  }));

Deno.test("an own certificate is kept in the spool, and looked at again once a day", () =>
  withTempDir(async (spool) => {
    const clock = new TestClock(Date.now());
    const config = configOf({
      listen: "127.0.0.1:0",
      hostname: "mx.example.org",
      spool,
      hold: true,
    });
    const server = await startServer(config, { clock, queue: new MemoryQueue(clock) });
    const kept = () => Deno.readTextFileSync(`${spool}/tls/cert.pem`);
    const shownNow = async () => {
      using peer = await Peer.connect(server.addresses[0]!);
      await peer.hello();
      await peer.ask("STARTTLS");
      await peer.startTls("mx.example.org", kept());
      return await peer.ask("EHLO client.example");
    };
    assertMatch(await shownNow(), /^250-/);
    const first = kept();
    await Deno.remove(`${spool}/tls/cert.pem`);
    clock.advance(25 * 60 * 60 * 1000);
    await server.stop();
    assert(kept() !== first, "stop did not wait for the look that was under way");
    assertEquals(clock.timers, 0);
  }));

Deno.test("stop breaks an open transaction off once its grace is over", () =>
  withTempDir(async (spool) => {
    const { addr, stop } = await start({ ...QUIET, spool, hold: true, stopGrace: 0 });
    using peer = await Peer.connect(addr);
    await peer.hello();
    await peer.ask("MAIL FROM:<a@example.org>");
    const stopped = stop();
    assertEquals(await peer.toEnd(), "421 4.3.2 Server is shutting down\n");
    await stopped;
  }));

Deno.test("a name server that never answers does not hold a stop up", () =>
  withTempDir(async (spool) => {
    await using silent = await DnsServer.start();
    silent.script("example.net", "MX", "drop");
    const dns = `127.0.0.1:${silent.nameServer.port}`;
    const { send, stop, counts } = await start({ ...QUIET, spool, dns, stopGrace: 0 });
    await send(MESSAGE);
    await silent.heard(({ type }) => type === "MX");
    const began = performance.now();
    await stop();
    assert(performance.now() - began < 2000, "stop waited for the name server");
    assertEquals([counts().messages, counts().active], [1, 0]);
  }));
