/** Whether a server says that it is ready when it is, and what is in the way when it is not. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { NotReady } from "../../control/target.ts";
import { FileQueue } from "../../queue/file_queue.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import { reasonsNotReady } from "../../server/readiness.ts";
import { startServer } from "../../server/server.ts";
import { configOf, type StartOptions } from "../../server/options.ts";
import type { Extras, ReloadableServer } from "../../server/running_server.ts";
import { BoundAddress } from "../../transport.ts";
import { canMount, Mount } from "../helpers/mounts.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { diskWithSlowFiles } from "../queue/slow_disk.ts";
import { Peer } from "../transport/peer.ts";
import { CERTIFICATE } from "../transport/running.ts";

const MIB = 1024 * 1024;
/** From when on the spool is tried again, ms. */
const FRESH_FOR = 5000;
const READY = { status: 200, codes: [], texts: [] };

/** What a probe of a load balancer gets. */
interface Answer {
  readonly status: number;
  readonly codes: readonly string[];
  readonly texts: readonly string[];
}

/** A server that is asked over TCP, without a token. */
interface Site {
  readonly server: ReloadableServer;
  readonly clock: TestClock;
  readonly ready: () => Promise<Answer>;
  readonly status: (path: string) => Promise<number>;
}

async function withServer(
  spool: string,
  check: (site: Site) => Promise<void>,
  { queue, ...options }: StartOptions & Pick<Extras, "queue"> = {},
): Promise<void> {
  const clock = new TestClock();
  const config = configOf({
    ...{ listen: "127.0.0.1:0", spool, certificate: CERTIFICATE, stopGrace: 30_000, hold: true },
    ...{ api: "127.0.0.1:0", apiToken: "a-token-that-nobody-shows-here" },
    ...options,
  });
  const server = await startServer(config, { clock, queue });
  const get = (path: string) => fetch(`${server.control.api}${path}`);
  try {
    await check({
      ...{ server, clock },
      ready: async () => {
        const answer = await get("/readyz");
        const { ready, reasons } = await answer.json() as { ready: boolean; reasons: NotReady[] };
        assertEquals(ready, answer.status === 200);
        const codes = reasons.map(({ code }) => code);
        return { status: answer.status, codes, texts: reasons.map(({ text }) => text) };
      },
      status: async (path) => {
        const answer = await get(path);
        await answer.body?.cancel();
        return answer.status;
      },
    });
  } finally {
    await server.stop();
  }
}

/** What is answered where one thing is in the way. */
function inTheWay(code: string, text: string): Answer {
  return { status: 503, codes: [code], texts: [text] };
}

Deno.test("a server that takes mail is ready, and tells anybody who asks", () =>
  withTempDir((spool) =>
    withServer(spool, async ({ ready, status }) => {
      assertEquals(await ready(), READY);
      assertEquals([await status("/healthz"), await status("/v1/status")], [200, 401]);
    })
  ));

Deno.test("a spool whose directory is gone is in the way, until it is back; the process is healthy", () =>
  withTempDir(async (directory) => {
    const spool = `${directory}/spool`;
    await withServer(spool, async ({ clock, ready, status }) => {
      await Deno.rename(spool, `${directory}/elsewhere`);
      assertEquals(
        await ready(),
        inTheWay("spool_unwritable", "the spool cannot be written (ENOENT)"),
      );
      assertEquals(await status("/healthz"), 200);
      await Deno.rename(`${directory}/elsewhere`, spool);
      clock.advance(FRESH_FOR);
      assertEquals(await ready(), READY);
    });
  }));

Deno.test({
  name: "a spool that is mounted read-only is in the way, until it can be written",
  ignore: !canMount,
  fn: () =>
    withTempDir((spool) =>
      withServer(spool, async ({ server, clock, ready }) => {
        await server.send({ from: "a@us.test", to: "b@us.test", content: "x" });
        {
          using _ = Mount.readOnly(spool);
          assertEquals(
            await ready(),
            inTheWay("spool_unwritable", "the spool cannot be written (EROFS)"),
          );
        }
        clock.advance(FRESH_FOR);
        assertEquals(await ready(), READY);
      })
    ),
});

Deno.test({
  name: "a spool on a full file system is in the way, with little room left and with none",
  ignore: !canMount,
  fn: () =>
    withTempDir(async (spool) => {
      using _ = Mount.small(spool, 80);
      await withServer(spool, async ({ server, clock, ready }) => {
        assertEquals(await ready(), READY);
        const large = `${spool}/large`;
        await Deno.writeFile(large, new Uint8Array(32 * MIB));
        clock.advance(FRESH_FOR);
        assertEquals(await ready(), inTheWay("spool_full", "space is low for the spool"));
        await assertRejects(() => Deno.writeFile(large, new Uint8Array(90 * MIB)));
        clock.advance(FRESH_FOR);
        assertEquals(await ready(), inTheWay("spool_full", "space is low for the spool (ENOSPC)"));
        await assertRejects(() => server.send({ from: "", to: "b@us.test", content: "x" }));
        await Deno.remove(large);
        clock.advance(FRESH_FOR);
        assertEquals(await ready(), READY);
      });
    }),
});

Deno.test("messages of the spool that are still to be read are in the way, until they are known", () =>
  withTempDir(async (spool) => {
    const { disk, letRead } = await diskWithSlowFiles(3);
    const queue = await FileQueue.open({
      directory: "/spool",
      clock: new TestClock(),
      files: disk,
    });
    await withServer(spool, async ({ ready }) => {
      const unread = "3 messages of the spool are not read yet";
      assertEquals(await ready(), inTheWay("starting", unread));
      letRead();
      await queue.allRead;
      assertEquals(await ready(), READY);
    }, { queue });
  }));

Deno.test("a listener at which nobody is let in is in the way", async () => {
  const queue = new MemoryQueue(new TestClock());
  const address = new BoundAddress("192.0.2.1", 25, { tls: false });
  const isStopping = () => false;
  const [reason, ...others] = await reasonsNotReady({ queue, isStopping, deaf: () => [address] });
  assertEquals(others, []);
  assertEquals(reason, {
    code: "listener_closed",
    text: "nobody is let in at 192.0.2.1:25",
  });
});

Deno.test("a server that stops says so while it waits for open mail, and answers nothing else", () =>
  withTempDir((spool) =>
    withServer(spool, async ({ server, ready, status }) => {
      using peer = await Peer.connect(server.addresses[0]!);
      await peer.hello();
      await peer.ask("MAIL FROM:<a@us.test>");
      await peer.ask("RCPT TO:<b@us.test>");
      await peer.ask("DATA");
      const stopped = server.stop();
      assertEquals(await ready(), inTheWay("stopping", "the server is stopping"));
      assertEquals(
        [await status("/healthz"), await status("/metrics"), await status("/v1/status")],
        [200, 401, 503],
      );
      assertMatch(await peer.ask("Subject: x\r\n\r\nx\r\n."), /^250 /);
      await stopped;
      await assertRejects(() => fetch(`${server.control.api}/readyz`));
    })
  ));
