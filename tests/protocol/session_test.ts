import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { concat, decode, encode } from "../../base/bytes.ts";
import type { ClientInfo } from "../../message/envelope.ts";
import type { MessageSink, SessionHandler, Step } from "../../protocol/handler.ts";
import { Content } from "../../protocol/content.ts";
import { reply, type SmtpReply } from "../../protocol/reply.ts";
import { RecordingHandler } from "./recording_handler.ts";
import { feed, newSession, say, singly, TLS } from "./talk.ts";

const OPENING = "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example>\r\n";

Deno.test("the greeting names the server and says ESMTP", () => {
  const session = newSession(new RecordingHandler());
  assertEquals(decode(session.greeting()), "220 mx.example ESMTP deno-smtp-server\r\n");
});

Deno.test("a handler that answers at once makes no promise of a step", () => {
  const session = newSession(new RecordingHandler());
  session.receive(encode(OPENING + "DATA\r\ntext\r\n.\r\n"));
  const step = session.step();
  assert(!(step instanceof Promise));
  assert(decode(step.output).endsWith("250 2.0.0 Queued\r\n"));
});

Deno.test("a handler that answers later makes one, and the replies are the same", async () => {
  const session = newSession(new RecordingHandler(true));
  session.receive(encode(OPENING + "DATA\r\ntext\r\n.\r\n"));
  const step = session.step();
  assertInstanceOf(step, Promise);
  assert(decode((await step).output).endsWith("250 2.0.0 Queued\r\n"));
});

Deno.test("the content arrives with its dots and CRLFs, and without the framing", async () => {
  const handler = new RecordingHandler();
  const session = newSession(handler);
  await say(session, OPENING + "DATA\r\n");
  await feed(session, singly(encode("..one\r\n.two\r\n\r\n...\r\n.\r\n")));
  assertEquals(handler.messages.map((message) => decode(message.content)), [
    ".one\r\ntwo\r\n\r\n..\r\n",
  ]);
});

Deno.test("a chunk of content is handed on without being copied", () => {
  const written: Uint8Array[] = [];
  const sink: MessageSink = {
    write: (chunk) => void written.push(chunk),
    finish: () => reply(250, "2.0.0", "Queued"),
    abort: () => {},
  };
  const session = newSession(handlerWith({ message: () => sink }));
  session.receive(encode(OPENING + "DATA\r\n"));
  session.step();
  const chunk = encode("a line\r\n".repeat(1000));
  session.receive(chunk);
  session.step();
  assertEquals(written.length, 1);
  assertEquals(written[0]!.buffer, chunk.buffer);
});

Deno.test("the envelope says who, whom, how and by what protocol", async () => {
  const handler = new RecordingHandler();
  const session = newSession(handler);
  const mail = "MAIL FROM:<j@b.example> BODY=8BITMIME SMTPUTF8 SIZE=12\r\n";
  const rcpts = "RCPT TO:<@r.example:x@MX.example>\r\nRCPT TO:<unknown@mx.example>\r\n" +
    "RCPT TO:<Postmaster>\r\n";
  await say(session, `EHLO c.example\r\n${mail}${rcpts}BDAT 2 LAST\r\nhi`);
  assertEquals(handler.messages.map((message) => message.envelope), [{
    reversePath: "j@b.example",
    recipients: ["x@MX.example", "Postmaster"],
    smtputf8: true,
    body: "8BITMIME",
    client: {
      address: "192.0.2.1",
      port: 2525,
      helo: "c.example",
      protocol: "UTF8SMTP",
      tls: undefined,
    },
  }]);
  assertEquals(handler.mails[0], {
    reversePath: "j@b.example",
    size: 12,
    body: "8BITMIME",
    smtputf8: true,
  });
});

