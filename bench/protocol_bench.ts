/**
 * What the conversation costs, without any I/O: content, lines, addresses,
 * replies, header sections, and a whole message of it.
 *
 * @module
 */
import { concat, encode } from "../base/bytes.ts";
import { HeaderScanner } from "../message/headers.ts";
import type { MessageSink, SessionHandler } from "../protocol/handler.ts";
import { ServerSession } from "../protocol.ts";
import { ChunkReader } from "../protocol/chunk_reader.ts";
import { DataReader } from "../protocol/data_reader.ts";
import { DotStuffer } from "../protocol/dot_stuff.ts";
import { parseEhlo } from "../protocol/ehlo.ts";
import { Input } from "../protocol/input.ts";
import { LineReader } from "../protocol/line_reader.ts";
import { parsePath } from "../protocol/path.ts";
import { reply } from "../protocol/reply.ts";
import { ReplyReader } from "../protocol/reply_reader.ts";

const KIB = 1024;
const LINE = "The quick brown fox jumps over the lazy dog, and over a few others as well.\r\n";

/** Text of whole lines, of about so many octets. */
function text(octets: number): Uint8Array {
  return encode(LINE.repeat(Math.ceil(octets / LINE.length)));
}

const small = text(4 * KIB);
const large = text(1024 * KIB);
const stuffed = encode(("." + LINE).repeat(1024 * KIB / LINE.length));
const end = encode(".\r\n");
const stuffer = new DotStuffer();

function readData(wire: Uint8Array): number {
  const reader = new DataReader();
  let octets = 0;
  for (let at = 0; at < wire.length;) {
    const run = reader.read(wire.subarray(at));
    octets += run.content.length;
    at += run.used;
  }
  return octets;
}

Deno.bench("DATA, 4 KiB", () => void readData(small));
Deno.bench("DATA, 1 MiB", () => void readData(large));
Deno.bench("DATA, 1 MiB, a dot on each line", () => void readData(stuffed));
Deno.bench("BDAT, 1 MiB", () => {
  const reader = new ChunkReader();
  reader.begin(large.length, true);
  reader.read(large);
});
Deno.bench("dot-stuffing, 1 MiB", () => void new DotStuffer().encode(large));
Deno.bench("dot-stuffing and end, 4 KiB", () => void stuffer.frame(small));
Deno.bench("dot-stuffing, 1 MiB, a dot on each line", () => {
  new DotStuffer().encode(stuffed);
});

const lines = encode(
  "MAIL FROM:<someone@mail.example.com> SIZE=4096 BODY=8BITMIME\r\n".repeat(100),
);
Deno.bench("100 command lines", () => {
  const input = new Input();
  const reader = new LineReader(512);
  input.append(lines);
  while (reader.next(input) !== undefined);
});
Deno.bench("a path", () => {
  parsePath("<someone.or-other+tag@mail.example.com>", 0, "5.1.3");
});
Deno.bench("a path with a quoted local part", () => {
  parsePath('<"someone or \\"other\\""@mail.example.com>', 0, "5.1.3");
});
Deno.bench("a path with a U-label", () => {
  parsePath("<jörg@bücher.example>", 0, "5.1.3");
});

const replies = encode("250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n354 Go ahead\r\n");
const replyReader = new ReplyReader();
Deno.bench("three replies at once", () => {
  replyReader.receive(replies);
  while (replyReader.next() !== undefined);
});
const ehlo = encode(
  "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250 8BITMIME\r\n",
);
Deno.bench("the reply to EHLO", () => {
  replyReader.receive(ehlo);
  parseEhlo(replyReader.next()!);
});

const header = encode(
  "Received: from a.example (a.example [192.0.2.1])\r\n\tby mx.example with ESMTP; today\r\n" +
    "From: Someone <a@a.example>\r\nTo: b@mx.example\r\nSubject: Lunch\r\n" +
    "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@a.example>\r\n\r\n",
);
Deno.bench("a header section", () => new HeaderScanner().write(header));

const sink: MessageSink = {
  write: () => {},
  finish: () => reply(250, "2.0.0", "Queued"),
  abort: () => {},
};
const handler: SessionHandler = {
  mail: () => reply(250, "2.1.0", "Sender OK"),
  rcpt: () => reply(250, "2.1.5", "Recipient OK"),
  message: () => sink,
};
const limits = {
  commandLine: 512,
  recipients: 100,
  messageSize: 10_000 * KIB,
  errors: 20,
  idleCommands: 100,
};
const session = new ServerSession(
  { hostname: "mx.example", banner: "ESMTP", startTls: false, limits },
  handler,
  {
    address: "192.0.2.1",
    port: 25,
  },
);
session.receive(encode("EHLO client.example\r\n"));
session.step();
const writes = [
  encode("MAIL FROM:<someone@mail.example.com> SIZE=4096\r\n"),
  encode("RCPT TO:<someone.else@mx.example>\r\n"),
  encode("DATA\r\n"),
  concat([small, end]),
];
Deno.bench("a whole message of 4 KiB in four steps", () => {
  for (const write of writes) {
    session.receive(write);
    session.step();
  }
});
