/** A client with a host that nobody here wrote: npm's smtp-server. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { Smarthost } from "../../config/config.ts";
import { openClient } from "../../deliver/connect.ts";
import type { Host } from "../../deliver/route.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { connectOptions, failureOf, transactionOf, withClient } from "../helpers/outgoing.ts";
import { heardText } from "../helpers/scripted_peer.ts";

const authority = await makeAuthority();
const good = await authority.issue(["mx.test"]);

const caCerts = [authority.cert];

/** A smarthost with a password; where it is comes from the peer. */
const account: Smarthost = {
  host: "mx.test",
  port: 25,
  implicitTls: false,
  user: "user",
  password: "secret word",
};

/** Runs a test against npm's smtp-server, which puts what it got into `taken`. */
async function withSmtpServer(
  options: SMTPServerOptions,
  check: (host: Host, taken: string[]) => Promise<void>,
): Promise<void> {
  const taken: string[] = [];
  const server = new SMTPServer({
    logger: false,
    ...options,
    onData(stream, session, done) {
      const chunks: Uint8Array[] = [];
      stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      stream.on("end", () => {
        const content = chunks.map((chunk) => String.fromCharCode(...chunk)).join("");
        taken.push(
          `${session.secure ? "TLS" : "plain"} ${session.user || "-"} ${heardText(content)}`,
        );
        done();
      });
    },
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as { port: number };
  try {
    await check({ name: "mx.test", address: "127.0.0.1", port }, taken);
  } finally {
    await new Promise<void>((resolve) => server.close(resolve));
  }
}

Deno.test("smtp-server takes a message over STARTTLS after AUTH", async () => {
  const options: SMTPServerOptions = {
    ...good,
    onAuth: (auth, _session, done) =>
      auth.password === account.password
        ? done(null, { user: auth.username })
        : done(new Error("wrong")),
  };
  await withSmtpServer(options, async (host, taken) => {
    const content = "Subject: h\u00e9\r\n\r\n.one\r\n..two\r\n";
    const settings = { caCerts, smarthost: account };
    await withClient(host, connectOptions(settings), async (client) => {
      const { reply } = await client.transact(transactionOf(content));
      assertMatch(reply, /^250 /);
      await client.transact(transactionOf(content));
      await client.quit();
    });
    assertEquals(taken, Array(2).fill(`TLS user ${content}`));
    const wrong = { ...settings, smarthost: { ...account, password: "guess" } };
    const { error } = await failureOf(openClient(host, connectOptions(wrong)));
    assertEquals([error.code, error.permanent], [535, false]);
  });
});

Deno.test("smtp-server with its self-signed certificate gets unverified TLS", async () => {
  await withSmtpServer({ authOptional: true }, async (host, taken) => {
    await withClient(host, connectOptions(), async (client) => {
      assertEquals(client.tls?.verified, false);
      await client.transact(transactionOf("Subject: x\r\n\r\n"));
      await client.quit();
    });
    assertStringIncludes(taken[0]!, "TLS - Subject: x");
  });
});
