import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { X509Certificate } from "node:crypto";
import type { Certificate } from "../../config/config.ts";
import {
  CERTIFICATE_LIFETIME,
  certificateExpiry,
  keptCertificate,
  RENEW_BEFORE,
  selfSignedCertificate,
} from "../../transport/certificate.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { tool } from "../helpers/tools.ts";

const HOST = "mx.example.org";
const DAY = 86_400_000;
const LONG_HOST = `${"a".repeat(60)}.${"b".repeat(60)}.example`;

/** Runs `check` with a new spool directory. */
async function withSpool(check: (spool: string) => Promise<void>): Promise<void> {
  const spool = await Deno.makeTempDir();
  try {
    await check(spool);
  } finally {
    await Deno.remove(spool, { recursive: true });
  }
}

/** Connects to a TLS server with the certificate, trusting it, and gives the octets that arrive. */
async function greetingOverTls(certificate: Certificate): Promise<string> {
  using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...certificate });
  const serve = async () => {
    using connection = await listener.accept();
    await connection.write(new TextEncoder().encode("220 hello"));
  };
  const [, greeting] = await Promise.all([serve(), readFrom(listener.addr.port, certificate.cert)]);
  return greeting;
}

async function readFrom(port: number, caCert: string): Promise<string> {
  using plain = await Deno.connect({ hostname: "127.0.0.1", port });
  using connection = await Deno.startTls(plain, { hostname: HOST, caCerts: [caCert] });
  const buffer = new Uint8Array(100);
  const length = await connection.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, length ?? 0));
}

Deno.test("a self-signed certificate names the host, is no authority, and ends when it says", async () => {
  const now = new TestClock().now();
  const { cert } = await selfSignedCertificate(HOST, now);
  const certificate = new X509Certificate(cert);
  assertEquals(certificate.subject, `CN=${HOST}`);
  assertEquals(certificate.subjectAltName, `DNS:${HOST}`);
  assertEquals(certificate.ca, false);
  assertEquals(certificateExpiry(cert), now + CERTIFICATE_LIFETIME);
  assert(Date.parse(certificate.validFrom) <= now, "a peer whose clock is behind must take it");
});

Deno.test("a TLS client that trusts a self-signed certificate gets through", async () => {
  assertEquals(await greetingOverTls(await selfSignedCertificate(HOST, Date.now())), "220 hello");
});

Deno.test({
  name: "openssl verifies a self-signed certificate for its name, however long that is",
  ignore: tool("openssl") === undefined,
  fn: () =>
    withSpool(async (directory) => {
      for (const host of [HOST, LONG_HOST]) {
        const path = `${directory}/cert.pem`;
        await Deno.writeTextFile(path, (await selfSignedCertificate(host, Date.now())).cert);
        const args = ["verify", "-x509_strict", "-purpose", "sslserver"];
        const output = await new Deno.Command(tool("openssl")!, {
          args: [...args, "-verify_hostname", host, "-CAfile", path, path],
        }).output();
        assertEquals(new TextDecoder().decode(output.stdout), `${path}: OK\n`);
      }
    }),
});

Deno.test("the kept certificate is the same at every start, and only its owner can read the key", () =>
  withSpool(async (spool) => {
    const clock = new TestClock();
    const first = await keptCertificate(spool, HOST, clock);
    clock.advance(CERTIFICATE_LIFETIME - RENEW_BEFORE - DAY);
    assertEquals(await keptCertificate(spool, HOST, clock), first);
    if (Deno.build.os !== "windows") {
      assertEquals((await Deno.stat(`${spool}/tls/key.pem`)).mode! & 0o777, 0o600);
      assertEquals((await Deno.stat(`${spool}/tls`)).mode! & 0o777, 0o700);
    }
    const names = Array.from(Deno.readDirSync(`${spool}/tls`), ({ name }) => name).sort();
    assertEquals(names, ["cert.pem", "key.pem"]);
  }));

Deno.test("the kept certificate is renewed when less than thirty days are left", () =>
  withSpool(async (spool) => {
    const clock = new TestClock();
    const first = await keptCertificate(spool, HOST, clock);
    clock.advance(CERTIFICATE_LIFETIME - RENEW_BEFORE + DAY);
    const second = await keptCertificate(spool, HOST, clock);
    assertNotEquals(second.cert, first.cert);
    assertEquals(certificateExpiry(second.cert), clock.now() + CERTIFICATE_LIFETIME);
    assertEquals(await keptCertificate(spool, HOST, clock), second);
  }));

Deno.test("the kept certificate is made anew when the server is renamed", () =>
  withSpool(async (spool) => {
    const clock = new TestClock();
    await keptCertificate(spool, HOST, clock);
    const { cert } = await keptCertificate(spool, "other.example.org", clock);
    assertEquals(new X509Certificate(cert).subjectAltName, "DNS:other.example.org");
  }));

Deno.test("a kept certificate that is damaged, or not that of the kept key, is made anew", () =>
  withSpool(async (spool) => {
    const clock = new TestClock(Date.now());
    const first = await keptCertificate(spool, HOST, clock);
    await Deno.writeTextFile(`${spool}/tls/cert.pem`, "garbage");
    const second = await keptCertificate(spool, HOST, clock);
    assertNotEquals(second.cert, first.cert);
    await Deno.writeTextFile(`${spool}/tls/key.pem`, first.key);
    const third = await keptCertificate(spool, HOST, clock);
    assertNotEquals(third.key, first.key);
    assertEquals(await greetingOverTls(third), "220 hello");
  }));

Deno.test("a spool that cannot be written to gives the system's error", () =>
  withSpool(async (directory) => {
    await Deno.writeTextFile(`${directory}/file`, "");
    await assertRejects(
      () => keptCertificate(`${directory}/file`, HOST, new TestClock()),
      Deno.errors.NotADirectory,
    );
  }));
