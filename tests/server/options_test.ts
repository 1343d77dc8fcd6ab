import { assert, assertEquals, assertThrows } from "@std/assert";
import { DEFAULT_CONFIG } from "../../config/config.ts";
import { configOf, type StartOptions } from "../../server/options.ts";
import { selfSignedCertificate } from "../../transport/certificate.ts";

const CERTIFICATE = await selfSignedCertificate("mx.example.org", Date.now());
const OTHER = await selfSignedCertificate("mx.example.org", Date.now());

Deno.test("without options everything has its default", () => {
  const { hostname, users, delivery, ...rest } = configOf({});
  const { delivery: defaults, ...expected } = DEFAULT_CONFIG;
  assertEquals(rest, expected);
  assertEquals(delivery, { ...defaults, smarthost: undefined, dns: undefined });
  assert(hostname !== "");
  assertEquals(users, undefined);
});

Deno.test("every option finds its place, and what a table leaves out has its default", () => {
  const config = configOf({
    listen: [
      "127.0.0.1:0",
      "smtps://[::1]:465",
      "submission://:587",
      "submissions://:466",
      "smtp+proxy://:2525",
    ],
    proxyHosts: ["192.0.2.7"],
    xclientHosts: ["192.0.2.8"],
    banner: "ESMTP no spam",
    vrfy: "trusted",
    forbidUnauthPipelining: false,
    hostname: "MX.Example.org",
    spool: "/var/spool/mail",
    localDomains: ["Example.org"],
    localRecipients: ["Info@Example.org"],
    trust: ["192.0.2.0/24"],
    smarthost: "smtps://user:secret@relay.example",
    users: "/etc/mail/users.toml",
    authWithoutTls: true,
    scramPlus: true,
    binaryMime: true,
    hold: true,
    capture: true,
    certificate: CERTIFICATE,
    tlsMinVersion: "TLSv1.3",
    trustCertificates: [`SHA256:${"AB:".repeat(31)}ab`],
    dns: "127.0.0.1:5353",
    deliveryPort: 2526,
    allowPrivate: true,
    caCerts: [CERTIFICATE.cert],
    control: true,
    stopGrace: 0,
    limits: { recipients: 5, dataRate: undefined },
    delivery: { concurrency: 7 },
    retry: { first: 1000, jitter: 0 },
    history: { size: 1024 },
  });
  assertEquals(config, {
    listen: [
      { hostname: "127.0.0.1", port: 0, tls: false },
      { hostname: "::1", port: 465, tls: true },
      { port: 587, tls: false, role: "submission" },
      { port: 466, tls: true, role: "submission" },
      { port: 2525, tls: false, proxied: true },
    ],
    hostname: "mx.example.org",
    spool: "/var/spool/mail",
    localDomains: ["example.org"],
    localRecipients: ["info@example.org"],
    trust: ["192.0.2.0/24"],
    users: "/etc/mail/users.toml",
    authWithoutTls: true,
    scramPlus: true,
    binaryMime: true,
    hold: true,
    capture: true,
    certificates: [CERTIFICATE],
    certificateFiles: [],
    tlsMinVersion: "TLSv1.3",
    trustCertificates: ["ab".repeat(32)],
    proxyHosts: ["192.0.2.7/32"],
    xclientHosts: ["192.0.2.8/32"],
    banner: "ESMTP no spam",
    vrfy: "trusted",
    forbidUnauthPipelining: false,
    control: true,
    stopGrace: 0,
    limits: { ...DEFAULT_CONFIG.limits, recipients: 5 },
    delivery: {
      ...DEFAULT_CONFIG.delivery,
      concurrency: 7,
      port: 2526,
      allowPrivate: true,
      smarthost: {
        host: "relay.example",
        port: 465,
        implicitTls: true,
        user: "user",
        password: "secret",
      },
      dns: { host: "127.0.0.1", port: 5353 },
      caCerts: [CERTIFICATE.cert],
      retry: { ...DEFAULT_CONFIG.delivery.retry, first: 1000, jitter: 0 },
    },
    history: { ...DEFAULT_CONFIG.history, size: 1024 },
  });
});

Deno.test("a history that is switched off has no room", () => {
  assertEquals(configOf({ history: false }).history.size, 0);
});

Deno.test("options that are no object are an error", () => {
  assertThrows(() => configOf(null!), TypeError, "options null: expected an object");
});

Deno.test("an empty list of addresses to listen on is the default one", () => {
  assertEquals(configOf({ listen: [] }).listen, DEFAULT_CONFIG.listen);
});

Deno.test("an empty list of trusted networks trusts nobody", () => {
  assertEquals(configOf({ trust: [] }).trust, []);
});

