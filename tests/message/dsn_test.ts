import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { concat, decode, encode, isAscii } from "../../base/bytes.ts";
import {
  buildDsn,
  type Dsn,
  type DsnAction,
  type DsnInput,
  type DsnReason,
  RETURNED_CONTENT,
} from "../../message/dsn.ts";
import { parseWithPython, python, type PythonPart } from "../helpers/python_email.ts";

const NOW = Date.UTC(2026, 0, 5, 6, 7, 8);

const REFUSED: DsnReason = {
  code: 550,
  enhanced: "5.1.1",
  text: "550 5.1.1 no such user",
  hop: "mx.example.net[192.0.2.1]:25",
  permanent: true,
};

const ORIGINAL = "Received: from a\r\n\tby b\r\nSubject: Hello\r\nFrom: ann@example.org\r\n\r\n" +
  "Dear Bob,\r\n.\r\n--=_boundary\r\n";

/** A bounce of `content`; `random` is constant so that its boundary can be known. */
function bounce(changes: Partial<DsnInput> & { original?: string | Uint8Array } = {}): Dsn {
  const original = changes.original ?? ORIGINAL;
  const content = typeof original === "string" ? encode(original) : original;
  return buildDsn({
    action: "failed",
    headersOnly: false,
    hostname: "mx.example.org",
    id: "01JQ0000000000000000000000",
    reversePath: "ann@example.org",
    arrived: NOW - 60_000,
    size: content.length,
    content,
    recipients: [{ address: "bob@example.net", reason: REFUSED, lastAttempt: NOW - 1000 }],
    now: NOW,
    random: () => 0.5,
    ...changes,
  });
}

function reasonBounce(changes: Partial<DsnReason>): Dsn {
  return bounce({ recipients: [{ address: "b@example.net", reason: { ...REFUSED, ...changes } }] });
}

async function parse(...bounces: Dsn[]): Promise<PythonPart[]> {
  const [parts] = await parseWithPython(bounces.map(({ content }) => content));
  return parts!;
}

function headerOf(part: PythonPart | undefined, name: string): string | undefined {
  return part?.headers.find(([header]) => header === name)?.[1];
}

/** What SMTP demands of any message: CRLF line ends only, bounded lines; and no octet above 127 unless said. */
function assertSendable({ content, eightBit }: Dsn): void {
  assertEquals(content.some((octet) => octet > 127), eightBit);
  const lines = decode(content).split("\r\n");
  for (const line of lines) {
    assert(!/[\r\n\0]/.test(line), JSON.stringify(line.slice(0, 100)));
    assert(encode(line).length <= 998);
  }
}

/** What every bounce is to Python: a report of three parts without a defect. */
function assertReport(parts: readonly PythonPart[]): void {
  const [report, ...rest] = parts;
  assertEquals(report?.type, "multipart/report");
  assertEquals(parts.filter(({ depth }) => depth === 1).length, 3);
  const ours = parts.filter(({ depth }, i) => depth <= 1 || isStatusBlock(parts, i));
  for (const part of ours) assertEquals(part.defects, [], `${part.type} ${part.text}`);
  assertEquals(rest[0]?.type, "text/plain");
}

function isStatusBlock(parts: readonly PythonPart[], i: number): boolean {
  const parent = parts.slice(0, i).findLast(({ depth }) => depth === parts[i]!.depth - 1);
  return parent?.type === "message/delivery-status";
}

const pythonTest = (name: string, fn: () => Promise<void>): void =>
  Deno.test({ name, ignore: python === undefined, fn });

