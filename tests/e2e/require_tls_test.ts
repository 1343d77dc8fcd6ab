/** Mail that requires TLS (REQUIRETLS, RFC 8689), from nodemailer to npm's smtp-server: in verified TLS all the way, or returned. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createTransport } from "nodemailer";
import type { DeliveryError, StartOptions } from "../../mod.ts";
import { selfSignedCertificate } from "../../transport/certificate.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { NpmMailHost, type NpmMailHostOptions } from "../helpers/npm_mail_host.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { type Outcome, TestServer } from "./test_server.ts";

const HOST = "mx.there.test";
const BACKUP = "mx2.there.test";
const CONTENT = "Subject: x\r\n\r\nx\r\n";

const authority = await makeAuthority();
const trusted = await authority.issue([HOST, BACKUP, "there.test", "127.0.0.1"]);
const selfSigned = await selfSignedCertificate(HOST, Date.now());

/** A host that mail which requires TLS can be brought to. */
const GOOD: NpmMailHostOptions = { certificate: trusted, requireTls: true };

/** Hands a message over in TLS; with REQUIRETLS unless told otherwise. */
async function sendWithNodemailer(
  server: TestServer,
  { to = "bob@there.test", content = CONTENT, required = true } = {},
): Promise<void> {
  const transport = createTransport({
    ...{ host: "127.0.0.1", port: server.port, name: "client.test", requireTLS: true },
    tls: { rejectUnauthorized: false },
  });
  const envelope = { from: "ann@there.test", to: [to] };
  const options = { envelope, raw: content, requireTLSExtensionEnabled: required };
  await transport.sendMail(options);
  transport.close();
}

/** A name server that knows the mail host of `there.test`. */
async function startDns(): Promise<DnsServer> {
  const dns = await DnsServer.start();
  dns.mx("there.test", [10, HOST]);
  dns.host(HOST, "127.0.0.1");
  return dns;
}

/** What a server before a host of `there.test` is made of. */
interface Setting {
  readonly host: NpmMailHostOptions;
  /** What the name server is told beyond that; by default that the MX records are proven. */
  readonly tell?: (dns: DnsServer) => void;
  readonly options?: StartOptions;
}

/** Lets `check` use a server before a host. */
async function before(
  { host: hostOptions, tell = (dns) => dns.prove("there.test"), options }: Setting,
  check: (server: TestServer, host: NpmMailHost) => Promise<void>,
): Promise<void> {
  await withTempDir(async (spool) => {
    await using dns = await startDns();
    tell(dns);
    await using host = await NpmMailHost.start(hostOptions);
    await using server = await TestServer.start({
      spool,
      dns: `127.0.0.1:${dns.nameServer.port}`,
      deliveryPort: host.port,
      caCerts: [authority.cert],
      ...options,
    });
    await check(server, host);
  });
}

function errorOf(outcome: Outcome): DeliveryError {
  assert(outcome.kind === "bounced", outcome.kind);
  return outcome.error;
}

Deno.test("mail that requires TLS goes to a host that is verified and sees to it, and says so there", () =>
  before({ host: GOOD }, async (server, host) => {
    await sendWithNodemailer(server);
    assertEquals((await server.outcome()).kind, "delivered");
    const [message] = host.taken;
    assertEquals([message?.requireTls, message?.tls], [true, "TLSv1.3"]);
  }));

Deno.test("mail that does not require TLS does not say so to a host that could see to it", () =>
  before({ host: GOOD }, async (server, host) => {
    await sendWithNodemailer(server, { required: false });
    assertEquals((await server.outcome()).kind, "delivered");
    assertEquals(host.taken[0]?.requireTls, false);
  }));

/** Hosts that such mail cannot be brought to, and why. */
const LACKING: readonly (readonly [what: string, setting: Setting, status: string, why: RegExp])[] =
  [
    ["does not offer STARTTLS", { host: {} }, "5.7.10", /does not offer STARTTLS/],
    [
      "shows a certificate that does not verify",
      { host: { certificate: selfSigned, requireTls: true } },
      "5.7.10",
      /certificate does not verify/,
    ],
    [
      "does not offer REQUIRETLS",
      { host: { certificate: trusted } },
      "5.7.30",
      /does not offer REQUIRETLS/,
    ],
    [
      "is named in MX records that nothing proves",
      { host: GOOD, tell: () => {} },
      "5.7.10",
      /not proven by DNSSEC/,
    ],
  ];

