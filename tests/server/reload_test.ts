/** Another configuration for a server that runs: all of it or nothing, and no session lost. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { start } from "../../mod.ts";
import type { Server, StartOptions } from "../../mod.ts";
import { ListenError } from "../../transport.ts";
import { ReloadError } from "../../server/reload.ts";
import { selfSignedCertificate } from "../../transport/certificate.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { type Address, Peer } from "../transport/peer.ts";
import { CERTIFICATE, HOSTNAME } from "../transport/running.ts";
import { writeUsers } from "./login_site.ts";

/** A server, and what it goes by. */
interface Site {
  readonly server: Server;
  readonly options: StartOptions;
}

/** Runs a check with a server for `us.test` that trusts nobody and delivers nothing. */
function withServer(check: (site: Site) => Promise<void>): Promise<void> {
  return withTempDir(async (directory) => {
    const options: StartOptions = {
      listen: "127.0.0.1:0",
      hostname: HOSTNAME,
      spool: `${directory}/spool`,
      localDomains: ["us.test"],
      trust: [],
      hold: true,
      certificate: CERTIFICATE,
    };
    const server = await start(options);
    try {
      await check({ server, options });
    } finally {
      await server.stop();
    }
  });
}

/** A client that has said EHLO at the first listener. */
async function greeted({ server }: Site): Promise<Peer> {
  const peer = await Peer.connect(server.addresses[0]!);
  await peer.hello();
  return peer;
}

/** The code of the reply to a recipient elsewhere. */
async function relaying(peer: Peer): Promise<string> {
  await peer.ask("MAIL FROM:<a@b.test>");
  const code = (await peer.ask("RCPT TO:<c@d.test>")).slice(0, 3);
  await peer.ask("RSET");
  return code;
}

/** Whether somebody greets there. */
async function isServed(address: Address): Promise<boolean> {
  try {
    using peer = await Peer.connect(address);
    return (await peer.reply()).startsWith("220");
  } catch {
    return false;
  }
}

Deno.test("a reload gives and puts in force what has changed; open sessions keep their rules", () =>
  withServer(async (site) => {
    const { server, options } = site;
    using before = await greeted(site);
    const trust = ["127.0.0.0/8", "10.0.0.0/8"];
    const changes = await server.reload({
      ...options,
      trust,
      banner: "ESMTP other",
      limits: { messageSize: 1 << 20 },
      retry: { first: 600_000 },
    });
    assertEquals(changes, [
      "banner: ESMTP deno-smtp-server → ESMTP other",
      "trust: + 127.0.0.0/8 + 10.0.0.0/8",
      "limits.message_size: 128MiB → 1MiB",
      "retry.first: 5m → 10m",
    ]);
    assertEquals(await relaying(before), "550");
    using after = await Peer.connect(server.addresses[0]!);
    assertEquals(await after.reply(), `220 ${HOSTNAME} ESMTP other`);
    assertMatch(await after.ask("EHLO x.test"), /^250[- ]SIZE 1048576$/m);
    assertEquals(await relaying(after), "250");
    assertEquals(await server.reload({ ...options, trust }), [
      "banner: ESMTP other → ESMTP deno-smtp-server",
      "limits.message_size: 1MiB → 128MiB",
      "retry.first: 10m → 5m",
    ]);
  }));

Deno.test("a new certificate is shown from the next handshake on, and not told in the changes", () =>
  withServer(async (site) => {
    const other = await selfSignedCertificate(HOSTNAME, Date.now());
    const { server, options } = site;
    assertEquals(await server.reload({ ...options, certificate: other }), [
      "tls_cert, tls_key: changed",
    ]);
    using peer = await greeted(site);
    await peer.ask("STARTTLS");
    await peer.startTls(HOSTNAME, other.cert);
    assertMatch(await peer.ask("EHLO x.test"), /^250/);
  }));

