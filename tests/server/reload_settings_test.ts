/**
 * Every key of the file, changed while the server runs: the reload tells its old and
 * new value, or that it needs a restart; and one bad value leaves all as it was. What
 * a client sees at once of the new value is looked at too.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { loadConfig } from "../../config/load.ts";
import { knownKeys } from "../../config/schema.ts";
import { startServer } from "../../server/server.ts";
import { selfSignedCertificate } from "../../transport/certificate.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { type Address, Peer } from "../transport/peer.ts";
import { CERTIFICATE, HOSTNAME } from "../transport/running.ts";
import { writeUsers } from "./login_site.ts";

/** A server that goes by a file. */
interface Site {
  readonly directory: string;
  /** Where it listens. */
  readonly address: Address;
  /** Writes the file and has it read again through the API. */
  reload(lines: Lines): Promise<Reloaded>;
}

/** What the API answers. */
interface Reloaded {
  readonly status: number;
  readonly changes?: readonly string[];
  readonly error?: { readonly message: string };
}

/** The file: what stands behind each key, a table's as `limits.hops`. */
type Lines = Readonly<Record<string, string>>;

/** A key, and what becomes of a change to it. `$` stands for the directory of the test. */
interface Case {
  /** What stands behind it before; the key is absent otherwise. */
  readonly old?: string;
  readonly next: string;
  /** Keys that it needs beside it. */
  readonly beside?: Lines;
  /** Whether the keys beside it change with it. */
  readonly together?: true;
  /** What it is told under; itself otherwise. */
  readonly key?: string;
  /** The old and the new value. */
  readonly told: string;
  readonly restart?: true;
  /** What is no value for it. */
  readonly bad: string;
  /** Sees from outside that the new value is in force. */
  seen?(site: Site): Promise<void>;
}

/** The text of the file, keys of tables last. */
function textOf(lines: Lines, directory: string): string {
  const top = Object.entries(lines).filter(([key]) => !key.includes("."));
  const tables = new Map<string, string[]>();
  for (const [key, value] of Object.entries(lines)) {
    const [table, name] = key.split(".");
    if (name !== undefined) tables.set(table!, [...tables.get(table!) ?? [], `${name} = ${value}`]);
  }
  const text = [
    ...top.map(([key, value]) => `${key} = ${value}`),
    ...[...tables].flatMap(([name, values]) => [`[${name}]`, ...values]),
  ];
  return text.join("\n").replaceAll("$", directory);
}

/** Runs a server by a file with these lines, which trusts nobody and delivers nothing. */
function withServer(lines: Lines, check: (site: Site) => Promise<void>): Promise<void> {
  return withTempDir(async (directory) => {
    await writeFiles(directory);
    const file = `${directory}/mail.toml`;
    const write = (lines: Lines) =>
      Deno.writeTextFile(file, textOf({ ...BASE, ...lines }, directory));
    const reread = () =>
      loadConfig({
        flags: { values: {}, where: () => "flags" },
        configFile: file,
        variable: () => undefined,
        machineName: HOSTNAME,
      });
    await write(lines);
    const server = await startServer((await reread()).config, { reread });
    using client = Deno.createHttpClient({
      proxy: { transport: "unix", path: `${directory}/spool/control.sock` },
    });
    try {
      await check({
        directory,
        address: server.addresses[0]!,
        reload: async (lines) => {
          await write(lines);
          const answer = await fetch("http://localhost/v1/reload", { client, method: "POST" });
          return { status: answer.status, ...await answer.json() };
        },
      });
    } finally {
      await server.stop();
    }
  });
}

const BASE: Lines = {
  listen: '"127.0.0.1:0"',
  hostname: `"${HOSTNAME}"`,
  spool: '"$/spool"',
  trust: "[]",
  hold: "true",
  tls_cert: '"$/cert.pem"',
  tls_key: '"$/key.pem"',
};

/** The files that keys name; `other` ones are for the change. */
async function writeFiles(directory: string): Promise<void> {
  const other = await OTHER;
  await Deno.writeTextFile(`${directory}/cert.pem`, CERTIFICATE.cert);
  await Deno.writeTextFile(`${directory}/key.pem`, CERTIFICATE.key, { mode: 0o600 });
  await Deno.writeTextFile(`${directory}/other_cert.pem`, other.cert);
  await Deno.writeTextFile(`${directory}/other_key.pem`, other.key, { mode: 0o600 });
  await Deno.writeTextFile(`${directory}/token`, "x".repeat(40), { mode: 0o600 });
  await Deno.writeTextFile(`${directory}/other_token`, "y".repeat(40), { mode: 0o600 });
  await writeUsers(`${directory}/users.toml`, "argon2id");
}

