/** How many may connect to the API at once, and what those are told who are too many. */
import { assert, assertEquals } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { encode } from "../../base/bytes.ts";
import { ControlClient } from "../../control/client.ts";
import { apiOf } from "../../control/api.ts";
import { Connections } from "../../control/connections.ts";
import { ControlListener } from "../../control/listener.ts";
import { Problem } from "../../control/problem.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { answersIn, problemIn, talk, withRawApi } from "./raw_api.ts";
import { good } from "./rig.ts";

/** Connections that are answered at once, and those beyond which are told to come back. */
const [ANSWERED, TURNED_AWAY] = [64, 192];

const ASK = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";

/** Connects one after the other: they are taken in this order. */
async function connect(port: number, count: number): Promise<Deno.TcpConn[]> {
  const connections: Deno.TcpConn[] = [];
  while (connections.length < count) connections.push(await Deno.connect({ port }));
  return connections;
}

/** Asks on a connection of before, and gives the status. */
async function askOn(connection: Deno.Conn): Promise<string> {
  await connection.write(encode(`${ASK}\r\n`));
  const answer = new Uint8Array(2000);
  const length = await connection.read(answer);
  return new TextDecoder().decode(answer.subarray(0, length ?? 0)).slice(9, 12);
}

/** Asks anew, until there is room. */
async function statusWhenFree(port: number): Promise<number> {
  let status = 503;
  for (let i = 0; i < 1000 && status === 503; i++) {
    status = answersIn(await talk(port, `${ASK}Connection: close\r\n\r\n`))[0]!.status;
  }
  return status;
}

Deno.test("past 64 connections a request is told when to ask again, and is answered when one has gone", () =>
  withRawApi(async ({ port }) => {
    const connections = await connect(port, ANSWERED);
    const [answer] = answersIn(await talk(port, `${ASK}\r\n`));
    assertEquals([answer!.status, problemIn(answer!).code], [503, "overloaded"]);
    assert(/^retry-after: 1$/im.test(answer!.head), answer!.head);
    const late = await connect(port, 100);
    connections.pop()!.close();
    // Who was too many when it connected gets the place that became free meanwhile.
    let status = "503";
    for (const one of late) if (status !== "200") status = await askOn(one);
    assertEquals(status, "200");
    for (const one of [...connections, ...late]) one.close();
  }));

Deno.test("still more connections are closed, and the listener goes on when they have gone", () =>
  withRawApi(async ({ port }) => {
    const connections = await connect(port, ANSWERED + TURNED_AWAY);
    // The last of them is taken when it is told that there is no place.
    assertEquals(await askOn(connections.at(-1)!), "503");
    connections.pop()!.close();
    const more = await connect(port, 3);
    const reads = more.map((one) => one.read(new Uint8Array(1)).catch(() => null));
    assert((await Promise.race(reads)) === null);
    for (const one of [...connections, ...more]) one.close();
    assertEquals(await statusWhenFree(port), 200);
  }));

Deno.test("however full the address is, the socket lets its owner in", () =>
  withTempDir((directory) =>
    withRawApi(async ({ port, rig: { target } }) => {
      const path = `${directory}/control.sock`;
      const app = apiOf(target, { by: "socket" });
      const load = () => Promise.resolve((request: Request) => app.fetch(request));
      const socket = await ControlListener.onSocket(path, load);
      const connections = await connect(port, ANSWERED + TURNED_AWAY);
      assertEquals(await askOn(connections.at(-1)!), "503");
      const client = ControlClient.onSocket(path);
      assertEquals(good(await client.status()).version, "1.2.3");
      client[Symbol.dispose]();
      for (const one of connections) one.close();
      await socket.close();
    })
  ));

Deno.test("the client has the problem when there are too many", () =>
  withRawApi(async ({ port }) => {
    const connections = await connect(port, ANSWERED);
    const client = ControlClient.onTcp(`http://127.0.0.1:${port}`, "0123456789abcdef");
    const answer = await client.status();
    client[Symbol.dispose]();
    assert(answer instanceof Problem);
    assertEquals(answer.code, "overloaded");
    for (const one of connections) one.close();
  }));

Deno.test("a request that does not come to its end is given up, and told so", async () => {
  const server = createServer({ connectionsCheckingInterval: 10 });
  server.headersTimeout = 50;
  new Connections(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const [answer] = answersIn(await talk(port, "GET /healthz HTTP/1.1\r\n"));
  assertEquals([answer!.status, problemIn(answer!).code], [408, "timeout"]);
  await new Promise((resolve) => server.close(resolve));
});
