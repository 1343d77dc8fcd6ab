/** What the client's side uses: replies, the EHLO list, SASL. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { concat, encode } from "../../base/bytes.ts";
import { parseEhlo } from "../../protocol/ehlo.ts";
import { printable } from "../../base/printable.ts";
import { formatReply, reply, replyBytes, replyText } from "../../protocol/reply.ts";
import type { SmtpReply } from "../../protocol/reply.ts";
import { ReplyReader, ReplySyntaxError } from "../../protocol/reply_reader.ts";
import { plainResponse } from "../../protocol/sasl/plain.ts";
import { atRandom, singly } from "./talk.ts";

function readReplies(pieces: readonly Uint8Array[]): SmtpReply[] {
  const reader = new ReplyReader();
  const replies: SmtpReply[] = [];
  for (const piece of pieces) {
    reader.receive(piece);
    for (let next = reader.next(); next !== undefined; next = reader.next()) replies.push(next);
  }
  assertEquals(reader.pending, false);
  return replies;
}

function readOne(text: string): SmtpReply {
  const replies = readReplies([encode(text)]);
  assertEquals(replies.length, 1);
  return replies[0]!;
}

Deno.test("replies are read in any pieces, several in one", () => {
  const wire = encode("220 hello\r\n250-mx\r\n250-SIZE 1\r\n250 HELP\r\n354\r\n");
  const expected = [
    reply(220, "", "hello"),
    reply(250, "", "mx", "SIZE 1", "HELP"),
    reply(354, "", ""),
  ];
  assertEquals(readReplies([wire]), expected);
  assertEquals(readReplies(singly(wire)), expected);
  for (let seed = 0; seed < 10; seed++) {
    assertEquals(readReplies(atRandom(wire, seed, 9)), expected);
  }
});

Deno.test("the enhanced status code is taken off the text, on every line that has it", () => {
  assertEquals(readOne("250 2.1.5 OK\r\n"), reply(250, "2.1.5", "OK"));
  assertEquals(readOne("550-5.7.1 no\r\n550-5.7.1\r\n550 at all\r\n"), {
    code: 550,
    enhanced: "5.7.1",
    lines: ["no", "", "at all"],
  });
  assertEquals(readOne("250 2.1.5\r\n"), reply(250, "2.1.5", ""));
});

Deno.test("text that only looks like an enhanced status code stays text", () => {
  for (const text of ["4.1.1 x", "2.1 x", "2.1.1000 x", "2.1.1x", "x 2.1.1", "3.1.1 x"]) {
    assertEquals(readOne(`250 ${text}\r\n`), reply(250, "", text));
  }
});

Deno.test("bare LF ends a line of a reply, and control characters in it become spaces", () => {
  assertEquals(readOne("250-a\n250 b\n"), reply(250, "", "a", "b"));
  assertEquals(readOne("250 a\rb\0c\x1b[31m\u0085d\u2028e\r\n"), reply(250, "", "a b c [31m d e"));
  assertEquals(readReplies([Uint8Array.of(50, 53, 48, 32, 0xff, 10)]), [reply(250, "", "\ufffd")]);
});

Deno.test("what is no reply throws", () => {
  for (
    const text of [
      "",
      "hello",
      "25 x",
      "2500 x",
      "250x",
      "250_x",
      "150 x",
      "600 x",
      " 250 x",
    ]
  ) {
    const reader = new ReplyReader();
    reader.receive(encode(text + "\r\n"));
    assertThrows(() => reader.next(), ReplySyntaxError, "not a reply", text);
  }
});

Deno.test("a reply whose lines do not agree on the code throws", () => {
  const reader = new ReplyReader();
  reader.receive(encode("250-a\r\n550 b\r\n"));
  assertThrows(() => reader.next(), ReplySyntaxError, "reply changes from 250 to 550");
});

Deno.test("a reply line of 4,096 octets is read, a longer one throws before its end", () => {
  assertEquals(readOne(`250 ${"x".repeat(4091)}\r\n`).lines[0]!.length, 4091);
  const reader = new ReplyReader();
  reader.receive(encode(`250 ${"x".repeat(4092)}`));
  assertEquals(reader.next(), undefined);
  reader.receive(encode("x"));
  assertThrows(() => reader.next(), ReplySyntaxError, "reply line too long");
});

Deno.test("a reply of 200 lines is read, a longer one throws before its end", () => {
  assertEquals(readOne("250-x\r\n".repeat(199) + "250 x\r\n").lines.length, 200);
  const reader = new ReplyReader();
  reader.receive(encode("250-x\r\n".repeat(201)));
  assertThrows(() => reader.next(), ReplySyntaxError, "reply has too many lines");
});

Deno.test("octets and lines that are no whole reply yet are pending", () => {
  const reader = new ReplyReader();
  assertEquals(reader.pending, false);
  reader.receive(encode("250-a\r\n"));
  assertEquals([reader.next(), reader.pending], [undefined, true]);
  reader.receive(encode("250 b\r\n2"));
  assertEquals([reader.next()?.code, reader.pending], [250, true]);
});

Deno.test("any reply that is written is read again", () => {
  const code = fc.integer({ min: 200, max: 599 });
  const line = fc.string({ unit: fc.constantFrom(..."ab .-250ü"), maxLength: 20 })
    .filter((text) => !/^[245]\./.test(text));
  const lines = fc.array(line, { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(code, fc.boolean(), lines, fc.nat(), (code, withStatus, lines, seed) => {
    const kind = Math.floor(code / 100);
    const status = withStatus && kind !== 3 ? `${kind}.7.0` : "";
    const answer = reply(code, status, ...lines);
    assertEquals(readReplies(atRandom(replyBytes(answer), seed, 7)), [answer]);
  }));
});

Deno.test("no octets make the reader do anything but read or throw its own error", () => {
  const piece = fc.constantFrom("250", "-", " ", "\r\n", "\n", "\0", "5.1.1", "ü", "x");
  fc.assert(fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
    const reader = new ReplyReader();
    reader.receive(concat(pieces.map(encode)));
    try {
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        assert(next.code >= 200 && next.code < 600);
      }
    } catch (error) {
      assert(error instanceof ReplySyntaxError);
    }
  }));
});

Deno.test("a reply is one line for each text, with its status on each, and no line end within", () => {
  assertEquals(formatReply(reply(250, "", "a", "b")), "250-a\r\n250 b\r\n");
  assertEquals(formatReply(reply(550, "5.1.1", "a", "b")), "550-5.1.1 a\r\n550 5.1.1 b\r\n");
  assertEquals(formatReply(reply(550, "5.1.1", "a\r\n250 b")), "550 5.1.1 a 250 b\r\n");
  assertEquals(formatReply({ code: 250, lines: [] }), "250 \r\n");
  assertEquals(formatReply(reply(250, "", "x".repeat(1000))).length, 486);
  assertEquals(replyText(reply(550, "5.1.1", "a", "b\nc")), "550 5.1.1 a b c");
  assertEquals(replyText(reply(250, "", "")), "250");
  assertEquals(printable("a\r\n\u0085b\u2028c"), "a b c");
});

Deno.test("the EHLO list says what the server offers", () => {
  const offered = parseEhlo(readOne(
    "250-mx.example greets you, SIZE 5\r\n250-size 1000\r\n250-PIPELINING\r\n250-8bitmime\r\n" +
      "250-SMTPUTF8\r\n250-STARTTLS\r\n250-AUTH PLAIN login\r\n250-AUTH OTHER\r\n250 X-ODD a  b\r\n",
  ));
  assertEquals(offered.size, 1000);
  assertEquals(offered.sizeDeclared, true);
  assertEquals(offered.pipelining, true);
  assertEquals(offered.eightBitMime, true);
  assertEquals(offered.smtputf8, true);
  assertEquals(offered.startTls, true);
  assertEquals(offered.authMechanisms, ["PLAIN", "LOGIN"]);
  assertEquals(offered.keywords.get("X-ODD"), ["A", "B"]);
});

Deno.test("a server that only says its name offers nothing", () => {
  const offered = parseEhlo(readOne("250 PIPELINING\r\n"));
  assertEquals(offered.keywords.size, 0);
  assertEquals(offered.size, undefined);
  assertEquals(offered.sizeDeclared, false);
  assertEquals(offered.pipelining, false);
  assertEquals(offered.eightBitMime, false);
  assertEquals(offered.smtputf8, false);
  assertEquals(offered.startTls, false);
  assertEquals(offered.authMechanisms, []);
});

Deno.test("SIZE without a number, or with 0, is no limit", () => {
  for (const words of ["SIZE", "SIZE 0", "SIZE lots", "SIZE -1", "SIZE 1e9"]) {
    const offered = parseEhlo(readOne(`250-mx\r\n250 ${words}\r\n`));
    assertEquals([offered.size, offered.sizeDeclared], [undefined, true]);
  }
});

Deno.test("AUTH PLAIN says user and password in base64 of UTF-8", () => {
  assertEquals(plainResponse("tim", "tanstaaftanstaaf"), "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
  assertEquals(plainResponse("ü", "é"), "AMO8AMOp");
});

Deno.test("a NUL in a user name or password throws", () => {
  assertThrows(() => plainResponse("a\0b", "c"), TypeError, "NUL");
  assertThrows(() => plainResponse("a", "b\0c"), TypeError, "NUL");
});