const OTHER = selfSignedCertificate(HOSTNAME, Date.now());

/** A number that is out of bounds, in whatever unit. */
const NO_NUMBER = '"many"';

/** A number or a time of a table, and its default. */
function numeric(old: string, next: string, more: Partial<Case> = {}): Case {
  const quoted = /^[\d.]+$/.test(next) ? next : `"${next}"`;
  return { next: quoted, told: `${old} → ${next}`, bad: NO_NUMBER, ...more };
}

function toggle(old: boolean, more: Partial<Case> = {}): Case {
  return { old: `${old}`, next: `${!old}`, told: `${old} → ${!old}`, bad: '"perhaps"', ...more };
}

/** A client that has said EHLO. */
async function greeted({ address }: Site): Promise<Peer> {
  const peer = await Peer.connect(address);
  await peer.hello();
  return peer;
}

/** Says lines, each after the answer to the one before; sees the form of the last answer. */
function answers(lines: readonly string[], last: RegExp): (site: Site) => Promise<void> {
  return async (site) => {
    using peer = await greeted(site);
    let answer = "";
    for (const line of lines) answer = await peer.ask(line);
    assertMatch(answer, last);
  };
}

const FROM = "MAIL FROM:<a@b.test>";
const TO = "RCPT TO:<c@d.test>";
const TRUSTED: Lines = { trust: '["127.0.0.0/8"]' };

