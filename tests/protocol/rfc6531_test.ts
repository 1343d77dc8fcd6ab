/** RFC 6531, rule by rule: what a server does that offers SMTPUTF8. What a client does is in `tests/deliver/client_utf8_test.ts`. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { concat, encode, isAscii } from "../../base/bytes.ts";
import type { ClientInfo } from "../../message/envelope.ts";
import { receivedHeader } from "../../message/received.ts";
import { RecordingHandler } from "./recording_handler.ts";
import { feed, newSession, say, TLS } from "./talk.ts";
import { TestAuthenticator } from "./test_authenticator.ts";

const REST = "DATA\r\nSubject: größe\r\n\r\n.\r\n";

/** What is answered to each command, after EHLO. */
async function answers(...commands: string[]): Promise<string[]> {
  const session = newSession(new RecordingHandler());
  await say(session, "EHLO a\r\n");
  const heard: string[] = [];
  for (const command of commands) heard.push((await say(session, `${command}\r\n`)).trimEnd());
  return heard;
}

async function answer(command: string): Promise<string> {
  return (await answers(command))[0]!;
}

Deno.test("§3.1(2, 3, 8): SMTPUTF8 is announced without a parameter, and 8BITMIME with it", async () => {
  const lines = (await answer("EHLO client.example")).split("\r\n");
  assertEquals(lines.filter((line) => line.includes("SMTPUTF8")), ["250-SMTPUTF8"]);
  assert(lines.includes("250-8BITMIME"));
});

Deno.test("§3.1(4), §3.4: the parameter of MAIL takes no value, and may come with an ASCII address", async () => {
  assertMatch(await answer("MAIL FROM:<a@b.example> SMTPUTF8"), /^250 /);
  assertMatch(await answer("MAIL FROM:<> smtputf8"), /^250 /);
  for (const value of ["=", "=yes", "=ü"]) {
    assertMatch(await answer(`MAIL FROM:<a@b.example> SMTPUTF8${value}`), /^501 5\.5\.4 /);
  }
});

Deno.test("§3.1(5): the parameter makes no line of MAIL too long that fits without it", async () => {
  const sender = `${"a".repeat(64)}@${"b".repeat(60)}.${"c".repeat(60)}.example`;
  const line = `MAIL FROM:<${sender}>`.padEnd(510);
  assertMatch(await answer(line), /^250 /);
  assertMatch(await answer(`${line.trimEnd()} SMTPUTF8`.padEnd(520)), /^250 /);
});

/** §3.3: mailboxes of the extended syntax, with their domains in A-labels. */
const MAILBOXES = new Map([
  ["用户@例子.测试", "xn--fsqu00a.xn--0zwm56d"],
  ["δοκιμή@παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp"],
  ["испытание@пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"],
  ["ascii@bücher.example", "xn--bcher-kva.example"],
  ["jörg.öl+x@xn--bcher-kva.example", "xn--bcher-kva.example"],
  ['"j ö@x"@bücher.example', "xn--bcher-kva.example"],
  ["𝔍@example.com", "example.com"],
  ["jörg@[192.0.2.1]", "[192.0.2.1]"],
]);

Deno.test("§3.2, §3.3: a mailbox may be UTF-8 wherever there is one, and is kept as it came", async () => {
  for (const [mailbox, domain] of MAILBOXES) {
    const handler = new RecordingHandler();
    const session = newSession(handler);
    await say(session, "EHLO a\r\n");
    const said = `MAIL FROM:<${mailbox}> SMTPUTF8\r\nRCPT TO:<${mailbox}>\r\n${REST}`;
    assertMatch(await say(session, said), /^250 .*\r\n250 .*\r\n354 .*\r\n250 .*\r\n$/);
    assertEquals(handler.rcpts[0]?.domain, domain);
    const { envelope } = handler.messages[0]!;
    assertEquals([envelope.reversePath, envelope.recipients], [mailbox, [mailbox]]);
  }
});

Deno.test("§3.3: what is no atext, no U-label or no UTF-8 makes no mailbox", async () => {
  const bad = [
    ".jörg@x.example",
    "jö..rg@x.example",
    "jö rg@x.example",
    "jörg@",
    "jörg@b ü.example",
  ];
  for (const mailbox of [...bad, "jörg@bü_cher.example", "jö\u0085rg@x.example"]) {
    assertMatch(
      await answer(`MAIL FROM:<${mailbox}> SMTPUTF8`),
      /^501 5\.(1\.7|5\.[24]) /,
      mailbox,
    );
  }
  const session = newSession(new RecordingHandler());
  await say(session, "EHLO a\r\n");
  for (const octets of [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80]]) {
    const line = concat([
      encode("MAIL FROM:<"),
      Uint8Array.from(octets),
      encode("@x> SMTPUTF8\r\n"),
    ]);
    assertMatch((await feed(session, [line])).output, /^500 5\.5\.2 /);
  }
});

