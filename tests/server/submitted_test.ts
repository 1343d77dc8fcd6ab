import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { concat, decode, encode } from "../../base/bytes.ts";
import { reply, type SmtpReply } from "../../protocol/reply.ts";
import { SubmittedSink } from "../../server/submitted.ts";
import { Peer } from "../transport/peer.ts";
import { ANNA, type LoginSite, PASSWORD, SCANNER, withLogins } from "./login_site.ts";
import { received } from "./receiving.ts";

const ID = "01ARYZ6S41TSV4RRFFQ69G5FAV";
const OWN = "anna@example.org";
const ADDED = `Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <${ID}@mx.example.org>\r\n`;

/** What a sink was given, and how it ended. */
interface Handed {
  readonly content: string;
  readonly ended: "finished" | "aborted";
  readonly answer: SmtpReply;
  readonly refusals: number;
}

/** Submits content in pieces. */
async function submit(pieces: readonly Uint8Array[], headerSize = 10_000): Promise<Handed> {
  const parts: Uint8Array[] = [];
  let ended: Handed["ended"] | undefined;
  let refusals = 0;
  const inner = {
    write: (chunk: Uint8Array) => void parts.push(chunk.slice()),
    finish: () => {
      ended = "finished";
      return reply(250, "2.0.0", "Queued");
    },
    abort: () => void (ended = "aborted"),
  };
  const sink = new SubmittedSink(inner, {
    id: ID,
    hostname: "mx.example.org",
    now: Date.UTC(2026, 0, 1),
    headerSize,
    mayAppearAs: (mailbox) => mailbox === OWN,
    refused: () => refusals++,
  });
  for (const piece of pieces) {
    const lent = piece.slice();
    await sink.write(lent);
    lent.fill(0x2a);
  }
  const answer = await sink.finish();
  return { content: decode(concat(parts)), ended: ended!, answer, refusals };
}

const WHOLE = [
  `From: Anna <${OWN}>`,
  "To: b@there.test",
  "Date: Wed, 31 Dec 2025 00:00:00 +0000",
  "Message-Id: <x@y>",
  "X-Odd:   kept \t",
  "",
  "Bcc: in the body\r\n.\r\n",
].join("\r\n");

/** What is submitted, and what is received of it. */
const COMPLETED: Record<string, readonly [string, string]> = {
  "what is complete stays as it is": [WHOLE, WHOLE],
  "a missing Date and Message-ID are added": [
    `From: ${OWN}\r\n\r\nx\r\n`,
    `${ADDED}From: ${OWN}\r\n\r\nx\r\n`,
  ],
  "a Date that is there is not touched, however odd": [
    `date : yesterday\r\nFrom: ${OWN}\r\nMESSAGE-ID:<1>\r\n\r\n`,
    `date : yesterday\r\nFrom: ${OWN}\r\nMESSAGE-ID:<1>\r\n\r\n`,
  ],
  "Bcc is taken out with its continuation lines, wherever it stands": [
    `Bcc: a@b,\r\n\tc@d\r\nFrom: ${OWN}\r\nBCC: e@f\r\nResent-Bcc: g@h\r\nTo: x\r\n\r\nBcc: stays\r\n`,
    `${ADDED}From: ${OWN}\r\nTo: x\r\n\r\nBcc: stays\r\n`,
  ],
  "content that is all header is completed too": [
    `From: ${OWN}\r\nSubject: x\r\n`,
    `${ADDED}From: ${OWN}\r\nSubject: x\r\n`,
  ],
  "content whose header ends in the middle of a line is completed too": [
    `Subject: x\r\nFrom: ${OWN}`,
    `${ADDED}Subject: x\r\nFrom: ${OWN}`,
  ],
  "a header that a line which is no field ends is completed too": [
    `From: ${OWN}\r\nno field\r\n\r\nx`,
    `${ADDED}From: ${OWN}\r\nno field\r\n\r\nx`,
  ],
  "a Sender that is the user's is kept": [
    `From: ${OWN}\r\nSender: ${OWN}\r\n\r\n`,
    `${ADDED}From: ${OWN}\r\nSender: ${OWN}\r\n\r\n`,
  ],
};
for (const [name, [submitted, expected]] of Object.entries(COMPLETED)) {
  Deno.test(`${name}, however it is cut`, async () => {
    const octets = encode(submitted);
    const singly = Array.from(octets, (octet) => Uint8Array.of(octet));
    for (const pieces of [[octets], singly]) {
      const { content, ended, answer } = await submit(pieces);
      assertEquals(content, expected);
      assertEquals([ended, answer.code], ["finished", 250]);
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(octets.length), async (cut) => {
        const { content } = await submit([octets.subarray(0, cut), octets.subarray(cut)]);
        assertEquals(content, expected);
      }),
      { numRuns: 20 },
    );
  });
}