/** Wrong options as a program without types may pass them, and how the error begins. */
const WRONG: readonly [Record<string, unknown>, string][] = [
  [{ listen: "127.0.0.1" }, 'listen[0] "127.0.0.1": expected HOST:PORT or :PORT'],
  [{ listen: [":2525", ":70000"] }, 'listen[1] ":70000": expected a port from 0 to 65535'],
  [{ listen: 2525 }, "listen 2525: expected a list of texts"],
  [{ hostname: "no name" }, 'hostname "no name": expected a domain name'],
  [{ hostname: 5 }, "hostname 5: expected text"],
  [{ spool: "" }, 'spool "": expected a directory'],
  [{ spool: "a\0b" }, 'spool "a\\u0000b": expected a directory'],
  [{ localDomains: "example.org" }, 'localDomains "example.org": expected a list of texts'],
  [{ localDomains: ["a", "b c"] }, 'localDomains[1] "b c": expected a domain name'],
  [{ localRecipients: ["info"] }, 'localRecipients[0] "info": expected an address'],
  [{ trust: ["10.1.2.3/8"] }, 'trust[0] "10.1.2.3/8": the address has bits set beyond its /8'],
  [{ trust: [null] }, "trust[0] null: expected text"],
  [{ trust: [undefined] }, "trust[0] null: expected text"],
  [{ smarthost: "http://x" }, 'smarthost "http://x": expected smtp://'],
  [{ hold: "yes" }, 'hold "yes": expected true or false'],
  [{ allowPrivate: 1 }, "allowPrivate 1: expected true or false"],
  [{ certificate: { cert: "x", key: "y" } }, "certificate: expected a certificate in PEM"],
  [{ certificate: { cert: CERTIFICATE.cert, key: OTHER.key } }, "certificate: the key is not"],
  [{ certificate: "cert.pem" }, "certificate: expected a certificate in PEM"],
  [{ certificate: [CERTIFICATE, null] }, "certificate[1]: expected a certificate in PEM"],
  [{ listen: "smtp+proxy://:25" }, "listen: a listener for proxies needs proxyHosts as well"],
  [{ banner: "a\r\nb" }, 'banner "a\\r\\nb": expected up to 200 printable characters'],
  [{ vrfy: "maybe" }, 'vrfy "maybe": expected one of unsure, trusted, off'],
  [{ tlsMinVersion: "TLSv1.1" }, 'tlsMinVersion "TLSv1.1": expected one of TLSv1.2, TLSv1.3'],
  [{ trustCertificates: ["ab"] }, 'trustCertificates[0] "ab": expected a SHA-256 fingerprint'],
  [{ caCerts: ["x"] }, 'caCerts[0] "x": expected a certificate in PEM'],
  [{ dns: "localhost" }, 'dns "localhost": expected the IP address of a name server'],
  [{ deliveryPort: 0 }, "deliveryPort 0: expected a number from 1 to 65535"],
  [{ deliveryPort: 25.5 }, "deliveryPort 25.5: expected a port from 1 to 65535"],
  [{ deliveryPort: "25" }, 'deliveryPort "25": expected a port from 1 to 65535'],
  [{ stopGrace: -1 }, "stopGrace -1: expected a number from 0 to 2147483647"],
  [{ stopGrace: Infinity }, "stopGrace Infinity: expected a number from 0 to 2147483647"],
  [
    { limits: { messageSize: "1 MiB" } },
    'limits.messageSize "1 MiB": expected a number of at least 0',
  ],
  [{ limits: { errors: NaN } }, "limits.errors NaN: expected a number of at least 0"],
  [{ limits: { connections: 0 } }, "limits.connections 0: expected a number of at least 1"],
  [{ limits: { conections: 5 } }, "limits.conections: unknown option (did you mean connections?)"],
  [{ limits: 5 }, "limits 5: expected an object"],
  [{ delivery: { concurrency: 0 } }, "delivery.concurrency 0: expected a number of at least 1"],
  [{ delivery: { port: 26 } }, "delivery.port: unknown option"],
  [{ retry: { jitter: 2 } }, "retry.jitter 2: expected a number from 0 to 1"],
  [{ retry: { factor: 0.5 } }, "retry.factor 0.5: expected a number of at least 1"],
  [{ hooks: { message: true } }, "hooks.message true: expected a function"],
  [{ hooks: { data: () => {} } }, "hooks.data: unknown option"],
  [{ hooks: null }, "hooks null: expected an object"],
  [{ on: { delivered: "x" } }, 'on.delivered "x": expected a function'],
  [{ on: { recieved: () => {} } }, "on.recieved: unknown option"],
  [{ localDomain: ["x"] }, "localDomain: unknown option (did you mean localDomains?)"],
  [{ toString: 1 }, "toString: unknown option"],
];
for (const [options, expected] of WRONG) {
  Deno.test(`a wrong option is named with its value: ${expected}`, () => {
    const error = assertThrows(() => configOf(options as StartOptions), TypeError);
    assertEquals(error.message.slice(0, expected.length), expected);
  });
}

Deno.test("a smarthost's password stands in no error, nor does a private key", () => {
  const error = assertThrows(
    () => configOf({ smarthost: "smtp://user:secret@relay example" }),
    TypeError,
  );
  assert(!error.message.includes("secret"), error.message);
  const keyed = assertThrows(
    () => configOf({ certificate: { cert: "x", key: CERTIFICATE.key } }),
    TypeError,
  );
  assert(!keyed.message.includes("PRIVATE"), keyed.message);
});

Deno.test("a smarthost or a token that is no text is not shown, for the secret may be anywhere in it", () => {
  const secret = { password: "secret" };
  for (const key of ["smarthost", "apiToken"]) {
    const options = { [key]: secret } as unknown as StartOptions;
    const { message } = assertThrows(() => configOf(options), TypeError);
    assertEquals(message, `${key} "…": expected text`);
  }
});

Deno.test("a long wrong value is cut in its error", () => {
  const error = assertThrows(() => configOf({ hostname: "x ".repeat(10_000) }), TypeError);
  assert(error.message.length < 500);
});
