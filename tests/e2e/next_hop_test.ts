/** A message on its way to servers that nobody here wrote, which offer more or less of what there is to offer: what each took, and what our history says of it. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { StartOptions } from "../../mod.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { NpmMailHost } from "../helpers/npm_mail_host.ts";
import { BUSY, hasPostfix, Postfix } from "../helpers/postfix.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { type FiledAttempt, filedMessages } from "./spool_files.ts";
import { TestServer } from "./test_server.ts";

/** The extensions of Postfix that a client may use in plaintext. */
const OFFERED = [
  "pipelining",
  "size",
  "enhancedstatuscodes",
  "8bitmime",
  "dsn",
  "smtputf8",
  "chunking",
];

const FROM = "ann@here.test";
const TAKEN = ["bob@there.test", "carol@there.test"];
const BODY = [
  ".",
  "..",
  ".a dot",
  "Grüße, 世界",
  "x".repeat(998),
  "",
  "The end",
  "",
];
const CONTENT = ["Subject: Lunch", "", ...BODY].join("\r\n");

/** Has a server send the message to a smarthost that takes it for all recipients but one. */
async function sendThrough(options: StartOptions): Promise<void> {
  await using server = await TestServer.start(options);
  await server.send({ from: FROM, to: [...TAKEN, BUSY], content: CONTENT });
  const outcomes = [await server.outcome(), await server.outcome()];
  assertEquals(outcomes.map(({ kind }) => kind), ["delivered", "deferred"]);
}

/** Checks that our history has one attempt, and that the recipient who was refused waits with the host's own words; gives the attempt. */
async function onlyAttempt(spool: string, refusal: RegExp): Promise<FiledAttempt> {
  const [message, ...others] = await filedMessages(spool);
  assertEquals(others, []);
  const { history: [attempt, ...further], recipients } = message!;
  assertEquals([attempt?.outcome, further], ["mixed", []]);
  assertEquals(
    recipients.map(({ address, status }) => [address, status]),
    [...TAKEN.map((address) => [address, "delivered"]), [BUSY, "waiting"]],
  );
  assertMatch(recipients.at(-1)!.lastError!.text, refusal);
  return attempt!;
}

/** Checks that Postfix has the message once, for the recipients that it did not refuse. */
async function assertTaken(postfix: Postfix): Promise<void> {
  const [message, ...others] = await postfix.messages();
  assertEquals(others, []);
  assertMatch(message!, new RegExp(`^sender: ${FROM}$`, "m"));
  const recipients = [...message!.matchAll(/^recipient: (.*)$/gm)].map(([, address]) => address);
  assertEquals(recipients, TAKEN);
  assertMatch(message!, /^Subject: Lunch$/m);
  assertStringIncludes(message!, "\n\n" + BODY.join("\n"));
}

const OFFERS: Readonly<Record<string, readonly string[]>> = {
  "all that it has": [],
  ...Object.fromEntries(OFFERED.map((one) => [`no ${one.toUpperCase()}`, [one]])),
  "nothing at all": OFFERED,
};

for (const [offer, lacking] of Object.entries(OFFERS)) {
  Deno.test({
    name: `a Postfix that offers ${offer} gets a message as it is, and its refusal is on record`,
    ignore: !hasPostfix,
    fn: () =>
      Postfix.use(lacking, (postfix) =>
        withTempDir(async (spool) => {
          const { port } = postfix.host;
          await sendThrough({ spool, smarthost: `smtp://127.0.0.1:${port}` });
          await assertTaken(postfix);
          const { address } = await onlyAttempt(spool, /^450 4\.2\.1 .*come again later/);
          assertEquals(address, `127.0.0.1:${port}`);
        })),
  });
}

Deno.test("npm's smtp-server with STARTTLS and AUTH gets a message as it is, and its refusal is on record", async () => {
  const name = "mx.npm.test";
  const authority = await makeAuthority();
  await using host = await NpmMailHost.start({
    certificate: await authority.issue([name]),
    credentials: { user: "us", password: "p@ss" },
    busy: [BUSY],
  });
  await using dns = await DnsServer.start();
  dns.host(name, "127.0.0.1");
  await withTempDir(async (spool) => {
    await sendThrough({
      spool,
      dns: `127.0.0.1:${dns.nameServer.port}`,
      smarthost: `smtp://us:p%40ss@${name}:${host.port}`,
      caCerts: [authority.cert],
    });
    const { tls, address } = await onlyAttempt(spool, /^450 .*come again later/);
    assertEquals([address, tls?.verified], [`127.0.0.1:${host.port}`, true]);
  });
  assertEquals(
    host.taken.map(({ from, recipients, user, tls }) => ({ from, recipients, user, tls })),
    [{ from: FROM, recipients: TAKEN, user: "us", tls: "TLSv1.3" }],
  );
  const content = new TextDecoder().decode(host.taken[0]!.content);
  assertMatch(content, /^Subject: Lunch\r$/m);
  assert(content.endsWith("\r\n\r\n" + BODY.join("\r\n")), content);
});