pythonTest("Python reads a bounce as multipart/report with its delivery status", async () => {
  const made = bounce({
    recipients: [
      { address: "bob@example.net", reason: REFUSED, lastAttempt: NOW - 1000 },
      {
        address: "carol@example.com",
        reason: {
          text: "connect timed out",
          hop: "mx.example.com[192.0.2.2]:25",
          permanent: false,
        },
      },
    ],
  });
  assertSendable(made);
  assertEquals([made.smtputf8, made.eightBit], [false, false]);
  const parts = await parse(made);
  assertReport(parts);
  assertEquals(parts.map(({ depth, type }) => `${depth} ${type}`), [
    "0 multipart/report",
    "1 text/plain",
    "1 message/delivery-status",
    "2 text/plain",
    "2 text/plain",
    "2 text/plain",
    "1 message/rfc822",
    "2 text/plain",
  ]);
  assertEquals(parts[3]!.headers, [
    ["reporting-mta", "dns; mx.example.org"],
    ["arrival-date", "Mon, 05 Jan 2026 06:06:08 +0000"],
    ["x-deno-smtp-server-queue-id", "01JQ0000000000000000000000"],
  ]);
  assertEquals(parts[4]!.headers, [
    ["final-recipient", "rfc822; bob@example.net"],
    ["action", "failed"],
    ["status", "5.1.1"],
    ["remote-mta", "dns; mx.example.net"],
    ["diagnostic-code", "smtp; 550 5.1.1 no such user"],
    ["last-attempt-date", "Mon, 05 Jan 2026 06:07:07 +0000"],
  ]);
  assertEquals(parts[5]!.headers, [
    ["final-recipient", "rfc822; carol@example.com"],
    ["action", "failed"],
    ["status", "4.4.7"],
    ["remote-mta", "dns; mx.example.com"],
    ["diagnostic-code", "X-Deno-SMTP-Server; connect timed out"],
  ]);
});

pythonTest("the header of a bounce is that of an automatic answer to the sender", async () => {
  const [report] = await parse(bounce());
  assertEquals(headerOf(report, "to"), "<ann@example.org>");
  assertEquals(headerOf(report, "from"), "Mail Delivery System <MAILER-DAEMON@mx.example.org>");
  assertEquals(headerOf(report, "auto-submitted"), "auto-replied");
  assertEquals(headerOf(report, "date"), "Mon, 05 Jan 2026 06:07:08 +0000");
  assertEquals(headerOf(report, "mime-version"), "1.0");
  assertMatch(headerOf(report, "message-id") ?? "", /^<[a-z0-9.]+@mx\.example\.org>$/);
  assertMatch(headerOf(report, "content-type") ?? "", /report-type=delivery-status/);
});

pythonTest("a small original comes back whole, octet for octet", async () => {
  for (const original of [ORIGINAL, "Subject: no end of line", "\r\nonly a body\r\n"]) {
    const made = bounce({ original });
    assert(decode(made.content).includes(`\r\n\r\n${original}\r\n--=_`));
    assertReport(await parse(made));
  }
});

pythonTest("of a large original only the header section comes back", async () => {
  const original = ORIGINAL + "x\r\n".repeat(RETURNED_CONTENT / 3);
  const contents = [encode(original), encode(original.slice(0, RETURNED_CONTENT))];
  const bounces = contents.map((content) => bounce({ content, size: original.length }));
  for (const parts of await parseWithPython(bounces.map(({ content }) => content))) {
    assertReport(parts);
    assertEquals(parts.at(-1)!.type, "text/rfc822-headers");
    assertEquals(parts.at(-1)!.text, ORIGINAL.slice(0, ORIGINAL.indexOf("Dear") - 2));
  }
  for (const { content } of bounces) assert(content.length < 4096);
});

pythonTest("of an original that 7-bit mail cannot hold the header section comes back", async () => {
  const from = "From: ann@example.org\r\n";
  const originals = [
    [from + "\r\nGrüße\r\n", from],
    [from + "Subject: Grüße\r\n\r\nbody\r\n", from + "Subject: Grüße\r\n"],
    [from + "\r\na bare LF\n", from],
    [from + "\r\na bare CR\r", from],
    [from + "\r\n\0\r\n", from],
    [from + "\r\n" + "x".repeat(999) + "\r\n", from],
    [from + "\r\n" + "x".repeat(999), from],
  ] as const;
  const bounces = originals.map(([original]) => bounce({ original }));
  const trees = await parseWithPython(bounces.map(({ content }) => content));
  for (const [i, [original, header]] of originals.entries()) {
    assertSendable(bounces[i]!);
    assertEquals(bounces[i]!.eightBit, false);
    assertReport(trees[i]!);
    assertEquals(trees[i]!.at(-1)!.type, "text/rfc822-headers", original);
    assertEquals(trees[i]!.at(-1)!.text, header);
  }
});

pythonTest("a header section that is not even UTF-8 comes back readable", async () => {
  const original = concat([
    encode("Subject: caf"),
    new Uint8Array([0xe9]),
    encode(" \0\x1b\r\n\r\n"),
  ]);
  const made = bounce({ original });
  assertSendable(made);
  assertEquals((await parse(made)).at(-1)!.text, "Subject: caf\ufffd  \r\n");
});

