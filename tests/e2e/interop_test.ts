/** Mail on its whole way: from the clients that people use, through the server, to Postfix's sinks behind a real DNS. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { StartOptions } from "../../mod.ts";
import { MAIL_CLIENTS, type MailClient } from "../helpers/mail_clients.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { type Serving, withServer } from "../helpers/program.ts";
import type { SmtpSink } from "../helpers/smtp_sink.ts";
import { type FiledMessage, filedMessages, type FiledRecipient } from "./spool_files.ts";
import { TestServer } from "./test_server.ts";
import { hostsInstalled, TwoHosts } from "./two_hosts.ts";

const FROM = "sender@here.test";
const TO = "recipient@there.test";
const LINES = [
  `From: <${FROM}>`,
  `To: <${TO}>`,
  "Subject: From end to end",
  "Date: Thu, 01 Jan 2026 00:00:00 +0000",
  "Message-ID: <1@here.test>",
  "MIME-Version: 1.0",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: 8bit",
  "",
  ".",
  "..",
  ".dots, 100%, \\backslashes, \ttabs and trailing blanks \t",
  "Grüße, 世界",
  "x".repeat(998),
  "",
];
const CONTENT = LINES.join("\r\n") + "\r\n";

function optionsFor({ spool, dns, port }: TwoHosts): StartOptions {
  return { spool, dns, deliveryPort: port };
}

/** What a sink took: the head that it wrote itself, our trace header, and all that follows. */
interface Dump {
  readonly head: string;
  readonly received: string;
  readonly content: string;
}

/** The one message that a sink took. */
async function onlyMessage(sink: SmtpSink): Promise<Dump> {
  const dumps = await sink.messages();
  assertEquals(dumps.length, 1);
  const match = /^(X-.*?\nReceived: .*?\n\t.*?\n\t.*?\n)(Received: .*?\n)(?![ \t])(.*)\n$/s.exec(
    dumps[0]!,
  );
  assert(match, dumps[0]);
  return { head: match[1]!, received: match[2]!, content: match[3]! };
}

/** Checks that a sink has the message, and nothing else, as it was sent. */
async function assertArrived(sink: SmtpSink, protocol = "ESMTP"): Promise<void> {
  const { head, received, content } = await onlyMessage(sink);
  assertMatch(head, new RegExp(`^X-Mail-Args: <${FROM}>`, "m"));
  assertMatch(head, new RegExp(`^X-Rcpt-Args: <${TO}>$`, "m"));
  assertMatch(received, new RegExp(`\\bby mx\\.example\\.org\\b[^;]*\\bwith ${protocol}\\b`));
  assertEquals(content, CONTENT.replaceAll("\r\n", "\n"));
}

function check(name: string, fn: (hosts: TwoHosts) => Promise<void>, client?: MailClient): void {
  const ignore = !hostsInstalled || client?.installed === false;
  Deno.test({ name, ignore, fn: () => TwoHosts.use(fn) });
}

for (const client of MAIL_CLIENTS) {
  for (const tls of [false, true]) {
    const how = tls ? "with STARTTLS" : "in plaintext";
    check(`mail sent by ${client.name} ${how} arrives octet for octet`, async (hosts) => {
      const first = await hosts.start("mx1.there.test");
      const second = await hosts.start("mx2.there.test");
      await using server = await TestServer.start(optionsFor(hosts));
      await client.send({ port: server.port, tls, from: FROM, to: [TO], content: CONTENT });
      const outcome = await server.outcome();
      assertEquals([outcome.kind, outcome.recipients], ["delivered", [TO]]);
      await assertArrived(first, tls ? "ESMTPS" : "ESMTP");
      assertEquals(await second.messages(), []);
    }, client);
  }
}

/** Hands the message to a server by way of nodemailer. */
async function send(port: number): Promise<void> {
  const nodemailer = MAIL_CLIENTS.find(({ name }) => name === "nodemailer")!;
  await nodemailer.send({ port, tls: false, from: FROM, to: [TO], content: CONTENT });
}

/** The only message that has a file in the spool, with its only recipient. */
async function onlyFiled(spool: string): Promise<FiledMessage & { recipient: FiledRecipient }> {
  const [message, ...others] = await filedMessages(spool);
  assert(message, "nothing is filed");
  assertEquals(others, []);
  const [recipient, ...further] = message.recipients;
  assertEquals(further, []);
  return { ...message, recipient: recipient! };
}

check("with the preferred host down the other one takes the message", async (hosts) => {
  const second = await hosts.start("mx2.there.test");
  await using server = await TestServer.start(optionsFor(hosts));
  await send(server.port);
  const outcome = await server.outcome();
  assert(outcome.kind === "delivered");
  assertEquals(outcome.hop, `mx2.there.test[127.0.0.3]:${hosts.port}`);
  await assertArrived(second);
});

