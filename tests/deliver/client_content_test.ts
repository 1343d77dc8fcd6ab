/** How a client brings content over, and what comes of it when that fails midway. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encode } from "../../base/bytes.ts";
import { type Content, QueueError } from "../../queue/queue.ts";
import { FALSE_ENDS } from "../helpers/false_ends.ts";
import { connectOptions, transactionOf, withClient } from "../helpers/outgoing.ts";
import {
  hangUp,
  hear,
  hearContent,
  hearTheEnd,
  hearUpTo,
  say,
  takeMail,
} from "../helpers/scripted_peer.ts";
import { SmtpSink } from "../helpers/smtp_sink.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { answerGroup, commandsOf, errorOf, withScript } from "./scripted_client.ts";

const SINK = tool("smtp-sink");

Deno.test("binary content goes in one chunk with its end, without a dot more", async () => {
  const content = "Subject: x\r\n\r\n.\n\0";
  const script = [
    hear(/^MAIL/),
    say("250 sender"),
    hear(/^RCPT/),
    say("250 recipient"),
    hear(`BDAT ${encode(content).length} LAST`),
    hearUpTo(content),
    say("250 2.0.0 taken"),
  ];
  await withScript(["CHUNKING", "BINARYMIME", "8BITMIME"], script, async (client, peer) => {
    const result = await client.transact(transactionOf(content, { binary: true }));
    assertEquals(result.outcomes.map(({ kind }) => kind), ["delivered"]);
    assertEquals(commandsOf(peer)[0], "MAIL FROM:<a@me.test> BODY=BINARYMIME");
    assert(client.usable);
  });
});

Deno.test("binary content for which nobody was accepted is not sent, and the next message begins anew", async () => {
  const script = [
    hear(/^MAIL/),
    say("250 sender"),
    hear(/^RCPT/),
    say("550 no"),
    hear("RSET"),
    say("250 reset"),
    ...takeMail(),
  ];
  await withScript(["CHUNKING", "BINARYMIME"], script, async (client, peer) => {
    const result = await client.transact(transactionOf("x\n", { binary: true }));
    assertEquals(errorOf(result).code, 550);
    await client.transact(transactionOf());
    assertEquals(commandsOf(peer)[2], "RSET");
  });
});

for (const keywords of [["CHUNKING", "8BITMIME"], ["BINARYMIME"], []]) {
  Deno.test(`binary content is not given to a host that offers ${keywords.join(" and ") || "nothing"}`, async () => {
    await withScript(keywords, [hearTheEnd()], async (client) => {
      const error = errorOf(await client.transact(transactionOf("x\n", { binary: true })));
      assertEquals([error.enhanced, error.scope, error.permanent], ["5.6.3", "message", true]);
    });
  });
}

Deno.test("content that cannot be read is never ended with a dot, and is no failure of the host", async () => {
  const broken: Content = {
    size: 200_000,
    async *stream() {
      yield encode("Subject: x\r\n\r\n");
      await Promise.resolve();
      throw new QueueError("storage", "cannot read the spool");
    },
  };
  const heard = Promise.withResolvers<string>();
  const script = [
    ...answerGroup("250 ok", "250 ok", "354 go"),
    async (session: { hearRest(): Promise<string> }) => heard.resolve(await session.hearRest()),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    const error = errorOf(await client.transact(transactionOf("", { content: broken })));
    assertEquals([error.scope, error.enhanced, error.permanent], ["message", "4.3.0", false]);
    assertEquals(error.hop, undefined);
    assert(!client.usable);
    assertEquals(await heard.promise, "Subject: x\r\n\r\n");
  });
});

Deno.test("what a host says when it hangs up in the middle of the content is the verdict", async () => {
  const line = encode("x".repeat(998) + "\r\n");
  const hungUp = Promise.withResolvers<void>();
  const endless: Content = {
    size: Infinity,
    async *stream() {
      yield line;
      await hungUp.promise;
      while (true) yield line;
    },
  };
  const script = [
    ...answerGroup("250 ok", "250 ok", "354 go"),
    say("552 5.3.4 too large"),
    hangUp(),
    () => hungUp.resolve(),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    const transaction = transactionOf("", { content: endless });
    const error = errorOf(await client.transact(transaction));
    assertEquals([error.code, error.scope, error.permanent], [552, "message", true]);
    assert(!client.usable);
  });
});

Deno.test("a host that resets the connection in the middle of the content without a word fails as host", async () => {
  const line = encode("x".repeat(998) + "\r\n");
  const endless: Content = {
    size: Infinity,
    async *stream() {
      while (true) yield await Promise.resolve(line);
    },
  };
  await withScript(
    ["PIPELINING"],
    [...answerGroup("250 ok", "250 ok", "354 go"), hangUp()],
    async (client) => {
      const error = errorOf(await client.transact(transactionOf("", { content: endless })));
      assertEquals([error.scope, error.permanent], ["host", false]);
      assertMatch(error.text, /while sending the message$/);
    },
  );
});

Deno.test("only stuffed dots and CRLF line ends go out, whatever the content holds (security case 2)", async () => {
  for (const end of [...FALSE_ENDS, "\r\n.\r\n"]) {
    const content =
      `Subject: x\r\n\r\none${end}MAIL FROM:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\ntwo\r\n`;
    const script = [
      ...answerGroup("250 ok", "250 ok", "354 go"),
      hearContent(),
      say("250 taken"),
      hear("QUIT"),
    ];
    await withScript(["PIPELINING"], script, async (client, peer) => {
      assertEquals((await client.transact(transactionOf(content))).reply, "250 taken");
      await client.quit();
      assertEquals(commandsOf(peer), ["QUIT"], JSON.stringify(end));
      const [wire] = peer.sessions[0]!.contents;
      assertEquals(wire!.match(/\r(?!\n)|(?<!\r)\n/), null, JSON.stringify(end));
      assert(wire!.endsWith("two\r\n.\r\n"), JSON.stringify(end));
    });
  }
});

Deno.test("large content arrives octet for octet, streamed in pieces split anywhere", async () => {
  const lines = Array.from({ length: 4000 }, (_, i) => `${".".repeat(i % 4)}line ${i}\r\n`).join(
    "",
  );
  const bytes = encode(lines);
  const content: Content = {
    size: bytes.length,
    async *stream() {
      for (let at = 0; at < bytes.length; at += 997) {
        yield await Promise.resolve(bytes.subarray(at, at + 997));
      }
    },
  };
  const script = [...answerGroup("250 ok", "250 ok", "354 go"), hearContent(), say("250 taken")];
  await withScript(["PIPELINING"], script, async (client, peer) => {
    await client.transact(transactionOf(bytes, { content }));
    const unstuffed = peer.sessions[0]!.contents[0]!.slice(0, -3).replace(/^\./gm, "");
    assert(unstuffed === lines);
  });
});

Deno.test({
  name: "Postfix's smtp-sink gets a message with dots, long lines and 8-bit octets as it was",
  ignore: SINK === undefined,
  async fn() {
    await withTempDir(async (directory) => {
      const sink = await SmtpSink.start(SINK!, directory);
      try {
        const body = [".", "..", ".x", "x".repeat(998), "h\u00e9llo", "", "."].join("\r\n") +
          "\r\n";
        await withClient(sink.host, connectOptions(), async (client) => {
          const recipients = ["b@mx.test", "c@mx.test"];
          const content = `Subject: sink\r\n\r\n${body}`;
          const result = await client.transact(transactionOf(content, { recipients }));
          assertEquals(result.outcomes.map(({ kind }) => kind), ["delivered", "delivered"]);
          await client.quit();
        });
        const [message, ...others] = await sink.messages();
        assertEquals(others, []);
        assertStringIncludes(message!, "X-Mail-Args: <a@me.test>");
        assertStringIncludes(message!, "\nSubject: sink\n\n" + body.replaceAll("\r\n", "\n"));
      } finally {
        await sink.stop();
      }
    });
  },
});