pythonTest(
  "a recipient's UTF-8 address has its 7-bit form in a 7-bit bounce (RFC 6533 §3)",
  async () => {
    const made = bounce({ recipients: [{ address: "bøb+x@bücher.example", reason: REFUSED }] });
    assertSendable(made);
    assertEquals(made.smtputf8, false);
    const parts = await parse(made);
    assertReport(parts);
    const address = "utf-8; b\\x{F8}b\\x{2B}x@b\\x{FC}cher.example";
    assertEquals(headerOf(parts[4], "final-recipient"), address);
    assertMatch(parts[1]!.text, /<bøb\+x@bücher\.example>/);
  },
);

pythonTest("a bounce to a UTF-8 address needs SMTPUTF8 and has the types of RFC 6533", async () => {
  const original = "Subject: Grüße\r\n\r\n\xa7 body\r\n";
  const made = bounce({
    reversePath: "änn@example.org",
    original,
    recipients: [{ address: "bøb@example.net", reason: { ...REFUSED, text: "550 5.1.1 nö" } }],
  });
  assertSendable(made);
  assertEquals([made.smtputf8, made.eightBit], [true, true]);
  const text = decode(made.content);
  assertMatch(text, /report-type=global-delivery-status/);
  assertMatch(text, /\r\nFinal-Recipient: utf-8; bøb@example\.net\r\n/);
  assertMatch(text, /\r\nDiagnostic-Code: smtp; 550 5\.1\.1 nö\r\n/);
  const types = (await parse(made)).filter(({ depth }) => depth === 1).map(({ type }) => type);
  assertEquals(types, ["text/plain", "message/global-delivery-status", "message/global"]);
  const large = bounce({ reversePath: "änn@example.org", content: encode(original), size: 1e6 });
  assertSendable(large);
  assertMatch(decode(large.content), /Content-Type: message\/global-headers\r\n/);
});

pythonTest(
  "Python reads what is told of recipients that did not fail, and of whom their sender meant",
  async () => {
    const reason = { code: 250, enhanced: "2.0.0", text: "250 2.0.0 taken", permanent: true };
    const busy = { code: 450, enhanced: "4.2.1", text: "450 4.2.1 busy", permanent: false };
    const orcpt = "rfc822;Bob+2Bx+40y@example.org";
    const cases: readonly [DsnAction, DsnReason, status: string][] = [
      ["delayed", busy, "4.2.1"],
      ["relayed", reason, "2.0.0"],
      ["delivered", { text: "", permanent: true }, "2.0.0"],
    ];
    for (const [action, why, status] of cases) {
      const retryUntil = action === "delayed" ? NOW + 1000 : undefined;
      const recipients = [{ address: "b@example.net", orcpt, reason: why, retryUntil }];
      const made = bounce({ action, envid: "QQ+20+2B1", headersOnly: true, recipients });
      assertSendable(made);
      const parts = await parse(made);
      assertReport(parts);
      assertEquals(headerOf(parts[3], "original-envelope-id"), "QQ +1");
      assertEquals(headerOf(parts[4], "original-recipient"), "rfc822; Bob+x@y@example.org");
      assertEquals(headerOf(parts[4], "action"), action);
      assertEquals(headerOf(parts[4], "status"), status);
      assertEquals(
        headerOf(parts[4], "will-retry-until"),
        retryUntil && "Mon, 05 Jan 2026 06:07:09 +0000",
      );
      assertEquals(parts.at(-1)!.type, "text/rfc822-headers");
    }
  },
);

Deno.test("the boundary does not occur in the original, even when its sender guessed it", () => {
  const boundary = (made: Dsn): string => /boundary="([^"]+)"/.exec(decode(made.content))![1]!;
  const guessed = boundary(bounce());
  const made = bounce({ original: `Subject: x\r\n\r\n--${guessed}\r\n--${guessed}--\r\n` });
  assert(boundary(made) !== guessed);
  assertEquals(decode(made.content).split(`--${boundary(made)}`).length, 5);
});