for (const [what, setting, status, why] of LACKING) {
  Deno.test(`mail that requires TLS comes back with ${status} from a host that ${what}`, () =>
    before(setting, async (server, host) => {
      await sendWithNodemailer(server);
      const { enhanced, permanent, text } = errorOf(await server.outcome());
      assertEquals([enhanced, permanent], [status, true]);
      assertMatch(text, why);
      // What it says of the message is not told over such a way either (RFC 8689 §5).
      const bounce = await server.outcome();
      assertEquals([bounce.recipients, errorOf(bounce).enhanced], [["ann@there.test"], status]);
      assertEquals([host.taken, server.waiting], [[], 0]);
    }));
}

Deno.test("a domain that is its own mail host needs no proof but its certificate", () => {
  const tell = (dns: DnsServer) => {
    dns.script("there.test", "MX", []);
    dns.host("there.test", "127.0.0.1");
  };
  return before({ host: GOOD, tell }, async (server, host) => {
    await sendWithNodemailer(server);
    assertEquals((await server.outcome()).kind, "delivered");
    assertEquals(host.taken[0]?.requireTls, true);
  });
});

Deno.test("a smarthost is verified for mail that requires TLS, with or without a password", async () => {
  await using smarthost = await NpmMailHost.start(GOOD);
  const options = { smarthost: `smtp://127.0.0.1:${smarthost.port}` };
  await before({ host: {}, options }, async (server) => {
    await sendWithNodemailer(server);
    assertEquals((await server.outcome()).kind, "delivered");
    assertEquals(smarthost.taken[0]?.requireTls, true);
  });
});

/** Two mail hosts, the first of which is at 127.0.0.2. */
function twoHosts(dns: DnsServer): void {
  dns.mx("there.test", [10, BACKUP], [20, HOST]);
  dns.host(BACKUP, "127.0.0.2");
  dns.prove("there.test");
}

Deno.test("where one host does not see to TLS, the next one is asked", () =>
  before({ host: GOOD, tell: twoHosts }, async (server, host) => {
    await using lacking = await NpmMailHost.start({ port: host.port, address: "127.0.0.2" });
    await sendWithNodemailer(server);
    assertEquals((await server.outcome()).kind, "delivered");
    assertEquals([host.taken.length, lacking.taken.length], [1, 0]);
  }));

Deno.test("where one host is down and the other does not see to TLS, the mail waits, and other mail goes on", () =>
  before({ host: { certificate: trusted }, tell: twoHosts }, async (server, host) => {
    await sendWithNodemailer(server);
    assertEquals((await server.outcome()).kind, "deferred");
    await sendWithNodemailer(server, { to: "carl@there.test", required: false });
    const outcome = await server.outcome();
    assertEquals([outcome.kind, outcome.recipients], ["delivered", ["carl@there.test"]]);
    assertEquals([host.taken.length, server.waiting], [1, 1]);
  }));

Deno.test("a connection that is kept of other mail is not used for mail that requires TLS", () =>
  before({ host: {} }, async (server, host) => {
    await sendWithNodemailer(server, { required: false });
    assertEquals((await server.outcome()).kind, "delivered");
    await sendWithNodemailer(server);
    assertMatch(errorOf(await server.outcome()).text, /does not offer STARTTLS/);
    assertEquals(host.taken.length, 1);
  }));

Deno.test("a notification of mail that requires TLS requires it too", () =>
  before({ host: GOOD }, async (server, host) => {
    await sendWithNodemailer(server, { to: "bob@missing.test" });
    assertEquals(errorOf(await server.outcome()).enhanced, "5.1.2");
    assertEquals((await server.outcome()).kind, "delivered");
    const [bounce] = host.taken;
    assertEquals([bounce?.from, bounce?.recipients], ["", ["ann@there.test"]]);
    assertEquals(bounce?.requireTls, true);
  }));

Deno.test("that mail requires TLS outlives a restart", () =>
  withTempDir(async (directory) => {
    const spool = `${directory}/spool`;
    {
      await using holding = await TestServer.start({ spool, hold: true });
      await sendWithNodemailer(holding);
    }
    await before({ host: {}, options: { spool } }, async (server) => {
      assertMatch(errorOf(await server.outcome()).text, /does not offer STARTTLS/);
    });
  }));

Deno.test("TLS-Required: No is passed on, demands nothing, and takes nothing back that REQUIRETLS demands", () =>
  before({ host: {} }, async (server, host) => {
    const content = `TLS-Required: No\r\n${CONTENT}`;
    await sendWithNodemailer(server, { content, required: false });
    assertEquals((await server.outcome()).kind, "delivered");
    assert(new TextDecoder().decode(host.taken[0]!.content).includes(content));
    await sendWithNodemailer(server, { content });
    assertEquals(errorOf(await server.outcome()).enhanced, "5.7.10");
    assertEquals(host.taken.length, 1);
  }));