const CASES: Readonly<Record<string, Case>> = {
  listen: {
    next: '["127.0.0.1:0", "127.0.0.1:0"]',
    told: "127.0.0.1:0, 127.0.0.1:0",
    bad: '"nowhere:99999"',
  },
  hostname: {
    next: '"other.test"',
    told: `${HOSTNAME} → other.test`,
    bad: '"a b"',
    seen: answers(["EHLO x.test"], /^250-other\.test/),
  },
  spool: { next: '"$/spool2"', told: "$/spool → $/spool2", restart: true, bad: '""' },
  local_domain: {
    next: '"d.test"',
    told: "+ d.test",
    bad: '"a b"',
    seen: answers([FROM, TO], /^250 /),
  },
  local_recipients: {
    old: '["c@d.test"]',
    next: '["x@d.test"]',
    beside: { local_domain: '"d.test"' },
    told: "+ x@d.test - c@d.test",
    bad: '"c"',
    seen: answers([FROM, TO], /^550 5\.1\.1/),
  },
  trust: {
    next: '["127.0.0.0/8"]',
    told: "+ 127.0.0.0/8",
    bad: '"10.1.2.3/8"',
    seen: answers([FROM, TO], /^250 /),
  },
  banner: {
    next: '"ESMTP ours"',
    told: "ESMTP deno-smtp-server → ESMTP ours",
    bad: '"a\\nb"',
    seen: async ({ address }) => {
      using peer = await Peer.connect(address);
      assertEquals(await peer.reply(), `220 ${HOSTNAME} ESMTP ours`);
    },
  },
  vrfy: {
    next: '"off"',
    told: "unsure → off",
    bad: '"maybe"',
    seen: answers(["VRFY c@d.test"], /^502 /),
  },
  forbid_unauth_pipelining: {
    ...toggle(true),
    seen: async (site) => {
      using peer = await greeted(site);
      await peer.say("EHLO x.test\r\nNOOP\r\n");
      assertEquals(await peer.codes(2), "250 250");
    },
  },
  proxy_hosts: {
    next: '["127.0.0.0/8"]',
    told: "+ 127.0.0.0/8",
    bad: '"127.0.0.1/8"',
  },
  xclient_hosts: {
    next: '["127.0.0.0/8"]',
    told: "+ 127.0.0.0/8",
    bad: '"127.0.0.1/8"',
    seen: answers(["XCLIENT ADDR=198.51.100.7"], /^220 /),
  },
  smarthost: {
    old: '"smtp://jo:first@relay.test:587"',
    next: '"smtps://jo:second@relay.test:465"',
    told: "smtp://…@relay.test:587 → smtps://…@relay.test:465",
    bad: '"http://relay.test"',
  },
  hold: toggle(true),
  capture: toggle(false),
  tls_cert: {
    next: '"$/other_cert.pem"',
    key: "tls_cert, tls_key",
    beside: { tls_key: '"$/other_key.pem"' },
    together: true,
    told: "changed",
    bad: '"$/nowhere.pem"',
    seen: async (site) => {
      using peer = await greeted(site);
      await peer.ask("STARTTLS");
      await peer.startTls(HOSTNAME, (await OTHER).cert);
      assertMatch(await peer.ask("EHLO x.test"), /^250/);
    },
  },
  tls_min_version: {
    next: '"TLSv1.3"',
    told: "TLSv1.2 → TLSv1.3",
    bad: '"SSLv3"',
  },
  trust_certificates: {
    next: `"${"ab".repeat(32)}"`,
    told: `+ ${"ab".repeat(32)}`,
    bad: '"ab"',
  },
  users: { next: '"$/users.toml"', told: "none → $/users.toml", bad: '"$/nowhere.toml"' },
  auth_without_tls: toggle(false),
  scram_plus: toggle(false),
  binary_mime: { ...toggle(false), seen: answers(["EHLO x.test"], /^250[- ]BINARYMIME$/m) },
  ca_file: { next: '"$/cert.pem"', told: "changed", bad: '"$/nowhere.pem"' },
  dns: { next: '"192.0.2.53"', told: "none → 192.0.2.53:53", bad: '"a b"' },
  delivery_port: numeric("25", "2525"),
  allow_private: toggle(false),
  stop_grace: numeric("30s", "5s"),
  tls_key: {
    old: '"$/key.pem"',
    next: '"$/other_key.pem"',
    key: "tls_cert, tls_key",
    beside: { tls_cert: '"$/other_cert.pem"' },
    together: true,
    told: "changed",
    bad: '"$/nowhere.pem"',
  },
  control: { ...toggle(true), restart: true },
  api: {
    next: '"127.0.0.1:2580"',
    beside: { api_token_file: '"$/token"' },
    together: true,
    told: "none → 127.0.0.1:2580",
    restart: true,
    bad: '"nowhere"',
  },
  web: {
    next: '"127.0.0.1:2581"',
    told: "none → 127.0.0.1:2581",
    restart: true,
    bad: '"nowhere"',
  },
  api_token_file: {
    old: '"$/token"',
    next: '"$/other_token"',
    beside: { api: '"127.0.0.1:0"' },
    key: "api",
    told: "127.0.0.1:0, with another secret",
    restart: true,
    bad: '"$/nowhere"',
  },
  "limits.command_line": numeric("512", "1KiB"),
  "limits.recipients": {
    ...numeric("1000", "100"),
    beside: TRUSTED,
    seen: async (site) => {
      using peer = await greeted(site);
      await peer.ask(FROM);
      for (let i = 0; i < 100; i++) await peer.ask(`RCPT TO:<c${i}@d.test>`);
      assertMatch(await peer.ask(TO), /^452 4\.5\.3/);
    },
  },
  "limits.message_size": {
    ...numeric("128MiB", "1MiB"),
    seen: answers(["EHLO x.test"], /^250[- ]SIZE 1048576$/m),
  },
  "limits.header_size": {
    ...numeric("256KiB", "1KiB"),
    beside: TRUSTED,
    seen: answers(
      [FROM, TO, "DATA", `X: ${"x".repeat(900)}\r\nY: ${"y".repeat(900)}\r\n.`],
      /^552 5\.3\.4/,
    ),
  },
  "limits.errors": {
    ...numeric("20", "1"),
    seen: answers(["WHAT", "WHAT"], /^421 4\.7\.0/),
  },
  "limits.idle_commands": {
    ...numeric("100", "1"),
    seen: answers(["NOOP"], /^421 4\.7\.0/),
  },
  "limits.connections": numeric("10000", "1"),
  "limits.connections_per_address": numeric("100", "1"),
  "limits.connection_rate": numeric("600", "1"),
  "limits.message_rate": {
    ...numeric("600", "1"),
    seen: answers([FROM, "RSET", FROM], /^450 4\.7\.1/),
  },
  "limits.recipient_rate": {
    ...numeric("3000", "1"),
    seen: answers([FROM, TO, TO], /^450 4\.7\.1/),
  },
  "limits.messages_per_connection": {
    ...numeric("1000", "1"),
    seen: answers([FROM, "RSET", FROM], /^421 4\.7\.0/),
  },
  "limits.recipients_per_connection": numeric("10000", "1"),
  "limits.auth_failures": numeric("10", "1"),
  "limits.auth_failures_per_user": numeric("30", "1"),
  "limits.greet_pause": numeric("0ms", "5s"),
  "limits.command_timeout": numeric("5m", "90s"),
  "limits.data_timeout": numeric("3m", "90s"),
  "limits.data_rate": numeric("100", "1KiB"),
  "limits.tls_timeout": numeric("30s", "1500ms"),
  "limits.longest_hold": {
    ...numeric("7d", "1h"),
    beside: TRUSTED,
    seen: answers(["EHLO x.test"], /^250[- ]FUTURERELEASE 3600 /m),
  },
  "limits.capture_messages": numeric("1000", "10"),
  "limits.hops": {
    ...numeric("50", "1"),
    beside: TRUSTED,
    seen: answers([FROM, TO, "DATA", "Received: a\r\nReceived: b\r\n\r\n."], /^554 5\.4\.6/),
  },
  "delivery.concurrency": numeric("500", "1"),
  "delivery.concurrency_per_destination": numeric("20", "1"),
  "delivery.messages_per_connection": numeric("1000", "1"),
  "delivery.recipients_per_transaction": numeric("100", "1"),
  "delivery.idle_timeout": numeric("5s", "1s"),
  "delivery.connect_timeout": numeric("30s", "1s"),
  "delivery.command_timeout": numeric("5m", "1m"),
  "delivery.data_timeout": numeric("3m", "1m"),
  "delivery.final_timeout": numeric("10m", "1m"),
  "retry.first": numeric("5m", "10m"),
  "retry.factor": numeric("2", "1.5"),
  "retry.longest": numeric("4h", "1d"),
  "retry.jitter": numeric("0.1", "0"),
  "retry.lifetime": numeric("5d", "1d"),
  "retry.delay_notice": numeric("4h", "1h"),
  "retry.unasked_delay_notice": numeric("0ms", "1h"),
  "history.keep": numeric("30d", "1d", { restart: true }),
  "history.size": numeric("2GiB", "1GiB", { restart: true }),
};

