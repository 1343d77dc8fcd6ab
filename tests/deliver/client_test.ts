/** What a client says and hears around the content of a message, and how it judges that. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createServer } from "node:net";
import { encode } from "../../base/bytes.ts";
import { connectOptions, transactionOf, withClient } from "../helpers/outgoing.ts";
import {
  greet,
  hangUp,
  hear,
  hearContent,
  heardText,
  hearTheEnd,
  hearUpTo,
  say,
  sayByOctet,
  type Step,
  takeMail,
  withPeer,
} from "../helpers/scripted_peer.ts";
import { answerGroup, commandsOf, errorOf, withScript } from "./scripted_client.ts";

Deno.test("without PIPELINING each command waits for the reply to the one before", async () => {
  await withScript([], takeMail(), async (client, peer) => {
    const { outcomes, reply, stale } = await client.transact(transactionOf());
    assertEquals(outcomes, [{ kind: "delivered", reply: "250 2.0.0 taken", tells: false }]);
    assertEquals([reply, stale], ["250 2.0.0 taken", false]);
    assertEquals(commandsOf(peer), ["MAIL FROM:<a@me.test>", "RCPT TO:<b@mx.test>", "DATA"]);
    assertEquals(peer.sessions[0]!.contents, ["Subject: x\r\n\r\nHello\r\n.\r\n"]);
    assert(client.usable);
  });
});

Deno.test("with PIPELINING the whole envelope comes before its first reply", async () => {
  const script = [
    ...answerGroup("250 sender", "250 one", "250 two", "354 go on"),
    hearContent(),
    say("250 taken"),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    const recipients = ["b@mx.test", "c@mx.test"];
    const result = await client.transact(transactionOf(undefined, { recipients }));
    assertEquals(result.outcomes.map(({ kind }) => kind), ["delivered", "delivered"]);
  });
});

Deno.test("replies that come one octet at a time are read whole", async () => {
  const script = [
    hearUpTo("DATA\r\n"),
    sayByOctet("250-2.1.0 sender", "250 2.1.0 ok", "250 2.1.5 recipient", "354 go on"),
    hearContent(),
    sayByOctet("250 2.0.0 taken"),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    assertEquals((await client.transact(transactionOf())).reply, "250 2.0.0 taken");
  });
});

Deno.test("more recipients than are pipelined at once go in groups whose replies are read between", async () => {
  const rest = 200 - 127; // the first group is MAIL and 127 RCPTs
  const script = [
    hearUpTo("RCPT TO:<r126@mx.test>\r\n"),
    say("250 sender", ...Array(127).fill("250 recipient")),
    ...answerGroup(...Array(rest).fill("250 recipient"), "354 go on"),
    hearContent(),
    say("250 taken"),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    const recipients = Array.from({ length: 200 }, (_, i) => `r${i}@mx.test`);
    const result = await client.transact(transactionOf(undefined, { recipients }));
    assertEquals(result.outcomes.filter(({ kind }) => kind === "delivered").length, 200);
  });
});

Deno.test("a second message goes over the same connection without RSET", async () => {
  await withScript([], [...takeMail(), ...takeMail("250 again")], async (client, peer) => {
    await client.transact(transactionOf());
    assertEquals((await client.transact(transactionOf())).reply, "250 again");
    assertEquals(commandsOf(peer).filter((line) => line === "RSET"), []);
  });
});

Deno.test("MAIL announces SIZE and BODY where they are offered, and not where they are not", async () => {
  const content = "Subject: x\r\n\r\nH\u00e9llo\r\n";
  const size = encode(content).length;
  await withScript(["SIZE 1000", "8BITMIME"], takeMail(), async (client, peer) => {
    await client.transact(transactionOf(content));
    assertEquals(commandsOf(peer)[0], `MAIL FROM:<a@me.test> SIZE=${size} BODY=8BITMIME`);
  });
  await withScript(["SIZE", "8BITMIME"], takeMail(), async (client, peer) => {
    await client.transact(transactionOf("x\r\n"));
    assertEquals(commandsOf(peer)[0], "MAIL FROM:<a@me.test> SIZE=3");
  });
  await withScript([], takeMail(), async (client, peer) => {
    await client.transact(transactionOf(content));
    assertEquals(commandsOf(peer)[0], "MAIL FROM:<a@me.test>");
    assertEquals(heardText(peer.sessions[0]!.contents[0]!), content + ".\r\n");
  });
});

Deno.test("a message over the announced size fails at once with 552 5.3.4, and nothing is sent", async () => {
  await withScript(["SIZE 10"], [hearTheEnd()], async (client) => {
    const error = errorOf(await client.transact(transactionOf("12345678901")));
    assertEquals([error.code, error.enhanced, error.scope], [552, "5.3.4", "message"]);
    assert(error.permanent);
    assert(client.usable);
    client.close();
  });
});

Deno.test("a refused MAIL fails all recipients, for good or for now", async () => {
  for (const [reply, permanent] of [["550 5.7.1 no", true], ["451 4.7.1 later", false]] as const) {
    const script = [hear(/^MAIL/), say(reply), ...takeMail()];
    await withScript([], script, async (client) => {
      const recipients = ["b@mx.test", "c@mx.test"];
      const result = await client.transact(transactionOf(undefined, { recipients }));
      assertEquals(result.outcomes.length, 2);
      assertEquals(errorOf(result, 1).scope, "message");
      assertEquals(errorOf(result, 1).permanent, permanent);
      assertEquals(result.reply, reply);
      assertEquals((await client.transact(transactionOf())).reply, "250 2.0.0 taken");
    });
  }
});

Deno.test("of mixed recipients each gets its own outcome", async () => {
  const script = [
    ...answerGroup("250 ok", "250 one", "450 4.2.1 two", "550 5.1.1 three", "354 go on"),
    hearContent(),
    say("250 2.0.0 taken"),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    const recipients = ["one@mx.test", "two@mx.test", "three@mx.test"];
    const result = await client.transact(transactionOf(undefined, { recipients }));
    assertEquals(result.outcomes[0], { kind: "delivered", reply: "250 2.0.0 taken", tells: false });
    assertEquals(errorOf(result, 1).scope, "recipient");
    assert(!errorOf(result, 1).permanent);
    assertEquals(errorOf(result, 2).text, "550 5.1.1 three");
    assert(errorOf(result, 2).permanent);
    assertEquals(result.reply, "250 2.0.0 taken");
    assert(client.usable);
  });
});

Deno.test("too many recipients is a passing failure of the recipient, whichever way it is said", async () => {
  const script = [
    ...answerGroup("250 ok", "250 one", "452 too many", "552 too many", "552 5.2.2 full", "354 go"),
    hearContent(),
    say("250 taken"),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    const recipients = ["a@mx.test", "b@mx.test", "c@mx.test", "d@mx.test"];
    const result = await client.transact(transactionOf(undefined, { recipients }));
    const errors = [1, 2, 3].map((index) => errorOf(result, index));
    assertEquals(errors.map(({ enhanced }) => enhanced), ["4.5.3", "4.5.3", "4.2.2"]);
    assertEquals(errors.map(({ permanent }) => permanent), [false, false, false]);
    assertEquals(new Set(errors.map(({ scope }) => scope)), new Set(["recipient"]));
  });
});

Deno.test("when no recipient was taken and DATA is refused, RSET goes before the next message", async () => {
  const script = [
    ...answerGroup("250 ok", "550 5.1.1 nobody", "554 5.5.1 no valid recipients"),
    ...answerGroup("250 reset", "250 ok", "250 ok", "354 go on"),
    hearContent(),
    say("250 taken"),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    const first = await client.transact(transactionOf());
    assertEquals(first.reply, "550 5.1.1 nobody");
    assertEquals((await client.transact(transactionOf())).reply, "250 taken");
  });
});

Deno.test("when no recipient was taken and DATA is accepted, an empty message ends it and nobody is delivered to", async () => {
  const script = [
    ...answerGroup("250 ok", "550 5.1.1 nobody", "354 go on"),
    hear("."),
    say("554 5.5.1 no valid recipients"),
    hear("RSET"),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    const result = await client.transact(transactionOf());
    assertEquals(errorOf(result).text, "550 5.1.1 nobody");
    assert(client.usable);
    const next = await client.transact(transactionOf());
    assertEquals(errorOf(next).scope, "host");
  });
});

Deno.test("after a refused MAIL whose DATA is accepted all the same, no recipient counts", async () => {
  const script = [...answerGroup("550 no", "250 ok", "354 go on"), hear("."), say("250 taken")];
  await withScript(["PIPELINING"], script, async (client) => {
    assertEquals((await client.transact(transactionOf())).reply, "550 no");
  });
});

Deno.test("step by step, nothing is sent after what makes it useless", async () => {
  const script = [
    hear(/^MAIL/),
    say("250 ok"),
    hear(/^RCPT/),
    say("450 4.2.1 later"),
    hear("RSET"),
    say("250 reset"),
    ...takeMail(),
  ];
  await withScript([], script, async (client) => {
    assertEquals((await client.transact(transactionOf())).reply, "450 4.2.1 later");
    assertEquals((await client.transact(transactionOf())).reply, "250 2.0.0 taken");
  });
});

Deno.test("a refused RSET ends the connection's use, and the next host may be tried", async () => {
  const script = [
    ...answerGroup("250 ok", "550 nobody", "554 none"),
    ...answerGroup("500 what?"),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    await client.transact(transactionOf());
    const result = await client.transact(transactionOf());
    assertEquals(errorOf(result).scope, "host");
    assert(!errorOf(result).permanent);
    assert(!client.usable);
  });
});

Deno.test("a refusal of DATA or of the content is about the message", async () => {
  for (const [reply, permanent] of [["554 5.6.0 no", true], ["451 4.3.0 later", false]] as const) {
    const atData = answerGroup("250 ok", "250 ok", reply);
    await withScript(["PIPELINING"], atData, async (client) => {
      const error = errorOf(await client.transact(transactionOf()));
      assertEquals([error.scope, error.permanent], ["message", permanent]);
    });
    const atEnd = [...answerGroup("250 ok", "250 ok", "354 go"), hearContent(), say(reply)];
    await withScript(["PIPELINING"], atEnd, async (client) => {
      const error = errorOf(await client.transact(transactionOf()));
      assertEquals([error.scope, error.permanent, error.text], ["message", permanent, reply]);
      assert(client.usable);
    });
  }
});

Deno.test("421 to a recipient keeps the outcomes known before it", async () => {
  const script = [
    ...answerGroup("250 ok", "550 5.1.1 nobody", "250 ok", "421 4.3.2 going down"),
    hangUp(),
  ];
  await withScript(["PIPELINING"], script, async (client) => {
    const recipients = ["a@mx.test", "b@mx.test", "c@mx.test"];
    const result = await client.transact(transactionOf(undefined, { recipients }));
    assertEquals(result.outcomes.map((_, i) => errorOf(result, i).scope), [
      "recipient",
      "host",
      "host",
    ]);
    assertEquals(errorOf(result, 1).code, 421);
    assert(!client.usable);
    assert(!result.stale);
  });
});

Deno.test("a positive reply that makes no sense ends the connection's use", async () => {
  const cases: [Step[], string][] = [
    [answerGroup("354 what?"), "host"],
    [answerGroup("250 ok", "250 ok", "250 no content wanted?"), "host"],
    [[...answerGroup("250 ok", "250 ok", "354 go"), hearContent(), say("354 more?")], "session"],
  ];
  for (const [script, scope] of cases) {
    await withScript(["PIPELINING"], script, async (client) => {
      const error = errorOf(await client.transact(transactionOf()));
      assertEquals([error.scope, error.enhanced, error.permanent], [scope, "4.5.0", false]);
      assert(!client.usable);
    });
  }
});

Deno.test("replies that nobody asked for make the connection unusable, lest they answer the next message", async () => {
  const script = [...takeMail("250 taken\r\n250 taken again")];
  await withScript([], script, async (client) => {
    assertEquals((await client.transact(transactionOf())).reply, "250 taken");
    assert(!client.usable);
  });
});

Deno.test("a connection that is lost after the final dot is of scope session: the host may have the message", async () => {
  const script = [...answerGroup("250 ok", "250 ok", "354 go"), hearContent(), hangUp()];
  await withScript(["PIPELINING"], script, async (client) => {
    const error = errorOf(await client.transact(transactionOf()));
    assertEquals([error.scope, error.permanent, error.enhanced], ["session", false, "4.4.2"]);
    assertEquals(error.text, "connection lost while waiting for the reply to the message");
  });
});

Deno.test("a kept connection that died or was dismissed meanwhile is stale, not a failed attempt", async () => {
  for (const farewell of [[], [say("421 4.4.2 idle for too long")]]) {
    const ended = Promise.withResolvers<void>();
    const script = [...takeMail(), ...farewell, hangUp(), () => ended.resolve()];
    await withScript([], script, async (client) => {
      await client.transact(transactionOf());
      await ended.promise;
      const result = await client.transact(transactionOf());
      assert(result.stale);
      assertEquals(errorOf(result).scope, "host");
      assert(!client.usable);
    });
  }
});

Deno.test("a first message over a dead connection, or a reply before the end, is a failed attempt", async () => {
  await withScript([], [hangUp()], async (client) => {
    assert(!(await client.transact(transactionOf())).stale);
  });
  const script = [...takeMail(), hear(/^MAIL/), say("250 ok"), hangUp()];
  await withScript([], script, async (client) => {
    await client.transact(transactionOf());
    const result = await client.transact(transactionOf());
    assert(!result.stale);
    assertEquals(errorOf(result).scope, "host");
  });
});

Deno.test("a client takes no more messages than it may", async () => {
  await withPeer([[...greet(), ...takeMail(), ...takeMail()]], async (peer) => {
    const options = connectOptions({ messagesPerConnection: 2 });
    await withClient(peer.host, options, async (client) => {
      await client.transact(transactionOf());
      assert(client.usable);
      await client.transact(transactionOf());
      assert(!client.usable);
    });
  });
});

Deno.test("QUIT is said politely, and a connection that is gone needs none", async () => {
  await withScript([], [hear("QUIT"), say("221 bye"), hearTheEnd()], async (client) => {
    await client.quit();
    assert(!client.usable);
    await client.quit();
  });
  await withScript([], [hangUp()], (client) => client.quit());
});

Deno.test("closing the client fails the transaction under way", async () => {
  const atData = Promise.withResolvers<void>();
  const script = [hearUpTo("DATA\r\n"), () => atData.resolve(), hearTheEnd()];
  await withScript(["PIPELINING"], script, async (client) => {
    const transaction = client.transact(transactionOf());
    await atData.promise;
    client.close();
    assertEquals(errorOf(await transaction).scope, "host");
  });
});

Deno.test("hostile text in a reply comes out on one line, printable and bounded (security case 12)", async () => {
  const hostile = "550 5.7.1 \x1b[2J\x00\u0085" + "x".repeat(3000);
  await withScript([], [hear(/^MAIL/), say(hostile)], async (client) => {
    const { text } = errorOf(await client.transact(transactionOf()));
    assert(text.length <= 1000);
    assertStringIncludes(text, "550 5.7.1");
    // deno-lint-ignore no-control-regex
    assertEquals(text.match(/[\x00-\x1f\x7f-\x9f]/), null);
  });
});

Deno.test("a host that resets while a group is answered fails with the network's words", async () => {
  // Deno's own sockets cannot send a reset at will; node's can.
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write("220 hi\r\n");
    let heard = "";
    socket.on("data", (octets: Uint8Array) => {
      heard += new TextDecoder().decode(octets);
      if (heard === "EHLO me.test\r\n") socket.write("250-hi\r\n250 PIPELINING\r\n");
      if (heard.endsWith("DATA\r\n")) socket.resetAndDestroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await withClient(
    { name: "mx.test", address: "127.0.0.1", port },
    connectOptions(),
    async (client) => {
      const error = errorOf(await client.transact(transactionOf()));
      assertEquals([error.scope, error.enhanced], ["host", "4.4.2"]);
      assertMatch(error.text, /^Connection reset by peer while sending MAIL$/i);
    },
  );
  await new Promise((resolve) => server.close(resolve));
});
