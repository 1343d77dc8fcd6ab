/**
 * Text that a peer chose to mislead whoever reads it, brought to the real
 * program in every field it can reach: what the program says and writes of it is
 * lines of its own, in characters that are what they seem.
 */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { concat, decodeStrict, encode, isAscii } from "../../base/bytes.ts";
import { writeAll } from "../../transport/stream.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { NpmMailHost } from "../helpers/npm_mail_host.ts";
import { ScriptedPeer } from "../helpers/scripted_peer.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { Peer } from "../transport/peer.ts";
import { CapturedProgram } from "./captured_program.ts";

/** Drives a terminal, hides or reorders text; a line end is looked for by itself. */
const HOSTILE =
  // deno-lint-ignore no-control-regex
  /[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;

/** What may stand in a field where a line end may not. */
const ATTACK = "\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\x08\u202egnp.exe\u2066\u200b\u2028";

/** What it looks like where a line could be ended: a record of the log's own. */
const FORGED = "2026-01-01T00:00:00.000Z ERROR main      forged";

/** No UTF-8, and CSI as terminals know it that read octets. */
const NOT_UTF8 = Uint8Array.of(0xff, 0xfe, 0x9b, 0x33, 0x31, 0x6d, 0xc3, 0x28);

const MEGABYTE = 1_000_000;

const RECORD = {
  pretty: /^\d{4}-\d\d-\d\dT[\d:.]{12}Z (?:DEBUG|INFO |WARN |ERROR) [a-z]+ +\S/,
  json: /^\{"time":"[^"]+","level":"[a-z]+","room":"[a-z]+","message":".*\}\}$/,
};

/** Asserts that the octets are records, each a line, and that none shows what it should not; gives them as text. */
function assertLog(octets: Uint8Array, format: keyof typeof RECORD): string {
  const text = decodeStrict(octets);
  assert(text !== undefined, "the log is not UTF-8");
  for (const line of text.trimEnd().split("\n")) {
    assertMatch(line, RECORD[format]);
    assertEquals(HOSTILE.exec(line), null, JSON.stringify(line));
    assert(!line.startsWith(FORGED), line);
    assertLess(line.length, 20_000);
    if (format === "json") JSON.parse(line);
  }
  return text;
}

/** The mail hosts and the name server around the program. */
class World implements AsyncDisposable {
  /** Says invalid UTF-8 instead of a greeting. */
  readonly raw = new ScriptedPeer([[async ({ stream }) => {
    await writeAll(stream, concat([encode("554 raw-mark "), NOT_UTF8, encode("\r\n")]));
  }]]);
  readonly port = this.raw.host.port;
  /** Attacks with each of its replies, as the recipient asks for. */
  readonly hostile = new MailHost((moment, line) => {
    if (moment === "CONNECT") return `220 ${ATTACK}`;
    if (moment === "EHLO") return `250-${ATTACK}\r\n250-SIZE ${ATTACK}\r\n250 8BITMIME`;
    if (line.includes("<refused@")) return `550 5.1.1 refused-mark ${ATTACK}\r${FORGED}`;
    if (line.includes("<later@")) return `450-later-mark ${ATTACK}\r\n450 \0${FORGED}`;
    if (line.includes("<long@")) return `450 ${"long-mark ".repeat(MEGABYTE / 10)}`;
  }, { address: "127.0.0.2", port: this.port });
  /** Takes what comes, for the domain of the senders. */
  readonly good = new MailHost(undefined, { address: "127.0.0.3", port: this.port });

  private constructor(readonly dns: DnsServer) {
    for (
      const [domain, address] of [
        ["raw.test", "127.0.0.1"],
        ["hostile.test", "127.0.0.2"],
        ["here.test", "127.0.0.3"],
      ] as const
    ) {
      dns.mx(domain, [10, `mx.${domain}`]);
      dns.host(`mx.${domain}`, address);
    }
    dns.mx("names.test", [10, `name-mark${ATTACK}\r\n${FORGED}.test`]);
    dns.script("lost.test", "MX", "SERVFAIL");
  }

  static async start(): Promise<World> {
    return new World(await DnsServer.start());
  }