const KEYWORDS: readonly [greeting: string, tls: boolean, utf8: boolean, keyword: string][] = [
  ["HELO", false, false, "SMTP"],
  ["EHLO", false, false, "ESMTP"],
  ["EHLO", true, false, "ESMTPS"],
  ["EHLO", false, true, "UTF8SMTP"],
  ["EHLO", true, true, "UTF8SMTPS"],
];
for (const [greeting, tls, utf8, keyword] of KEYWORDS) {
  const how = `${greeting}${tls ? " in TLS" : ""}${utf8 ? " with SMTPUTF8" : ""}`;
  Deno.test(`the protocol of a message by ${how} is ${keyword}`, async () => {
    const handler = new RecordingHandler();
    const session = newSession(handler, {}, {}, tls ? TLS : undefined);
    const mail = `MAIL FROM:<a@c.example>${utf8 ? " SMTPUTF8" : ""}\r\n`;
    await say(session, `${greeting} c.example\r\n${mail}RCPT TO:<b@mx.example>\r\nDATA\r\n.\r\n`);
    assertEquals(handler.messages[0]?.envelope.client.protocol, keyword);
    assertEquals(handler.messages[0]?.envelope.client.tls, tls ? TLS : undefined);
  });
}

Deno.test("the client is known by its address first, by its name after EHLO, and by its TLS", async () => {
  const session = newSession(new RecordingHandler(), {}, { startTls: true });
  const client: ClientInfo = {
    address: "192.0.2.1",
    port: 2525,
    helo: "",
    protocol: "SMTP",
    tls: undefined,
  };
  assertEquals(session.client, client);
  await say(session, "EHLO c.example\r\nSTARTTLS\r\n");
  assertEquals(session.client, { ...client, helo: "c.example", protocol: "ESMTP" });
  session.secured(TLS);
  assertEquals(session.client, { ...client, tls: TLS });
  await say(session, "EHLO c.example\r\n");
  assertEquals(session.client, { ...client, helo: "c.example", protocol: "ESMTPS", tls: TLS });
});

Deno.test("the session says whether it receives content, and how much came", async () => {
  const session = newSession(new RecordingHandler(), { messageSize: 10 });
  const seen = (): [boolean, number] => [session.receiving, session.contentOctets];
  await say(session, OPENING);
  assertEquals(seen(), [false, 0]);
  await say(session, "DATA\r\n");
  assertEquals(seen(), [true, 0]);
  await say(session, "..234\r\n");
  assertEquals(seen(), [true, 6]);
  await say(session, "refused from here\r\n");
  assertEquals(seen(), [true, 25]);
  await say(session, ".\r\n");
  assertEquals(seen(), [false, 0]);
  await say(session, OPENING + "BDAT 4\r\nab");
  assertEquals(seen(), [true, 2]);
  await say(session, "cd");
  assertEquals(seen(), [false, 4]);
  await say(session, "BDAT 4\r\ne");
  assertEquals(seen(), [true, 5]);
  await say(session, "fghRSET\r\nBDAT 4\r\nab");
  assertEquals(seen(), [true, 2]);
});

Deno.test("the session says whether a transaction is open", async () => {
  const session = newSession(new RecordingHandler());
  const openAfter = async (text: string): Promise<boolean> => {
    await say(session, text);
    return session.inTransaction;
  };
  assertEquals(await openAfter("EHLO c.example\r\n"), false);
  assertEquals(await openAfter("MAIL FROM:<>\r\n"), true);
  assertEquals(await openAfter("RSET\r\n"), false);
  assertEquals(await openAfter(OPENING + "DATA\r\n"), true);
  assertEquals(await openAfter(".\r\n"), false);
  assertEquals(await openAfter(OPENING + "BDAT 1\r\n"), true);
  assertEquals(await openAfter("x"), true);
  assertEquals(await openAfter("BDAT 0 LAST\r\n"), false);
  assertEquals(await openAfter(OPENING + "QUIT\r\n"), false);
});

Deno.test("a connection that goes away drops the message on its way, once", async () => {
  for (const text of ["DATA\r\nhalf", "BDAT 9\r\nhalf", "BDAT 4\r\nhalf"]) {
    const handler = new RecordingHandler();
    const session = newSession(handler);
    await say(session, OPENING + text);
    session.abort();
    session.abort();
    assertEquals([handler.opened, handler.aborted, handler.finished], [1, 1, 0]);
    assertEquals(await feed(session, [encode("\r\n.\r\n")]), { output: "", next: "close" });
  }
});