Deno.test("listeners come and go, those that stay keep their sockets, and open sessions go on", () =>
  withServer(async (site) => {
    const { server, options } = site;
    using open = await greeted(site);
    const [first] = server.addresses;
    const both = ["127.0.0.1:0", "smtps://127.0.0.1:0"];
    const changes = await server.reload({ ...options, listen: both });
    assertEquals(changes, ["listen: + smtps://127.0.0.1:0"]);
    const [stayed, fresh] = server.addresses;
    assertEquals(stayed!.port, first!.port);
    using secure = await Peer.connectTls(fresh!, HOSTNAME, CERTIFICATE.cert);
    assertMatch(await secure.reply(), /^220 /);

    await server.reload({ ...options, listen: "smtps://127.0.0.1:0" });
    assertEquals(server.addresses.map(String), [String(fresh)]);
    assertEquals(await isServed(first!), false);
    assertMatch(await open.send("Subject: x\r\n\r\nx", "a@b.test", "c@us.test"), /^250 /);
    assertMatch(await secure.ask("QUIT"), /^221 /);
  }));

Deno.test("an address that stays may be for something else from then on", () =>
  withServer((site) =>
    withTempDir(async (directory) => {
      const { server, options } = site;
      await writeUsers(`${directory}/users.toml`, "scram");
      const { port } = server.addresses[0]!;
      const users = `${directory}/users.toml`;
      await server.reload({ ...options, listen: [`127.0.0.1:${port}`], users });
      await server.reload({ ...options, listen: [`submission://127.0.0.1:${port}`], users });
      using peer = await greeted(site);
      assertMatch(await peer.ask("MAIL FROM:<a@b.test>"), /^530 /);
    })
  ));

Deno.test("what cannot be had, read or changed is named, and everything stays as it was", () =>
  withServer(async (site) => {
    const { server, options } = site;
    const wrong = { ...options, trust: ["127.0.0.0/8"] };
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const listen = ["127.0.0.1:0", "127.0.0.1:0", `127.0.0.1:${taken.addr.port}`];
    await assertRejects(() => server.reload({ ...wrong, listen }), ListenError, "in use");
    const spool = `${options.spool}2`;
    await assertRejects(() => server.reload({ ...wrong, spool }), ReloadError, "needs a restart");
    await assertRejects(() => server.reload({ ...wrong, users: "/nowhere" }), Error, "read");
    await assertRejects(
      () => server.reload({ ...wrong, trust: ["10.1.2.3/8"] }),
      TypeError,
      "trust",
    );
    assertEquals(server.addresses.length, 1);
    using peer = await greeted(site);
    assertEquals(await relaying(peer), "550");
    assertEquals(await server.reload(options), []);
  }));

Deno.test("a hundred reloads under load lose no session and no message", () =>
  withServer(async (site) => {
    const { server, options } = site;
    const clients = Array.from({ length: 4 }, async () => {
      let taken = 0;
      for (let i = 0; i < 10; i++) {
        using peer = await greeted(site);
        for (let n = 0; n < 5; n++) {
          const reply = await peer.send("Subject: x\r\n\r\nx", "a@b.test", "c@us.test");
          if (reply.startsWith("250")) taken++;
        }
        assertMatch(await peer.ask("QUIT"), /^221 /);
      }
      return taken;
    });
    for (let i = 0; i < 100; i++) {
      const listen = ["127.0.0.1:0", ...i % 2 === 0 ? ["smtps://127.0.0.1:0"] : []];
      await server.reload({ ...options, listen, trust: i % 2 === 0 ? ["127.0.0.0/8"] : [] });
    }
    assertEquals(await Promise.all(clients), [50, 50, 50, 50]);
    assertEquals(server.counts().messages, 200);
  }));

Deno.test("a server that is stopped is not reloaded, and a stop waits for a reload", () =>
  withTempDir(async (directory) => {
    const options = { listen: "127.0.0.1:0", spool: directory, certificate: CERTIFICATE };
    const server = await start(options);
    const reloaded = server.reload({ ...options, listen: ["127.0.0.1:0", "127.0.0.1:0"] });
    await server.stop();
    assertEquals(await reloaded, ["listen: 127.0.0.1:0, 127.0.0.1:0"]);
    await assertRejects(() => server.reload(options), ReloadError, "stopped");
  }));
