/** The PROXY protocol with programs that nobody here wrote: swaks says a header itself, haproxy stands between. */
import { assertEquals, assertRejects } from "@std/assert";
import type { StartOptions } from "../../mod.ts";
import { freePort } from "../helpers/free_port.ts";
import { MAIL_CLIENTS } from "../helpers/mail_clients.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { until } from "../helpers/waiting.ts";
import { TestServer } from "./test_server.ts";

const HAPROXY = tool("haproxy");
const swaks = MAIL_CLIENTS.find(({ name }) => name === "swaks")!;
const MAIL = {
  tls: false,
  from: "a@here.test",
  to: ["b@there.test"],
  content: "Subject: x\r\n\r\nx\r\n",
};

/** A server for proxies on loopback, which by its own address would be trusted, and 192.0.2.0/24. */
function options(spool: string, received: string[]): StartOptions {
  return {
    spool,
    listen: "smtp+proxy://127.0.0.1:0",
    proxyHosts: ["127.0.0.1"],
    trust: ["192.0.2.0/24"],
    hold: true,
    on: { accepted: ({ envelope }) => received.push(envelope.client.address) },
  };
}

for (const version of [1, 2] as const) {
  Deno.test({
    name:
      `swaks may relay for a trusted client that its PROXY header of version ${version} names, and for no other`,
    ignore: !swaks.installed,
    fn: () =>
      withTempDir(async (spool) => {
        const received: string[] = [];
        await using server = await TestServer.start(options(spool, received));
        const send = (source: string) =>
          swaks.send({ ...MAIL, port: server.port, proxy: { version, source } });
        await send("192.0.2.77");
        await assertRejects(() => send("198.51.100.7"), Error, "550 5.7.1 Relaying denied");
        await assertRejects(() => send("127.0.0.1"), Error, "550 5.7.1 Relaying denied");
        assertEquals(received, ["192.0.2.77"]);
      }),
  });
}

/** Runs haproxy between a port of 127.0.0.1 and the server's. */
async function withHaproxy(
  directory: string,
  { to, send }: { to: number; send: "send-proxy" | "send-proxy-v2" },
  check: (port: number) => Promise<void>,
): Promise<void> {
  const port = freePort("127.0.0.1");
  const config = [
    ...["defaults", "mode tcp", "timeout connect 5s", "timeout client 20s", "timeout server 20s"],
    ...["listen smtp", `bind 127.0.0.1:${port}`, `server mx 127.0.0.1:${to} ${send} check`],
  ];
  await Deno.writeTextFile(`${directory}/haproxy.cfg`, config.join("\n") + "\n");
  const child = new Deno.Command(HAPROXY!, {
    args: ["-db", "-q", "-f", `${directory}/haproxy.cfg`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await connected(port);
    await check(port);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

/** Waits until the port is served. */
async function connected(port: number): Promise<void> {
  let there = false;
  const attempt = async () => {
    while (!there) {
      there = await Deno.connect({ hostname: "127.0.0.1", port })
        .then((conn) => (conn.close(), true), () => false);
    }
  };
  void attempt();
  await until(() => there);
}

for (const send of ["send-proxy", "send-proxy-v2"] as const) {
  Deno.test({
    name: `mail comes through haproxy with ${send}, from its client`,
    ignore: HAPROXY === undefined || !swaks.installed,
    fn: () =>
      withTempDir(async (directory) => {
        const received: string[] = [];
        const given = { ...options(`${directory}/spool`, received), trust: ["127.0.0.0/8"] };
        await using server = await TestServer.start(given);
        await withHaproxy(directory, { to: server.port, send }, async (port) => {
          await swaks.send({ ...MAIL, port, local: "127.0.0.9" });
        });
        assertEquals(received, ["127.0.0.9"]);
      }),
  });
}
