/** The API of a server that runs: on the Unix socket in its spool and at an address. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { decode } from "../../base/bytes.ts";
import { ControlClient } from "../../control/client.ts";
import { ControlListenError } from "../../control/listener.ts";
import { Problem } from "../../control/problem.ts";
import { storyText } from "../../control/story_text.ts";
import { type Server, SpoolError, start, type StartOptions } from "../../mod.ts";
import { configOf } from "../../server/options.ts";
import { openSpoolControl } from "../../server/spool_control.ts";
import { freePort } from "../helpers/free_port.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { CERTIFICATE } from "../transport/running.ts";
import { good } from "./rig.ts";

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

Deno.test("a running server plans, holds a domain, and says how its destinations are doing", () =>
  withServer({}, async ({ control, send }) => {
    await send(MESSAGE);
    using client = ControlClient.onSocket(control.socket!);
    const question = { from: "a@example.org", to: "b@localhost", client: "192.0.2.1" };
    const plan = good(await client.plan(question));
    assertEquals([plan.receive.accepted, plan.route.destination], [false, "localhost"]);
    assertMatch(plan.receive.reply, /^550 5\.7\.1 /);
    assertEquals(good(await client.hold("example.net")), { changed: true });
    const { destinations } = good(await client.summary());
    const shown = destinations.map(({ destination, delivery }) => [destination, delivery]);
    assertEquals(shown, [["example.net", "held"]]);
  }));

Deno.test("a file is told as imported, and who steers is told in words, with a server and without", () =>
  withTempDir(async (spool) => {
    const bringAndHold = async (client: ControlClient): Promise<string[]> => {
      const file = new Response("From: a@example.org\nTo: b@example.net\n\nx").body!;
      const { id } = good(await client.import(file));
      for await (const part of client.act({ action: "hold", ids: [id] })) good(part);
      const { facts } = good(await client.story(id));
      const { events } = storyText(facts, { now: Date.now(), time: String });
      const [accepted, held] = events;
      return [accepted!.lines[0]!.text, held!.title];
    };
    let told: string[] = [];
    await withServer({ spool }, async ({ control }) => {
      using client = ControlClient.onSocket(control.socket!);
      told = await bringAndHold(client);
    });
    assertEquals(told, ["an operator, as a file", "Held by the control socket"]);
    await using opened = await openSpoolControl(configOf({ spool, hostname: "mx.example.org" }));
    assertEquals(await bringAndHold(opened.client), [
      "an operator, as a file",
      "Held by the command line, with no server running",
    ]);
  }));

Deno.test("what is done to a spool without a server is there when one starts", () =>
  withTempDir(async (spool) => {
    const config = configOf({ spool, hostname: "mx.example.org" });
    let id = "";
    {
      await using opened = await openSpoolControl(config);
      const file = new Response("From: a@example.org\nTo: b@example.net\n\nx").body!;
      ({ id } = good(await opened.client.import(file)));
      const [last] = (await Array.fromAsync(opened.client.act({ action: "hold", ids: [id] })))
        .map(good);
      assertEquals(last!.done, 1);
      good(await opened.client.hold("example.org"));
      assertEquals(good(await opened.client.status()).running, false);
      await assertRejects(() => openSpoolControl(config), SpoolError);
    }
    await withServer({ spool }, async ({ control }) => {
      using client = ControlClient.onSocket(control.socket!);
      assertEquals(good(await client.get(id)).state, "held");
      assertEquals(good(await client.holds()).domains[0]!.domain, "example.org");
    });
  }));

Deno.test("a message that waits for a host that rests is tried at once when it is retried", () =>
  withTempDir(async (spool) => {
    const port = freePort("127.0.0.1");
    const options = { spool, hold: false, smarthost: `smtp://127.0.0.1:${port}` };
    await withServer({ ...options, allowPrivate: true }, async ({ control, send, on }) => {
      const deferrals: (() => void)[] = [];
      const nextDeferral = () => new Promise<void>((resolve) => deferrals.push(resolve));
      on("deferred", () => deferrals.shift()?.());
      const first = nextDeferral();
      const { id } = await send(MESSAGE);
      await first;
      using client = ControlClient.onSocket(control.socket!);
      // The first attempt is over when the message is given back.
      const isBack = async () => good(await client.get(id)).state === "deferred";
      while (!await isBack());
      const second = nextDeferral();
      good((await Array.fromAsync(client.act({ action: "retry", ids: [id] }))).at(-1)!);
      await second;
      assertEquals(good(await client.get(id)).recipients[0]!.attempts, 2);
    });
  }));

Deno.test("without a configuration to read again a reload is refused", () =>
  withServer({}, async ({ control }) => {
    using client = ControlClient.onSocket(control.socket!);
    const answer = await client.reload();
    assert(answer instanceof Problem);
    assertEquals(answer.code, "not_available");
  }));