Deno.test("nothing is normalised: composed and decomposed letters are two mailboxes", async () => {
  const handler = new RecordingHandler();
  const session = newSession(handler);
  const pair = ["jo\u0308rg@x.example", "j\u00f6rg@x.example"] as const;
  await say(session, "EHLO a\r\nMAIL FROM:<a@b.example> SMTPUTF8\r\n");
  await say(session, pair.map((one) => `RCPT TO:<${one}>\r\n`).join("") + REST);
  assertEquals(handler.messages[0]?.envelope.recipients, [...pair]);
});

Deno.test("§3.5: without the parameter a sender beyond US-ASCII is 550 5.6.7, a recipient 553 5.6.7", async () => {
  for (const mailbox of ["jörg@x.example", "a@bücher.example"]) {
    const [sender, , recipient, ascii] = await answers(
      `MAIL FROM:<${mailbox}>`,
      "MAIL FROM:<a@b.example>",
      `RCPT TO:<${mailbox}>`,
      "RCPT TO:<a@xn--bcher-kva.example>",
    );
    assertMatch(sender!, /^550 5\.6\.7 /);
    assertMatch(recipient!, /^553 5\.6\.7 /);
    assertMatch(ascii!, /^250 /);
  }
});

Deno.test("§3.6: the parameter goes with either form of content", async () => {
  for (const body of ["7BIT", "8BITMIME", "BINARYMIME"]) {
    const session = newSession(new RecordingHandler(), {}, { binaryMime: true });
    await say(session, "EHLO a\r\n");
    const said = await say(session, `MAIL FROM:<ö@b.example> SMTPUTF8 BODY=${body}\r\n`);
    assertMatch(said, /^250 /, body);
  }
});

Deno.test("§3.7.1: EHLO has A-labels only, from either side", async () => {
  assertMatch(await answer("EHLO bücher.example"), /^501 5\.5\.2 /);
  const heard = await answer("EHLO xn--bcher-kva.example");
  assertMatch(heard, /^250-mx\.example\r\n/);
  assert(isAscii(heard));
});

/** §4.3: what stands behind `with`, by whether there is TLS and a login. */
const KEYWORDS = [
  ["UTF8SMTP", false, false],
  ["UTF8SMTPS", true, false],
  ["UTF8SMTPA", false, true],
  ["UTF8SMTPSA", true, true],
] as const;

for (const [keyword, tls, login] of KEYWORDS) {
  Deno.test(`§3.7.3, §4.3: Received says ${keyword} with${tls ? "" : "out"} TLS and with${login ? "" : "out"} a login`, async () => {
    const handler = new RecordingHandler(false, login ? new TestAuthenticator(false) : undefined);
    const session = newSession(handler, {}, {}, tls ? TLS : undefined);
    await say(session, "EHLO client.example\r\n");
    if (login) assertMatch(await say(session, "AUTH PLAIN AHVzZXIAcGVuY2ls\r\n"), /^235 /);
    await say(session, `MAIL FROM:<ö@b.example> SMTPUTF8\r\nRCPT TO:<ü@x.example>\r\n${REST}`);
    await say(session, `MAIL FROM:<o@b.example>\r\nRCPT TO:<u@x.example>\r\n${REST}`);
    const [wide, plain] = handler.messages.map(({ envelope: { client } }) => client.protocol);
    assertEquals([wide, plain], [keyword, keyword.replace("UTF8", "E")]);
  });
}

Deno.test("§3.7.3: a trace field is US-ASCII, whatever the message is: it may go on without SMTPUTF8", () => {
  const client: ClientInfo = {
    address: "192.0.2.1",
    port: 1,
    helo: "xn--bcher-kva.example",
    protocol: "UTF8SMTP",
  };
  const trace = {
    client,
    hostname: "mx.example",
    id: "1",
    recipients: ["ü@bücher.example"],
    now: 0,
  };
  const octets = receivedHeader(trace);
  assert(octets.every((octet) => octet < 128));
  assertMatch(new TextDecoder().decode(octets), /\swith UTF8SMTP\s/);
});

Deno.test("§3.7.4: whatever is said, no reply holds UTF-8", async () => {
  const verbs = [
    "MAIL FROM:<",
    "RCPT TO:<",
    "VRFY ",
    "EXPN ",
    "HELP ",
    "EHLO ",
    "NOOP ",
    "AUTH ",
    "ETRN ",
    "",
  ];
  const ends = [">", "> SMTPUTF8", "> ü=ö", "> ORCPT=utf-8;ö", " SMTPUTF8", ""];
  const line = fc.tuple(
    fc.constantFrom(...verbs),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom(...ends),
  )
    .map((parts) => parts.join("").replace(/[\r\n\0]/g, "ß"));
  await fc.assert(fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
    const session = newSession(new RecordingHandler());
    const heard = await say(
      session,
      `EHLO a\r\nMAIL FROM:<ö@b.example> SMTPUTF8\r\n${lines.join("\r\n")}\r\n`,
    );
    assert(isAscii(heard), heard);
  }));
});