pythonTest(
  "case 12: a remote reply with CRLF, a boundary, 8-bit and 1 MB in it stays one bounded field",
  async () => {
    const boundary = "\r\n--=_iiiiiiiiiiiiiiiiiiiiiiii.0--\r\n\r\nFinal-Recipient: rfc822; x@y\r\n";
    const texts = [
      "550 no" + boundary,
      "550 \u2028\x85é\0" + boundary.repeat(10),
      "550 " + "x".repeat(1_000_000),
      "550 " + "é ".repeat(500_000),
    ];
    for (const text of texts) {
      const made = reasonBounce({ text, hop: text });
      assertSendable(made);
      assert(made.content.length < 12_000, String(made.content.length));
      const parts = await parse(made);
      assertReport(parts);
      assertEquals(parts.filter((_, i) => isStatusBlock(parts, i)).length, 2);
      assertEquals(parts[4]!.headers.map(([name]) => name), [
        "final-recipient",
        "action",
        "status",
        "remote-mta",
        "diagnostic-code",
      ]);
    }
  },
);

pythonTest(
  "case 12: hostile addresses and a hostile header section stay in their places",
  async () => {
    const hostile = 'a\r\nBcc: x@y\r\n\r\n--=_"' + "é".repeat(1000);
    const made = bounce({
      reversePath: "ann\r\nBcc: all@example.org\r\n\r\n@example.org",
      recipients: [{ address: hostile + "@example.net", reason: REFUSED }],
      original: `Subject: ${"x".repeat(300_000)}\r\nX: ${hostile.replaceAll("\r\n", "\r")}\r\n\r\n`,
    });
    assertSendable(made);
    const parts = await parse(made);
    assertReport(parts);
    assertEquals(headerOf(parts[0], "bcc"), undefined);
    assertEquals(headerOf(parts[4], "bcc"), undefined);
    assertEquals(headerOf(parts[4], "action"), "failed");
  },
);

pythonTest("whatever is put in, the bounce is one valid report of three parts", async () => {
  const text = fc.string({ unit: "binary", maxLength: 300 });
  const line = fc.oneof(
    text,
    fc.constantFrom("\r\n", "Content-Type: multipart/mixed; boundary=x", "--x"),
  );
  const made = fc.sample(
    fc.record({
      reversePath: fc.oneof(text, fc.constant("ann@example.org")),
      original: fc.array(line, { maxLength: 20 }).map((lines) => lines.join("\r\n")),
      recipients: fc.array(
        fc.record({
          address: text,
          reason: fc.record({
            code: fc.constantFrom(undefined, 550, 421),
            enhanced: fc.option(text, { nil: undefined }),
            text,
            hop: fc.option(text, { nil: undefined }),
            permanent: fc.boolean(),
          }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    200,
  ).map((input) => ({ input, made: bounce(input) }));
  const trees = await parseWithPython(made.map(({ made: { content } }) => content));
  for (const [i, { input, made: each }] of made.entries()) {
    assertSendable(each);
    assertEquals(each.smtputf8, !isAscii(input.reversePath));
    assertReport(trees[i]!);
    const blocks = trees[i]!.filter((_, at) => isStatusBlock(trees[i]!, at));
    if (!each.smtputf8) assertEquals(blocks.length, 1 + input.recipients.length);
  }
});

Deno.test("the text for people says what was answered, by whom, and what to do", () => {
  const texts: [Partial<DsnReason>, RegExp][] = [
    [
      {},
      /mx\.example\.net\[192\.0\.2\.1\]:25 said:\r\n {8}550 5\.1\.1 no such user\r\n {4}Check that/,
    ],
    [{ text: "no such user" }, / {8}550 5\.1\.1 no such user\r\n/],
    [
      { code: undefined, hop: undefined, text: "no domain" },
      / {4}The reason:\r\n {8}no domain\r\n/,
    ],
    [{ code: undefined, text: "reset" }, / {4}Failure at mx\.example\.net\S+\r\n {8}reset\r\n/],
    [{ permanent: false, text: "451 later" }, /until its time ran out\.\s.*\r\n.*451/],
    [{ enhanced: "5.2.2" }, /mailbox is full/],
    [{ enhanced: "5.9.9" }, /ask the recipient's administrator/],
  ];
  for (const [changes, expected] of texts) {
    assertMatch(decode(reasonBounce(changes).content), expected);
  }
});

Deno.test("a status that does not fit a permanent failure is not repeated", () => {
  for (const enhanced of [undefined, "4.2.2", "5.1", "5.1.1\r\nX: y", "5.1.1234"]) {
    assertMatch(decode(reasonBounce({ enhanced }).content), /\r\nStatus: 5\.0\.0\r\n/);
  }
});