const MINUTE = 60_000;

/**
 * Checks that the message is in its file, deferred once, at `sent`, because neither
 * host took connections; gives when it is due, ms since 1970.
 */
async function assertDeferred(hosts: TwoHosts, sent: number): Promise<number> {
  const { recipient, history } = await onlyFiled(hosts.spool);
  assertEquals([recipient.address, recipient.status, recipient.attempts], [TO, "waiting", 1]);
  assertMatch(recipient.lastError!.text, /connection refused/i);
  assertEquals(
    history.map(({ host, address, outcome }) => [host, address, outcome]),
    [
      ["mx1.there.test", `127.0.0.2:${hosts.port}`, "deferred"],
      ["mx2.there.test", `127.0.0.3:${hosts.port}`, "deferred"],
    ],
  );
  const due = Date.parse(recipient.nextAttempt!);
  assert(Math.abs(due - sent - 5 * MINUTE) <= 0.5 * MINUTE, recipient.nextAttempt);
  return due;
}

/** Waits until a timer is booked for that time or an earlier one. */
async function booked(clock: TestClock, at: number): Promise<void> {
  while (clock.nextTimer() > at) await new Promise<void>((resolve) => setImmediate(resolve));
}

check(
  "with both hosts down a message waits in its file, and goes when one is back",
  async (hosts) => {
    const clock = new TestClock();
    const sent = clock.now();
    {
      await using server = await TestServer.start(optionsFor(hosts), clock);
      await send(server.port);
      assertEquals((await server.outcome()).kind, "deferred");
      await assertDeferred(hosts, sent);
      const first = await hosts.start("mx1.there.test");
      clock.advance(6 * MINUTE);
      assertEquals((await server.outcome()).kind, "delivered");
      await assertArrived(first);
    }
    assertEquals(await filedMessages(hosts.spool), []);
  },
);

check("a message that waits stays as it is through a restart", async (hosts) => {
  const clock = new TestClock();
  const sent = clock.now();
  {
    await using server = await TestServer.start(optionsFor(hosts), clock);
    await send(server.port);
    assertEquals((await server.outcome()).kind, "deferred");
  }
  const due = await assertDeferred(hosts, sent);
  {
    await using server = await TestServer.start(optionsFor(hosts), clock);
    assertEquals(server.waiting, 1);
    assertEquals(await assertDeferred(hosts, sent), due);
    const second = await hosts.start("mx2.there.test");
    await booked(clock, due);
    clock.advance(due - sent);
    assertEquals((await server.outcome()).kind, "delivered");
    await assertArrived(second);
  }
  assertEquals(await filedMessages(hosts.spool), []);
});

/** The flags of a program that tries deferred mail again after a second. */
async function flagsFor({ spool, dns, port }: TwoHosts): Promise<string[]> {
  const config = `${spool}.toml`;
  await Deno.writeTextFile(config, '[retry]\nfirst = "1s"\n');
  const delivery = [`--dns=${dns}`, `--delivery-port=${port}`, "--allow-private"];
  return [`--config=${config}`, `--spool=${spool}`, ...delivery];
}

async function kill(serving: Serving): Promise<void> {
  serving.signal("SIGKILL");
  assertEquals(await serving.ended(), 128 + 9);
}

check("a message that waits survives kill -9, and goes when a host is back", async (hosts) => {
  const flags = await flagsFor(hosts);
  await withServer(flags, async (serving) => {
    await send(serving.port);
    await serving.log.find("attempt"); // said once it is recorded
    await kill(serving);
  });
  const { recipient } = await onlyFiled(hosts.spool);
  assertMatch(recipient.lastError!.text, /connection refused/i);
  const second = await hosts.start("mx2.there.test");
  await withServer(flags, async (serving) => {
    assertEquals((await serving.log.find("spool")).messages, 1);
    assertEquals((await nextDelivery(serving)).hop, `mx2.there.test[127.0.0.3]:${hosts.port}`);
    serving.signal("SIGTERM");
    assertEquals(await serving.ended(), 0);
  });
  await assertArrived(second);
  assertEquals(await filedMessages(hosts.spool), []);
});

check("what was answered with 250 survives kill -9 at once", async (hosts) => {
  const flags = await flagsFor(hosts);
  await withServer([...flags, "--hold"], async (serving) => {
    await send(serving.port);
    await kill(serving);
  });
  assertEquals(await filedMessages(hosts.spool), [], "it is only in the journal yet");
  const first = await hosts.start("mx1.there.test");
  await withServer(flags, async (serving) => {
    await nextDelivery(serving);
  });
  await assertArrived(first);
});

/** The log's next line about an attempt that delivered. */
async function nextDelivery(serving: Serving): Promise<Record<string, unknown>> {
  while (true) {
    const attempt = await serving.log.find("attempt");
    if (attempt.delivered === 1) return attempt;
  }
}
