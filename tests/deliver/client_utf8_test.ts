/** What a client makes of addresses and header fields in UTF-8, with SMTPUTF8 and without. */
import { assert, assertEquals } from "@std/assert";
import { type Content, QueueError } from "../../queue/queue.ts";
import { transactionOf } from "../helpers/outgoing.ts";
import { hear, heardText, hearTheEnd, say, takeMail } from "../helpers/scripted_peer.ts";
import { commandsOf, errorOf, withScript } from "./scripted_client.ts";

Deno.test("a bare address with control characters is refused here, and never sent", async () => {
  const script = [hear(/^MAIL/), say("250 ok"), hear("RCPT TO:<good@mx.test>"), say("550 no")];
  await withScript([], script, async (client) => {
    const recipients = ["x@mx.test>\r\nRCPT TO:<y@mx.test", "good@mx.test"];
    const result = await client.transact(transactionOf(undefined, { recipients }));
    assertEquals(errorOf(result, 0).enhanced, "5.1.3");
    assertEquals(errorOf(result, 1).text, "550 no");
  });
  await withScript([], [hearTheEnd()], async (client) => {
    const reversePath = "a@b\r\nRSET";
    const result = await client.transact(transactionOf(undefined, { reversePath }));
    assertEquals(errorOf(result).enhanced, "5.1.7");
    client.close();
  });
});

Deno.test("with SMTPUTF8 offered, addresses go as they are", async () => {
  await withScript(["8BITMIME", "SMTPUTF8"], takeMail(), async (client, peer) => {
    const parts = {
      reversePath: "jos\u00e9@me.test",
      recipients: ["\u03b1@mx.test"],
      smtputf8: true,
    };
    await client.transact(transactionOf("Subject: \u00e9\r\n\r\n", parts));
    assertEquals(commandsOf(peer).map(heardText).slice(0, 2), [
      "MAIL FROM:<jos\u00e9@me.test> BODY=8BITMIME SMTPUTF8",
      "RCPT TO:<\u03b1@mx.test>",
    ]);
  });
});

Deno.test("SMTPUTF8 is not asked for where nothing in message and envelope needs it (RFC 6531 §3.4)", async () => {
  const offer = ["8BITMIME", "SMTPUTF8", "DSN"];
  const utf8 = { recipients: [{ orcpt: "utf-8;jos\u00e9@mx.test" }] };
  const cases = [
    [{}, "Subject: x\r\n\r\n", ""],
    [{}, "Subject: x\r\n\r\n\u00e9\r\n", " BODY=8BITMIME SMTPUTF8"],
    [{ dsn: utf8 }, "Subject: x\r\n\r\n", " SMTPUTF8"],
  ] as const;
  for (const [more, content, params] of cases) {
    await withScript(offer, takeMail(), async (client, peer) => {
      await client.transact(transactionOf(content, { ...more, smtputf8: true }));
      const [mail, rcpt] = commandsOf(peer).map(heardText);
      assertEquals(mail, `MAIL FROM:<a@me.test>${params}`);
      assertEquals(
        rcpt,
        `RCPT TO:<b@mx.test>${"dsn" in more ? ` ORCPT=${utf8.recipients[0]!.orcpt}` : ""}`,
      );
    });
  }
});

Deno.test("without SMTPUTF8 a message that needs nothing of it goes all the same", async () => {
  await withScript(["8BITMIME"], takeMail(), async (client, peer) => {
    const parts = { reversePath: "a@m\u00fcller.test", smtputf8: true };
    const result = await client.transact(transactionOf("Subject: x\r\n\r\n\u00e9\r\n", parts));
    assertEquals(result.outcomes[0]!.kind, "delivered");
    assertEquals(commandsOf(peer)[0], "MAIL FROM:<a@xn--mller-kva.test> BODY=8BITMIME");
  });
});

Deno.test("without SMTPUTF8 what needs it is refused for good, recipient by recipient where it can be", async () => {
  const need = { smtputf8: true };
  await withScript([], [hearTheEnd()], async (client) => {
    const header = await client.transact(transactionOf("Subject: \u00e9\r\n\r\n", need));
    assertEquals([errorOf(header).enhanced, errorOf(header).scope], ["5.6.9", "message"]);
    const reversePath = "\u00e9@me.test";
    const sender = await client.transact(transactionOf("\r\n", { ...need, reversePath }));
    assertEquals([errorOf(sender).enhanced, errorOf(sender).scope], ["5.6.7", "message"]);
    const recipients = ["\u00e9@mx.test"];
    const all = await client.transact(transactionOf("\r\n", { ...need, recipients }));
    assertEquals([errorOf(all).enhanced, errorOf(all).scope], ["5.6.7", "recipient"]);
    assert(errorOf(all).permanent);
    client.close();
  });
  await withScript([], takeMail(), async (client) => {
    const recipients = ["\u00e9@mx.test", "b@mx.test"];
    const result = await client.transact(transactionOf("\r\n", { ...need, recipients }));
    assertEquals(result.outcomes.map(({ kind }) => kind), ["failed", "delivered"]);
  });
});

Deno.test("a header section that cannot be read for its needs defers the message", async () => {
  const content: Content = {
    size: 100,
    stream: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new QueueError("storage", "cannot read")),
      }),
    }),
  };
  await withScript([], [hearTheEnd()], async (client) => {
    const parts = { content, eightBit: true, smtputf8: true };
    const error = errorOf(await client.transact(transactionOf("", parts)));
    assertEquals([error.enhanced, error.scope], ["4.3.0", "message"]);
    client.close();
  });
});