const REFUSED: Record<string, readonly [string, string]> = {
  "without From": ["Subject: x\r\n\r\nFrom: in the body\r\n", "5.6.0"],
  "without a header section": [" From: x\r\n\r\n", "5.6.0"],
  "without anything": ["", "5.6.0"],
  "with two From fields": [`From: ${OWN}\r\nFROM : ${OWN}\r\n\r\n`, "5.6.0"],
  "with two Sender fields": [`From: ${OWN}\r\nSender: ${OWN}\r\nSender: ${OWN}\r\n\r\n`, "5.6.0"],
  "from somebody else": ["From: Boss <boss@example.org>\r\n\r\n", "5.7.1"],
  "from several, one of them somebody else": [`From: ${OWN}, boss@example.org\r\n\r\n`, "5.7.1"],
  "from what cannot be read": [`From: ${OWN} <boss@example.org>\r\n\r\n`, "5.7.1"],
  "from nobody": ["From: undisclosed:;\r\n\r\n", "5.7.1"],
  "that somebody else sends": [`From: ${OWN}\r\nSender: boss@example.org\r\n\r\n`, "5.7.1"],
};
for (const [name, [submitted, enhanced]] of Object.entries(REFUSED)) {
  Deno.test(`a message ${name} is refused once, and nothing of it handed on`, async () => {
    for (const rest of ["", "more\r\n"]) {
      const { content, ended, answer, refusals } = await submit([encode(submitted), encode(rest)]);
      assertEquals([content, ended, refusals], ["", "aborted", 1]);
      assertEquals([answer.code, answer.enhanced], [550, enhanced]);
    }
  });
}

Deno.test("a header section over its bound is handed on to be refused, and not held", async () => {
  const field = encode(`X: ${"x".repeat(90)}\r\n`);
  const { content } = await submit(Array.from({ length: 10 }, () => field), 500);
  assertEquals(content.length, 10 * field.length);
});

/** Logs in and submits content; gives the reply to its end. */
async function submitAs(user: string, content: string, { addr }: LoginSite): Promise<string> {
  using peer = await Peer.connect(addr);
  await peer.hello();
  await peer.ask(`AUTH PLAIN ${btoa(`\0${user}\0${PASSWORD}`)}`);
  return await peer.send(content, ANNA);
}

Deno.test("the server completes what is submitted, below its own Received field", () =>
  withLogins({ authWithoutTls: true }, async (site) => {
    assertMatch(await submitAs(ANNA, `From: ${ANNA}\r\nBcc: x@y.test\r\n\r\nx`, site), /^250 /);
    const { text } = await received(site.queue);
    assertMatch(
      text,
      /^Received: (?:.*\r\n\t)+.*\r\nDate: .*\r\nMessage-ID: <[0-9A-Z]{26}@mx\.example\.org>\r\nFrom: anna@example\.org\r\n\r\nx\r\n$/,
    );
  }));

Deno.test("an author that is not the user's is refused, and for a user of any address taken", () =>
  withLogins({ authWithoutTls: true }, async (site) => {
    const content = "From: boss@example.org\r\n\r\nx";
    assertEquals(
      await submitAs(ANNA, content, site),
      "550 5.7.1 From or Sender is not an address that you may send from",
    );
    assertEquals(site.queue.counts().messages, 0);
    assertMatch(await submitAs(SCANNER, content, site), /^250 /);
    assertMatch(await submitAs(SCANNER, "From: scanner\r\n\r\nx", site), /^250 /);
  }));

Deno.test("a header section that is too long is refused as everywhere", () =>
  withLogins({ authWithoutTls: true, limits: { headerSize: 2000 } }, async (site) => {
    const long = `From: ${ANNA}\r\n` + `X: ${"x".repeat(90)}\r\n`.repeat(30);
    assertMatch(await submitAs(ANNA, long + "\r\nx", site), /^552 5\.3\.4 /);
    assert(site.queue.counts().messages === 0);
  }));
