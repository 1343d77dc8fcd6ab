/** TLS as clients meet it that nobody here wrote: OpenSSL's, told to behave as others do. */
import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { createHash, X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { ServerTls } from "../../transport/server_tls.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { OpensslClient, opensslInstalled } from "../helpers/openssl.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { CERTIFICATE, type Changes, type Running, withTransport } from "./running.ts";

/** How a client comes to TLS: the listener's place, and what makes it use STARTTLS. */
const WAYS: Record<string, readonly [number, readonly string[]]> = {
  "by STARTTLS": [0, ["-starttls", "smtp"]],
  "by implicit TLS": [1, []],
};
const VERSIONS = { "TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3" } as const;

function check(name: string, fn: (running: Running) => Promise<void>, changes: Changes = {}): void {
  Deno.test({ name, ignore: !opensslInstalled, fn: () => withTransport(changes, fn) });
}

/** A client on the listener with implicit TLS. */
function client({ transport }: Running, ...args: string[]): OpensslClient {
  return new OpensslClient(transport.addresses[1]!.port, args);
}

/** All that a client says that leaves after a greeting, if it comes to one. */
async function visit(running: Running, ...args: string[]): Promise<string> {
  await using visitor = client(running, ...args);
  try {
    await visitor.until(/^220 /m);
    await visitor.say("QUIT");
  } catch {
    // No greeting comes after a handshake that fails.
  }
  return await visitor.ended();
}

for (const [way, [listener, args]] of Object.entries(WAYS)) {
  for (const [version, flag] of Object.entries(VERSIONS)) {
    check(
      `a client that comes ${way} with ${version} alone hears TLS's farewell behind 221`,
      async ({ transport }) => {
        const { port } = transport.addresses[listener]!;
        await using visitor = new OpensslClient(port, [...args, flag, "-msg", "-quiet"]);
        await visitor.say("EHLO client.example");
        await visitor.until(/^250 /m);
        await visitor.say("QUIT");
        await visitor.until(/^221 /m);
        await visitor.until(/<<< TLS.*, Alert .*warning close_notify/);
        assertNotMatch(await visitor.ended(), /unexpected eof/);
      },
    );
  }
}

check("a client that connects again resumes its TLS 1.2 session", async ({ transport }) => {
  const args = ["-starttls", "smtp", "-tls1_2", "-reconnect"];
  await using visitor = new OpensslClient(transport.addresses[0]!.port, args);
  await visitor.until(/^New, TLSv1\.2/m);
  for (let i = 0; i < 5; i++) await visitor.until(/^Reused, TLSv1\.2/m);
});

for (const [version, flag] of Object.entries(VERSIONS)) {
  check(
    `a client that comes back with its ${version} session resumes it`,
    (running) =>
      withTempDir(async (directory) => {
        const file = `${directory}/session.pem`;
        assertMatch(await visit(running, flag, "-sess_out", file), /^New, TLSv1/m);
        assertMatch(await visit(running, flag, "-sess_in", file), /^Reused, TLSv1/m);
      }),
  );
}

check("a TLS 1.2 client that asks for renegotiation is refused it", async (running) => {
  await using visitor = client(running, "-tls1_2", "-no_ign_eof");
  await visitor.until(/^220 /m);
  await visitor.say("R");
  await visitor.until(/no renegotiation/);
});

/** Clients with which no TLS comes about, and what they are told. */
const TOO_OLD: Record<string, readonly string[]> = {
  "only the CBC suites of old Windows": [
    "-tls1_2",
    "-cipher",
    "ECDHE-ECDSA-AES256-SHA384:AES256-SHA",
  ],
  "TLS 1.1 at most": ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
  "a curve that nobody has": ["-tls1_2", "-curves", "brainpoolP512r1"],
};
for (const [what, args] of Object.entries(TOO_OLD)) {
  check(
    `a client that knows ${what} is told of a handshake failure, and the next is served`,
    async (running) => {
      assertMatch(await visit(running, ...args), /alert handshake failure/);
      assertMatch(await visit(running), /^221 /m);
    },
  );
}

/** Clients that ask for things in their own way, and are served. */
const ODD: Record<string, readonly string[]> = {
  "sends no server name": ["-noservername"],
  "sends a server name that nobody has": ["-servername", "elsewhere.example"],
  "sends an IP address as server name": ["-servername", "192.0.2.1"],
  "prefers old suites to new ones": [
    "-tls1_2",
    "-cipher",
    "AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256",
  ],
  "knows one curve": ["-curves", "P-384"],
  "offers a key share that has to be asked for again": ["-tls1_3", "-curves", "P-521:P-256"],
  "uses no tickets and no extended master secret": ["-tls1_2", "-no_ticket", "-no_etm"],
  "cuts its records small": ["-max_send_frag", "512", "-split_send_frag", "512"],
  "offers ALPN": ["-alpn", "smtp"],
};
for (const [what, args] of Object.entries(ODD)) {
  check(`a client that ${what} is served`, async (running) => {
    assertMatch(await visit(running, ...args), /^221 /m);
  });
}

const V13_ONLY = {
  tls: new ServerTls([CERTIFICATE], { minVersion: "TLSv1.3", askCertificate: false }),
};
check(
  "where TLS 1.3 is the least, a client with 1.2 is refused and one with 1.3 is served",
  async (running) => {
    assertMatch(await visit(running, "-tls1_2"), /alert handshake failure/);
    assertMatch(await visit(running, "-tls1_3"), /^221 /m);
  },
  V13_ONLY,
);

const authority = await makeAuthority();
const CERTIFICATES = await Promise.all([
  authority.issue(["first.example"]),
  authority.issue(["Second.example", "also.example"]),
  authority.issue(["*.wild.example", "also.example"]),
]);

/** The serial number of the certificate that a client is shown. */
function shown(said: string): string {
  const [pem] = /-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/.exec(said) ?? [];
  return new X509Certificate(pem!).serialNumber;
}

/** Which of the certificates a client is to see that asks for a name. */
const SHOWN: Record<string, number> = {
  "first.example": 0,
  "second.example": 1,
  "SECOND.EXAMPLE": 1,
  "also.example": 1,
  "mx.wild.example": 2,
  "a.mx.wild.example": 0,
  "wild.example": 0,
  "other.example": 0,
};
const MANY = { tls: new ServerTls(CERTIFICATES) };
check(
  "a client is shown the certificate for the name that it asks for, or else the first",
  async (running) => {
    for (const [name, place] of Object.entries(SHOWN)) {
      const said = await visit(running, "-servername", name);
      assertMatch(said, /^221 /m);
      assertEquals(shown(said), new X509Certificate(CERTIFICATES[place]!.cert).serialNumber, name);
    }
    const said = await visit(running, "-noservername");
    assertEquals(shown(said), new X509Certificate(CERTIFICATES[0]!.cert).serialNumber);
  },
  MANY,
);

const ASKING = {
  tls: new ServerTls([CERTIFICATE], { minVersion: "TLSv1.2", askCertificate: true }),
};

/** The fingerprint under which a message came, and whether its sender passed for verified. */
async function fingerprintOf(running: Running, ...args: string[]): Promise<string | undefined> {
  await using visitor = client(running, ...args);
  const { handler } = running;
  const before = handler.messages.length;
  for (
    const line of ["EHLO x", "MAIL FROM:<a@b.test>", "rcpt to:<c@d.test>", "DATA", ".", "QUIT"]
  ) {
    await visitor.say(line);
  }
  await visitor.ended();
  assertEquals(handler.messages.length, before + 1);
  const { tls } = handler.messages.at(-1)!.envelope.client;
  assertEquals(tls?.verified, false);
  return tls?.fingerprint;
}

/** Writes a certificate and a key into files; gives the arguments that name them. */
async function filesOf(directory: string, cert: string, key: string): Promise<string[]> {
  await Deno.writeTextFile(`${directory}/cert.pem`, cert);
  await Deno.writeTextFile(`${directory}/key.pem`, key);
  return ["-cert", `${directory}/cert.pem`, "-key", `${directory}/key.pem`];
}

for (const [version, flag] of Object.entries(VERSIONS)) {
  check(
    `a certificate that a client shows with ${version} is known, in a resumed session too`,
    (running) =>
      withTempDir(async (directory) => {
        for (
          const mine of [
            await authority.issue(["client.example"]),
            await authority.issue(["old.example"], "expired"),
          ]
        ) {
          const expected = createHash("sha256").update(new X509Certificate(mine.cert).raw).digest(
            "hex",
          );
          const args = [flag, ...await filesOf(directory, mine.cert, mine.key)];
          const session = `${directory}/session.pem`;
          assertEquals(await fingerprintOf(running, ...args, "-sess_out", session), expected);
          assertEquals(await fingerprintOf(running, flag, "-sess_in", session), expected);
        }
        assertEquals(await fingerprintOf(running, flag), undefined);
      }),
    ASKING,
  );

  check(
    `a certificate is worth nothing with ${version} to a client that has not its key`,
    (running) =>
      withTempDir(async (directory) => {
        const theirs = await authority.issue(["client.example"]);
        const mine = await authority.issue(["client.example"]);
        const args = await filesOf(directory, theirs.cert, withPublicKeyOf(mine.key, theirs.key));
        const said = await visit(running, flag, "-msg", ...args);
        assertMatch(said, />>> TLS.*CertificateVerify/, "the certificate was not shown");
        assertNotMatch(said, /^220 /m);
        assertEquals(running.handler.clients, []);
      }),
    ASKING,
  );
}

check("a client is not asked for a certificate where none is of use", async (running) => {
  await withTempDir(async (directory) => {
    const { cert, key } = await authority.issue(["client.example"]);
    const args = await filesOf(directory, cert, key);
    assertEquals(await fingerprintOf(running, ...args), undefined);
    assertMatch(await visit(running), /No client certificate CA names sent/);
    assertNotMatch(await visit(running, "-msg"), /CertificateRequest/);
  });
});

/**
 * A private key on P-256 that says it belongs to the public key of another. OpenSSL
 * believes that, and signs with what is really its own.
 */
function withPublicKeyOf(mine: string, other: string): string {
  const [ours, theirs] = [mine, other].map((pem) =>
    Uint8Array.fromBase64(pem.replace(/-----[^-]+-----/g, "").replace(/\s/g, ""))
  );
  const POINT = 65; // The public key is the end of it, an uncompressed point.
  ours!.set(theirs!.subarray(-POINT), ours!.length - POINT);
  return `-----BEGIN PRIVATE KEY-----\n${ours!.toBase64()}\n-----END PRIVATE KEY-----\n`;
}

Deno.test("a client that ends its side in the middle of TLS hears the answers to all it said", () =>
  withTransport({}, async ({ transport, handler }) => {
    const options = { rejectUnauthorized: false, allowHalfOpen: true };
    const socket = connect(transport.addresses[1]!.port, "127.0.0.1", options);
    const lines = [
      "EHLO x",
      "MAIL FROM:<a@b.test>",
      "RCPT TO:<c@d.test>",
      "DATA",
      "hello",
      ".",
      "",
    ];
    socket.end(lines.join("\r\n"));
    let heard = "";
    for await (const chunk of socket) heard += chunk;
    assertMatch(heard, /^250 2\.0\.0 Queued\r\n$/m);
    assertEquals(handler.messages.length, 1);
    assert(heard.startsWith("220 "));
  }));