Deno.test("RSET, EHLO and QUIT drop a message in chunks", async () => {
  for (const command of ["RSET", "EHLO c.example", "QUIT"]) {
    const handler = new RecordingHandler();
    const session = newSession(handler);
    await say(session, OPENING + "BDAT 4\r\nhalf" + command + "\r\n");
    assertEquals([handler.opened, handler.aborted, handler.finished], [1, 1, 0]);
  }
});

Deno.test("a message refused on its way is aborted at once, not at its end", async () => {
  for (const text of ["DATA\r\nbare\n", "DATA\r\nmuch too big", "BDAT 99\r\nmuch too big"]) {
    const handler = new RecordingHandler();
    const session = newSession(handler, { messageSize: 10 });
    await say(session, OPENING + text);
    assertEquals([handler.opened, handler.aborted], [1, 1]);
    session.abort();
    assertEquals([handler.opened, handler.aborted, handler.finished], [1, 1, 0]);
  }
});

Deno.test("a connection that goes away while the handler opens a sink gets that sink aborted", async () => {
  const opening = Promise.withResolvers<MessageSink | SmtpReply>();
  let aborted = 0;
  const session = newSession(handlerWith({ message: () => opening.promise }));
  session.receive(encode(OPENING + "DATA\r\ntext\r\n.\r\n"));
  const step = session.step();
  session.abort();
  opening.resolve({
    write: () => assert(false, "nothing is written for a client that is gone"),
    finish: () => reply(250, "2.0.0", "Queued"),
    abort: () => void aborted++,
  });
  assertEquals((await step).next, "close");
  assertEquals(aborted, 1);
});

Deno.test("a connection that goes away while the handler judges has the rest of its pipeline left undone", async () => {
  const judging = Promise.withResolvers<SmtpReply>();
  let asked = 0;
  const session = newSession(handlerWith({
    mail: () => judging.promise,
    rcpt: () => {
      asked++;
      return reply(250, "2.1.5", "Recipient OK");
    },
  }));
  session.receive(encode(OPENING));
  const step = session.step();
  session.abort();
  judging.resolve(reply(250, "2.1.0", "Sender OK"));
  assertEquals((await step).next, "close");
  assertEquals(asked, 0);
});

Deno.test("content has one end: neither abort nor refusal comes behind finish", () => {
  const ends: string[] = [];
  const content = new Content({
    write: () => {},
    finish: () => {
      ends.push("finish");
      return reply(250, "2.0.0", "Queued");
    },
    abort: () => void ends.push("abort"),
  }, 10);
  content.finish();
  content.abort();
  content.refuse(reply(550, "5.0.0", "too late"));
  assertEquals(ends, ["finish"]);
});

Deno.test("a sink that is in the middle of a write is aborted after it", async () => {
  const writing = Promise.withResolvers<void>();
  const calls: string[] = [];
  const sink: MessageSink = {
    write: () => {
      calls.push("write");
      return writing.promise.then(() => void calls.push("written"));
    },
    finish: () => reply(250, "2.0.0", "Queued"),
    abort: () => void calls.push("abort"),
  };
  const session = newSession(handlerWith({ message: () => sink }));
  session.receive(encode(OPENING + "DATA\r\ntext\r\n"));
  const step = session.step();
  session.abort();
  assertEquals(calls, ["write"]);
  writing.resolve();
  assertEquals((await step).next, "close");
  assertEquals(calls, ["write", "written", "abort"]);
});

Deno.test("a message whose end is being made durable when the client goes is not aborted", async () => {
  const finishing = Promise.withResolvers<SmtpReply>();
  let aborted = 0;
  const sink: MessageSink = {
    write: () => {},
    finish: () => finishing.promise,
    abort: () => void aborted++,
  };
  const session = newSession(handlerWith({ message: () => sink }));
  session.receive(encode(OPENING + "DATA\r\ntext\r\n.\r\n"));
  const step = session.step();
  session.abort();
  finishing.resolve(reply(250, "2.0.0", "Queued"));
  assertEquals((await step).next, "close");
  assertEquals(aborted, 0);
});