/** Keys of the log: they are no part of the server's configuration. */
const OF_THE_LOG = ["log_format", "log_level"];
const TABLES = ["limits", "delivery", "retry", "history"];

Deno.test("every key of the file has its case here", () => {
  const keys = knownKeys([]).filter((key) => !TABLES.includes(key) && !OF_THE_LOG.includes(key));
  const inTables = TABLES.flatMap((table) => knownKeys([table]).map((key) => `${table}.${key}`));
  assertEquals(new Set(Object.keys(CASES)), new Set([...keys, ...inTables]));
});

for (const [name, one] of Object.entries(CASES)) {
  const { old, next, beside = {}, together, restart, bad, key = name, told, seen } = one;
  const before: Lines = { ...together ? {} : beside, ...old === undefined ? {} : { [name]: old } };
  const after: Lines = { ...before, ...beside, [name]: next };
  const seenToo = seen === undefined ? "is told" : "is told, and seen by the next client";
  const changed = restart ? "is told as a change that needs a restart" : seenToo;

  Deno.test(`${name} that is changed in the file ${changed}; a bad value changes nothing`, () =>
    withServer(before, async (site) => {
      const trust = '["10.0.0.0/8"]';
      const wrong = await site.reload({ ...before, banner: '"ESMTP wrong"', [name]: bad });
      assertEquals(wrong.status, 409);
      assert(wrong.error!.message.includes(name), wrong.error!.message);

      const text = `${key}: ${told}`.replaceAll("$", site.directory);
      if (restart) {
        const refused = await site.reload({ ...after, trust });
        assertEquals([refused.status, refused.error!.message], [409, `${text}: needs a restart`]);
        assertEquals((await site.reload(before)).changes, []);
        return;
      }
      const { status, changes } = await site.reload(after);
      assertEquals([status, changes], [200, [text]]);
      await seen?.(site);
    }));
}