  /** What the program has to be told of it. */
  get flags(): string[] {
    const { host, port } = this.dns.nameServer;
    const domains = ["raw", "hostile", "here", "names", "lost"];
    return [
      ...domains.map((name) => `--local-domain=${name}.test`),
      `--dns=${host}:${port}`,
      `--delivery-port=${this.port}`,
      "--allow-private",
      "--trust=192.0.2.1",
      "--hostname=mx.example.org",
      "--log-level=debug",
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.raw.close();
    for (const part of [this.hostile, this.good, this.dns]) await part[Symbol.asyncDispose]();
  }
}

/** A header section that attacks with the fields that a log shows. */
const CONTENT = concat([
  encode(`Message-ID: <id-mark${ATTACK}@here.test>\r\n ${FORGED}\r\n`),
  encode("Subject: subject-mark"),
  NOT_UTF8,
  encode(`\0${ATTACK}\r\n\r\nbody\r\n`),
]);

/** Says commands that are attacks themselves, and asserts that the replies are none. */
async function attackByCommands(port: number): Promise<void> {
  using peer = await Peer.connect({ hostname: "127.0.0.1", port });
  await peer.reply();
  const commands = [`EHLO ${ATTACK}`, `HELO a${ATTACK}.test`, ATTACK, `${ATTACK} ${ATTACK}`];
  const refused = [...commands, `MAIL FROM:<${ATTACK}@here.test>`, "x".repeat(MEGABYTE), "\0"];
  for (const command of refused) {
    const reply = await peer.ask(command);
    assertMatch(reply, /^50\d 5\./);
    assertEquals(HOSTILE.exec(reply), null, JSON.stringify(reply));
  }
}

/** Hands one message over; gives the last reply. */
async function bring(port: number, from: string, to: string): Promise<string> {
  using peer = await Peer.connect({ hostname: "127.0.0.1", port });
  await peer.hello();
  await peer.ask(`MAIL FROM:<${from}>${isAscii(from + to) ? "" : " SMTPUTF8"}`);
  const welcome = await peer.ask(`RCPT TO:<${to}>`);
  if (!welcome.startsWith("250")) return welcome;
  await peer.ask("DATA");
  await peer.say(CONTENT);
  return await peer.ask(".");
}

/** Brings mail to every host there is, from and to addresses that attack. */
async function attackByMail(port: number): Promise<void> {
  const recipients = [
    "refused@hostile.test",
    "later@hostile.test",
    "long@hostile.test",
    "b@raw.test",
    "b@names.test",
    "good@here.test",
  ];
  for (const to of recipients) {
    assertMatch(await bring(port, "sender@here.test", to), /^250 2\.0\.0 /);
  }
  const from = "sender-mark\u202egnp@here.test";
  assertMatch(await bring(port, from, "rcpt-mark\u202egnp@lost.test"), /^250 2\.0\.0 /);
  assertMatch(await bring(port, from, "denied-mark\u202egnp@else.test"), /^550 5\.7\.1 /);
}

/** Asserts that what waits is JSON that shows what is in it. */
async function assertSpool(spool: string): Promise<void> {
  const texts: string[] = [];
  for await (const { name } of Deno.readDir(spool)) {
    if (name.endsWith(".json")) texts.push(await Deno.readTextFile(`${spool}/${name}`));
  }
  for (const text of texts) assertEquals(HOSTILE.exec(text), null);
  const records = texts.map((text) => JSON.parse(text).r);
  for (const { recipients } of records) assertLess(recipients[0].lastError.text.length, 1001);
  const byAddress = new Map(records.map((record) => [record.recipients[0].address, record]));
  const lost = "rcpt-mark\u202egnp@lost.test";
  const waiting = ["b@raw.test", "later@hostile.test", "long@hostile.test", lost];
  assertEquals([...byAddress.keys()].sort(), waiting);
  // An address that cannot be shown is left out of the Received field.
  const content = await Deno.readTextFile(`${spool}/${byAddress.get(lost).id}.eml`);
  assertMatch(content, /^Received: [^;<]*;\r\n\t[^<]*\r\nMessage-ID: /);
}

/** Asserts that what arrived at the senders' host has only harmless text of ours in it. */
function assertArrived({ messages }: MailHost): void {
  const bounces = messages.filter(({ from }) => from === "");
  assertEquals(bounces.map(({ recipients }) => recipients), [
    ["sender@here.test"],
    ["sender@here.test"],
  ]);
  for (const { content } of bounces) {
    assertMatch(content, /refused-mark|names\.test/);
    assertEquals(/[^\x20-\x7e\r\n\t]/.exec(content), null);
    assert(!content.includes(`\n${FORGED}`));
  }
  const [mail] = messages.filter(({ from }) => from !== "");
  const [received] = /^Received: [^]*?\r\n(?=\S)/.exec(mail!.content)!;
  assertMatch(received, /^[\x20-\x7e\r\n\t]*\tfor <good@here\.test>;[\x20-\x7e\r\n\t]*$/);
}

for (const format of ["pretty", "json"] as const) {
  Deno.test(`whatever text peers send, the ${format} log, the spool and the bounces show it safely`, () =>
    withTempDir(async (spool) => {
      await using world = await World.start();
      const flags = [...world.flags, `--spool=${spool}`, `--log-format=${format}`];
      const program = new CapturedProgram(flags);
      try {
        const port = await program.port();
        await attackByCommands(port);
        await attackByMail(port);
        for (const domain of ["raw", "names", "lost"]) {
          await program.heard(new RegExp(`attempt.*\\b${domain}\\.test`));
        }
        for (const mark of ["refused-mark", "later-mark", "reply line too long"]) {
          await program.heard(new RegExp(`attempt.*${mark}`));
        }
        // Two bounces and one message.
        await program.heard(/(?:attempt.*here\.test[^]*?){3}\n/);
      } finally {
        await program.stop();
      }
      const log = assertLog(program.octets, format);
      const marks = ["id", "refused", "later", "raw", "sender", "denied"];
      for (const mark of marks) assert(log.includes(`${mark}-mark`), mark);
      await assertSpool(spool);
      assertArrived(world.good);
    }));
}

Deno.test("names in a next hop's certificate are shown safely", () =>
  withTempDir(async (directory) => {
    const authority = await makeAuthority();
    const certificate = await authority.issue([`cert-mark${ATTACK}.test`, `\r\n${FORGED}.test`]);
    await using host = await NpmMailHost.start({ certificate });
    await using dns = await DnsServer.start();
    dns.host("mx.tls.test", "127.0.0.1");
    const { host: server, port } = dns.nameServer;
    await Deno.writeTextFile(`${directory}/ca.pem`, authority.cert);
    await Deno.writeTextFile(`${directory}/mail.toml`, `ca_file = "${directory}/ca.pem"`);
    const program = new CapturedProgram([
      `--config=${directory}/mail.toml`,
      `--spool=${directory}/spool`,
      `--smarthost=smtp://user:password@mx.tls.test:${host.port}`,
      `--dns=${server}:${port}`,
      "--allow-private",
      "--hostname=mx.example.org",
    ]);
    try {
      await bring(await program.port(), "sender@here.test", "b@there.test");
      await program.heard(/attempt.*while negotiating TLS/);
    } finally {
      await program.stop();
    }
    assertMatch(assertLog(program.octets, "pretty"), /attempt .*cert-mark.*forged/);
  }));
