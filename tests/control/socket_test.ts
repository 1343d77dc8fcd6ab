/** The API of a server that runs: on the Unix socket in its spool and at an address. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { decode } from "../../base/bytes.ts";
import { ControlClient } from "../../control/client.ts";
import { ControlListenError } from "../../control/listener.ts";
import { Problem } from "../../control/problem.ts";
import { type Server, start, type StartOptions } from "../../mod.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { CERTIFICATE } from "../transport/running.ts";

const TOKEN = "a-token-that-nobody-guesses";
const MESSAGE = { from: "a@example.org", to: "b@example.net", content: "Subject: hello\n" };

/** Runs a server that delivers nothing for one test. */
function withServer(
  options: StartOptions,
  check: (server: Server, spool: string) => Promise<void>,
): Promise<void> {
  return withTempDir(async (directory) => {
    const spool = options.spool ?? directory;
    const own = { listen: "127.0.0.1:0", certificate: CERTIFICATE, stopGrace: 1000, hold: true };
    const server = await start({ ...own, spool, ...options });
    try {
      await check(server, spool);
    } finally {
      await server.stop();
    }
  });
}

Deno.test("a running server answers on a socket in its spool, for its owner, until it stops", () =>
  withTempDir(async (spool) => {
    await withServer({ spool }, async ({ send, control }) => {
      const { id } = await send(MESSAGE);
      assertEquals(control, { socket: `${spool}/control.sock` });
      assertEquals((await Deno.lstat(control.socket!)).mode! & 0o777, 0o600);
      using client = ControlClient.onSocket(control.socket!);
      const page = await client.list();
      assert(!(page instanceof Problem), String(page));
      assertEquals(page.messages.map((message) => message.id), [id]);
    });
    await assertRejects(() => Deno.lstat(`${spool}/control.sock`), Deno.errors.NotFound);
  }));

Deno.test("a socket that a killed server left behind is replaced", () =>
  withTempDir(async (spool) => {
    // Closing a listener removes its name, as it was.
    const listener = Deno.listen({ transport: "unix", path: `${spool}/other` });
    await Deno.rename(`${spool}/other`, `${spool}/control.sock`);
    listener.close();
    assert((await Deno.lstat(`${spool}/control.sock`)).isSocket);
    await withServer({ spool }, async ({ control }) => {
      using client = ControlClient.onSocket(control.socket!);
      const status = await client.status();
      assert(!(status instanceof Problem), String(status));
      assertEquals([status.running, status.notReady], [true, []]);
    });
  }));

Deno.test("what is no socket is not removed for it, and the server goes on without", () =>
  withTempDir(async (spool) => {
    await Deno.writeTextFile(`${spool}/control.sock`, "precious");
    await withServer({ spool }, async ({ control, send }) => {
      assertEquals(control, {});
      await send(MESSAGE);
    });
    assertEquals(await Deno.readTextFile(`${spool}/control.sock`), "precious");
  }));

Deno.test("in a spool whose path is too long for a socket the server goes on without", () =>
  withTempDir((directory) =>
    withServer({ spool: `${directory}/${"d".repeat(100)}` }, async ({ control, send }) => {
      assertEquals(control, {});
      await send(MESSAGE);
    })
  ));

Deno.test("without control there is no socket", () =>
  withServer({ control: false }, async ({ control }, spool) => {
    assertEquals(control, {});
    await assertRejects(() => Deno.lstat(`${spool}/control.sock`), Deno.errors.NotFound);
  }));

Deno.test("at its address the API answers whoever shows the token", () =>
  withServer({ api: "127.0.0.1:0", apiToken: TOKEN }, async ({ control, send }) => {
    await send(MESSAGE);
    using client = ControlClient.onTcp(control.api!, TOKEN);
    const page = await client.list();
    assert(!(page instanceof Problem), String(page));
    assertEquals(page.matched, 1);
    using stranger = ControlClient.onTcp(control.api!, TOKEN + "x");
    const refused = await stranger.list();
    assert(refused instanceof Problem);
    assertEquals(refused.code, "unauthorized");
  }));

Deno.test("an address in use ends the start, and the spool is given up again", () =>
  withTempDir((spool) =>
    withServer({ api: "127.0.0.1:0", apiToken: TOKEN }, async ({ control }) => {
      const api = control.api!.replace("http://", "");
      const options = { listen: "127.0.0.1:0", certificate: CERTIFICATE, spool, apiToken: TOKEN };
      const error = await assertRejects(() => start({ ...options, api }), ControlListenError);
      assert(error.message.startsWith(api), error.message);
      await (await start({ ...options, api: "127.0.0.1:0" })).stop();
    })
  ));

Deno.test("where no server listens the client's answer says so", async () => {
  await withTempDir(async (directory) => {
    using client = ControlClient.onSocket(`${directory}/control.sock`);
    const answer = await client.status();
    assert(answer instanceof Problem);
    assertEquals(answer.code, "unreachable");
  });
});

Deno.test("a stop ends streams that would go on, and waits for nobody who reads them", () =>
  withTempDir((spool) =>
    withServer({ spool }, async ({ control, stop }) => {
      const client = Deno.createHttpClient({ proxy: { transport: "unix", path: control.socket! } });
      const response = await fetch("http://localhost/v1/events", { client });
      const chunks = response.body![Symbol.asyncIterator]();
      const { value } = await chunks.next();
      assertMatch(decode(value), /^event: counts\ndata: /);
      await stop();
      // Ended or broken off, as long as it is over.
      await Array.fromAsync({ [Symbol.asyncIterator]: () => chunks }).catch(() => {});
      client.close();
    })
  ));
