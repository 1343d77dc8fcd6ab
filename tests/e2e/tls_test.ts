/** TLS towards next hops: as good as each can do it, on record, and demanded where a password is given. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Certificate } from "../../config/config.ts";
import { selfSignedCertificate } from "../../transport/certificate.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { NpmMailHost, type NpmMailHostOptions } from "../helpers/npm_mail_host.ts";
import { withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { handOver, octetsOf } from "./hand_over.ts";
import { type FiledAttempt, filedMessages } from "./spool_files.ts";
import { type Outcome, TestServer } from "./test_server.ts";

const HOST = "mx.there.test";
const CONTENT = "Subject: x\r\n\r\nx\r\n";

const authority = await makeAuthority();
const trusted = await authority.issue([HOST]);
const selfSigned = await selfSignedCertificate(HOST, Date.now());

/** A name server that knows the mail host of `there.test`. */
async function startDns(): Promise<DnsServer> {
  const dns = await DnsServer.start();
  dns.mx("there.test", [10, HOST]);
  dns.host(HOST, "127.0.0.1");
  return dns;
}

/** The one line in the history of a message, and by what TLS its host took it. */
interface Recorded {
  readonly attempt: FiledAttempt;
  readonly taken: string | undefined;
}

/** Delivers to a host that takes the message for one recipient and not yet for the other, so that the message and its history stay. */
function attemptAt(options: NpmMailHostOptions): Promise<Recorded> {
  return withTempDir(async (spool) => {
    await using dns = await startDns();
    await using host = await NpmMailHost.start({ ...options, busy: ["later@there.test"] });
    await using server = await TestServer.start({
      spool,
      dns: `127.0.0.1:${dns.nameServer.port}`,
      deliveryPort: host.port,
      caCerts: [authority.cert],
    });
    const to = ["now@there.test", "later@there.test"];
    await server.send({ from: "a@here.test", to, content: CONTENT });
    const outcomes = [await server.outcome(), await server.outcome()];
    assertEquals(outcomes.map(({ kind }) => kind), ["delivered", "deferred"]);
    const [message] = await filedMessages(spool);
    const [attempt, ...others] = message!.history;
    assertEquals(others, []);
    assertEquals(host.taken.length, 1);
    return { attempt: attempt!, taken: host.taken[0]!.tls };
  });
}

Deno.test("a host whose certificate is of a known authority gets verified TLS, and that is recorded", async () => {
  const { attempt, taken } = await attemptAt({ certificate: trusted });
  assertEquals([attempt.host, attempt.outcome, taken], [HOST, "mixed", "TLSv1.3"]);
  assertEquals(attempt.tls, { version: "TLSv1.2+", verified: true });
});

/** Certificates with which a host is not proven to be who it is. */
const UNPROVEN: Record<string, () => Promise<Certificate>> = {
  "is self-signed": () => Promise.resolve(selfSigned),
  "is of an unknown authority": async () => await (await makeAuthority()).issue([HOST]),
  "has expired": () => authority.issue([HOST], "expired"),
  "bears another name": () => authority.issue(["mx.elsewhere.test"]),
};

for (const [what, certificate] of Object.entries(UNPROVEN)) {
  Deno.test(`a host whose certificate ${what} gets unverified TLS, and that is recorded`, async () => {
    const { attempt, taken } = await attemptAt({ certificate: await certificate() });
    assertEquals([attempt.host, attempt.outcome, taken], [HOST, "mixed", "TLSv1.3"]);
    assertEquals([attempt.tls?.version, attempt.tls?.verified], ["TLSv1.3", false]);
  });
}

Deno.test("a host that does not offer STARTTLS gets plaintext, and that is recorded", async () => {
  const { attempt, taken } = await attemptAt({});
  assertEquals([attempt.host, attempt.outcome], [HOST, "mixed"]);
  assertEquals([attempt.tls, taken], [undefined, undefined]);
});

Deno.test("the program verifies by the authorities of its ca_file, and its log says so", () =>
  withTempDir(async (directory) => {
    await Deno.writeTextFile(`${directory}/ca.pem`, authority.cert);
    await Deno.writeTextFile(`${directory}/mail.toml`, `ca_file = "${directory}/ca.pem"\n`);
    await using dns = await startDns();
    await using host = await NpmMailHost.start({ certificate: trusted });
    const flags = [
      `--config=${directory}/mail.toml`,
      `--spool=${directory}/spool`,
      `--dns=127.0.0.1:${dns.nameServer.port}`,
      `--delivery-port=${host.port}`,
      "--allow-private",
    ];
    await withServer(flags, async ({ port, log }) => {
      assertMatch(await handOver(port, { content: octetsOf(CONTENT) }, "DATA"), /^250 /);
      assertEquals((await log.find("attempt")).tls, "TLSv1.2+ verified");
    });
    assertEquals(host.taken.length, 1);
  }));

const CREDENTIALS = { user: "us", password: "p@ss" };

/** Delivers a message by way of a smarthost that wants a password; gives what became of it. */
function relayed(
  host: NpmMailHost,
  scheme: "smtp" | "smtps",
  password = "p%40ss",
): Promise<Outcome> {
  return withTempDir(async (spool) => {
    await using dns = await startDns();
    await using server = await TestServer.start({
      spool,
      dns: `127.0.0.1:${dns.nameServer.port}`,
      smarthost: `${scheme}://us:${password}@${HOST}:${host.port}`,
      caCerts: [authority.cert],
    });
    await server.send({ from: "a@here.test", to: "b@elsewhere.test", content: CONTENT });
    return await server.outcome();
  });
}

/** Checks that a smarthost is not used and not told the password, and why. */
async function assertNotTold(
  options: NpmMailHostOptions,
  scheme: "smtp" | "smtps",
  why: RegExp,
): Promise<void> {
  await using host = await NpmMailHost.start({ ...options, credentials: CREDENTIALS });
  const outcome = await relayed(host, scheme);
  assert(outcome.kind === "deferred");
  assertMatch(outcome.error.text, why);
  assertEquals([host.passwords, host.taken], [[], []]);
}

for (const scheme of ["smtp", "smtps"] as const) {
  const implicitTls = scheme === "smtps";
  const how = implicitTls ? "implicit TLS" : "STARTTLS";

  Deno.test(`a smarthost with ${how} takes the mail of who logs in`, async () => {
    const options = { certificate: trusted, implicitTls, credentials: CREDENTIALS };
    await using host = await NpmMailHost.start(options);
    assertEquals((await relayed(host, scheme)).kind, "delivered");
    assertEquals(host.taken.map(({ user, tls }) => [user, tls]), [["us", "TLSv1.3"]]);
  });

  Deno.test(`a smarthost with ${how} that refuses the password is tried again later`, async () => {
    const options = { certificate: trusted, implicitTls, credentials: CREDENTIALS };
    await using host = await NpmMailHost.start(options);
    const outcome = await relayed(host, scheme, "wrong");
    assert(outcome.kind === "deferred");
    assertMatch(outcome.error.text, /^535 /);
    assertEquals([host.passwords, host.taken], [["wrong"], []]);
  });

  Deno.test(`a smarthost with ${how} that is not proven to be who it is is not told the password`, () =>
    assertNotTold({ certificate: selfSigned, implicitTls }, scheme, /certificate/i));
}

Deno.test("a smarthost that does not offer STARTTLS is not told the password", () =>
  assertNotTold({}, "smtp", /TLS is required, and the host does not offer it/));