Deno.test("a sink whose abort throws does not end the session", async () => {
  const sink: MessageSink = {
    write: () => {},
    finish: () => reply(250, "2.0.0", "Queued"),
    abort: () => {
      throw new Error("abort failed");
    },
  };
  const session = newSession(handlerWith({ message: () => sink }));
  await say(session, OPENING + "DATA\r\n");
  assertEquals(await say(session, "bare\n\r\n.\r\n"), "550 5.6.11 Bare CR or LF in message\r\n");
});

Deno.test("octets received before the last were used up are joined to them", async () => {
  const session = newSession(new RecordingHandler());
  session.receive(encode("NO"));
  session.receive(encode("OP\r\nNO"));
  session.receive(encode("OP\r\n"));
  assertEquals(decode((await session.step()).output), "250 2.0.0 OK\r\n250 2.0.0 OK\r\n");
});

Deno.test("a thousand recipients in one write are answered in order by a handler that waits", async () => {
  const handler = new RecordingHandler(true);
  const session = newSession(handler);
  const rcpts = Array.from({ length: 1000 }, (_, i) => `RCPT TO:<b${i}@mx.example>\r\n`).join("");
  await say(session, `EHLO c.example\r\nMAIL FROM:<>\r\n${rcpts}BDAT 1 LAST\r\nx`);
  assertEquals(handler.messages[0]?.envelope.recipients.length, 1000);
  assertEquals(handler.messages[0]?.envelope.recipients[999], "b999@mx.example");
});

Deno.test("nothing is answered after the session closed", async () => {
  const session = newSession(new RecordingHandler());
  const first = await feed(session, [encode("QUIT\r\nNOOP\r\n")]);
  assertEquals(first, { output: "221 2.0.0 Bye\r\n", next: "close" });
  assertEquals(await feed(session, [encode("NOOP\r\n")]), { output: "", next: "close" });
});

Deno.test("every step of a message says what the transport does next", async () => {
  const session = newSession(new RecordingHandler(), {}, { startTls: true });
  const next = async (text: string): Promise<Step["next"]> =>
    (await feed(session, [encode(text)])).next;
  assertEquals(await next("EHLO c.example\r\n"), "read");
  assertEquals(await next("STARTTLS\r\n"), "starttls");
  session.secured(TLS);
  assertEquals(await next(OPENING + "DATA\r\n"), "read");
  assertEquals(await next("text"), "read");
  assertEquals(await next("\r\n.\r\n"), "read");
  assertEquals(await next("QUIT\r\n"), "close");
});

Deno.test("large content passes in chunks as they come, and comes out as it was", async () => {
  const handler = new RecordingHandler(true);
  const session = newSession(handler);
  const line = encode("0123456789".repeat(7) + "\r\n");
  const content = concat(Array<Uint8Array>(5000).fill(line));
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += 65536) pieces.push(content.subarray(at, at + 65536));
  await say(session, OPENING + "DATA\r\n");
  await feed(session, [...pieces, encode(".\r\n")]);
  assertEquals(handler.messages[0]?.content, content);
});

/** A handler that accepts all, with one method of one's own. */
function handlerWith(own: Partial<SessionHandler>): SessionHandler {
  return {
    mail: () => reply(250, "2.1.0", "Sender OK"),
    rcpt: () => reply(250, "2.1.5", "Recipient OK"),
    message: () => reply(451, "4.3.0", "No sink"),
    ...own,
  };
}

Deno.test("replies are given out in parts, however many commands come at once", async () => {
  const session = newSession(new RecordingHandler());
  const help = await say(session, "HELP\r\n");
  session.receive(encode("HELP\r\n".repeat(500) + "NOO"));
  let output = "";
  let longest = 0;
  let step = await session.step();
  for (; step.next === "step"; step = await session.step()) {
    longest = Math.max(longest, step.output.length);
    output += decode(step.output);
  }
  assertEquals(step.next, "read");
  assertEquals(output + decode(step.output), help.repeat(500));
  assert(longest < 16 * 1024 + help.length);
  assertEquals(await say(session, "P\r\n"), "250 2.0.0 OK\r\n");
});
