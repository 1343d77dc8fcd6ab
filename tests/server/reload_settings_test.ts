/**
 * Every key of the file, changed while the server runs: the reload tells its old and
 * new value, or that it needs a restart; and one bad value leaves all as it was. What
 * a client sees at once of the new value is looked at too.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { knownKeys } from "../../config/schema.ts";
import type { MailPlan } from "../../control/target.ts";
import { Peer } from "../transport/peer.ts";
import { HOSTNAME } from "../transport/running.ts";
import { type Lines, OTHER, type Site, withServer } from "./reload_site.ts";

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

/** Sees how many times in a row a client gets in, and what the next one hears. */
function crowd(codes: string): (site: Site) => Promise<void> {
  return async ({ address }) => {
    using first = await Peer.connect(address);
    const heard = [await first.codes(1)];
    using second = await Peer.connect(address);
    heard.push(await second.codes(1));
    assertEquals(heard.join(" "), codes);
  };
}

/** A host that is on the public Internet, and is only planned for. */
const PUBLIC = "c@[1.0.0.2]";

/** Sees something of the plan for an address. */
function plans<T>(to: string, look: (plan: MailPlan) => T, expected: T) {
  return async (site: Site): Promise<void> => assertEquals(look(await site.plan(to)), expected);
}

/** The waits of a plan, ms; the first one is as long as the schedule says. */
function waits({ route: { retries } }: MailPlan): number[] {
  return retries.slice(1).map(({ at }, i) => at - retries[i]!.at);
}

const MINUTE = 60_000;

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
    old: '"smtp://jo:first@1.0.0.1:587"',
    next: '"smtps://jo:second@1.0.0.1:465"',
    told: "smtp://…@1.0.0.1:587 → smtps://…@1.0.0.1:465",
    bad: '"http://relay.test"',
    seen: plans("c@d.test", ({ route }) => route.destination, "smarthost 1.0.0.1:465"),
  },
  hold: { ...toggle(true), seen: plans(PUBLIC, ({ stays }) => stays, undefined) },
  capture: { ...toggle(false), seen: plans(PUBLIC, ({ stays }) => stays, "captured") },
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
  auth_without_tls: {
    ...toggle(false),
    beside: { listen: '"submission://127.0.0.1:0"', users: '"$/users.toml"' },
    seen: answers(["EHLO x.test"], /^250[- ]AUTH /m),
  },
  scram_plus: toggle(false),
  binary_mime: { ...toggle(false), seen: answers(["EHLO x.test"], /^250[- ]BINARYMIME$/m) },
  ca_file: { next: '"$/cert.pem"', told: "changed", bad: '"$/nowhere.pem"' },
  dns: { next: '"192.0.2.53"', told: "none → 192.0.2.53:53", bad: '"a b"' },
  delivery_port: numeric("25", "2525", {
    seen: plans(PUBLIC, ({ route }) => route.hosts.map(({ port }) => port), [2525]),
  }),
  allow_private: {
    ...toggle(false),
    seen: plans("c@[127.0.0.1]", ({ route }) => route.hosts.length, 1),
  },
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
  "limits.command_line": numeric("512", "1KiB", {
    seen: answers([`NOOP ${"x".repeat(600)}`], /^250 /),
  }),
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
  "limits.connections": numeric("10000", "1", { seen: crowd("220 421") }),
  "limits.connections_per_address": numeric("100", "1", { seen: crowd("220 421") }),
  "limits.connection_rate": numeric("600", "1", { seen: crowd("220 421") }),
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
  "limits.greet_pause": numeric("0ms", "5s", {
    seen: async ({ address }) => {
      using peer = await Peer.connect(address);
      await peer.say("EHLO x.test\r\n");
      assertMatch(await peer.reply(), /^554 /);
    },
  }),
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
  "retry.first": numeric("5m", "10m", {
    seen: plans(PUBLIC, ({ route }) => route.retries[0]!.rule, "10m = retry.first 10m"),
  }),
  "retry.factor": numeric("2", "1.5", {
    seen: plans(PUBLIC, (plan) => waits(plan)[0], 7.5 * MINUTE),
  }),
  "retry.longest": numeric("4h", "1d", {
    seen: plans(PUBLIC, (plan) => Math.max(...waits(plan)), 1440 * MINUTE),
  }),
  "retry.jitter": numeric("0.1", "0", { seen: plans(PUBLIC, ({ route }) => route.jitter, 0) }),
  "retry.lifetime": numeric("5d", "1d", {
    seen: plans(PUBLIC, (plan) => waits(plan).reduce((a, b) => a + b), 1435 * MINUTE),
  }),
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
