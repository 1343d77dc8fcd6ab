/** What one client may bring, over real connections, with time under the test's control. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inMemory, withReceiver } from "./receiving.ts";

/** A server for `us.example` that trusts nobody on loopback. */
const STRANGERS = { trust: ["192.0.2.1/32"], localDomains: ["us.example"] };

const OK = /^250 2\.0\.0 Queued as /;
const MESSAGE = ["Subject: x", "a@them.example", "b@us.example"] as const;

Deno.test("mail beyond the rate of messages gets 450 at MAIL, and is taken when time has passed", () => {
  const limits = { messageRate: 2 };
  return withReceiver(inMemory, { ...STRANGERS, limits }, async ({ connect, clock, queue }) => {
    const peer = await connect();
    await peer.hello();
    for (let i = 0; i < 2; i++) assertMatch(await peer.send(...MESSAGE), OK);
    assertEquals(
      await peer.ask("MAIL FROM:<a@them.example>"),
      "450 4.7.1 Too much mail from your address, try again later",
    );
    const other = await connect();
    await other.hello();
    assertMatch(await other.ask("MAIL FROM:<a@them.example>"), /^450 4\.7\.1 /);
    clock.advance(30_000);
    assertMatch(await peer.send(...MESSAGE), OK);
    assertEquals(queue.counts().messages, 3);
  });
});

Deno.test("recipients beyond the rate get 450 at RCPT, welcome or not, and the others their mail", () => {
  const limits = { recipientRate: 3 };
  return withReceiver(inMemory, { ...STRANGERS, limits }, async ({ connect, clock, queue }) => {
    const peer = await connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@them.example>");
    assertMatch(await peer.ask("RCPT TO:<b@us.example>"), /^250 /);
    assertMatch(await peer.ask("RCPT TO:<b@else.example>"), /^550 5\.7\.1 /);
    assertMatch(await peer.ask("RCPT TO:<c@us.example>"), /^250 /);
    assertEquals(
      await peer.ask("RCPT TO:<d@us.example>"),
      "450 4.7.1 Too many recipients from your address, try again later",
    );
    assertMatch(await peer.ask("DATA"), /^354 /);
    assertMatch(await peer.ask("Subject: x\r\n."), OK);
    clock.advance(20_000);
    assertMatch(await peer.send(...MESSAGE), OK);
    assertEquals(queue.counts().messages, 2);
  });
});

Deno.test("a connection that has brought enough messages is ended with 421, and the next is welcome", () => {
  const limits = { messagesPerConnection: 2 };
  return withReceiver(inMemory, { ...STRANGERS, limits }, async ({ connect, queue }) => {
    const peer = await connect();
    await peer.hello();
    for (let i = 0; i < 2; i++) assertMatch(await peer.send(...MESSAGE), OK);
    await peer.say("MAIL FROM:<a@them.example>\r\nRCPT TO:<b@us.example>\r\nDATA\r\n");
    assertEquals(
      await peer.reply(),
      "421 4.7.0 Enough for one connection, come again in another",
    );
    assertEquals(await peer.toEnd(), "");
    const next = await connect();
    await next.hello();
    assertMatch(await next.send(...MESSAGE), OK);
    assertEquals(queue.counts().messages, 3);
  });
});

Deno.test("EHLO says how much a connection may bring, to those for whom that is bounded", () => {
  const limits = { messagesPerConnection: 2, recipients: 300 };
  const askEhlo = (trust: string[]) =>
    withReceiver(inMemory, { ...STRANGERS, trust, limits }, async ({ connect }) => {
      const peer = await connect();
      await peer.reply();
      const expected = trust.length > 0 ? "LIMITS RCPTMAX=300" : "LIMITS MAILMAX=2 RCPTMAX=300";
      assertStringIncludes(await peer.ask("EHLO client.example"), expected);
    });
  return askEhlo([]).then(() => askEhlo(["127.0.0.0/8"]));
});

Deno.test("a connection that has named enough recipients may finish its message, and no other", () => {
  const limits = { recipientsPerConnection: 2 };
  return withReceiver(inMemory, { ...STRANGERS, limits }, async ({ connect }) => {
    const peer = await connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@them.example>");
    for (const name of ["b", "c", "d"]) {
      assertMatch(await peer.ask(`RCPT TO:<${name}@us.example>`), /^250 /);
    }
    await peer.ask("DATA");
    assertMatch(await peer.ask("Subject: x\r\n."), OK);
    assertMatch(await peer.ask("MAIL FROM:<a@them.example>"), /^421 4\.7\.0 /);
    assertEquals(await peer.toEnd(), "");
  });
});

Deno.test("a client that may relay has no such limits", () => {
  const limits = {
    connectionRate: 1,
    messageRate: 1,
    recipientRate: 1,
    messagesPerConnection: 1,
    recipientsPerConnection: 1,
  };
  return withReceiver(inMemory, { limits }, async ({ connect, queue }) => {
    for (let connection = 0; connection < 3; connection++) {
      const peer = await connect();
      await peer.hello();
      for (let i = 0; i < 3; i++) assertMatch(await peer.send(...MESSAGE), OK);
    }
    assertEquals(queue.counts().messages, 9);
  });
});

Deno.test("a client that connects too often is turned away with 421 until it has waited", () => {
  const limits = { connectionRate: 2 };
  return withReceiver(inMemory, { ...STRANGERS, limits }, async ({ connect, clock }) => {
    for (let i = 0; i < 2; i++) {
      const peer = await connect();
      await peer.hello();
      assertMatch(await peer.ask("QUIT"), /^221 /);
    }
    for (let i = 0; i < 3; i++) {
      const peer = await connect();
      assertEquals(
        await peer.reply(),
        "421 4.7.0 Too many connections a minute from your address",
      );
      assertEquals(await peer.toEnd(), "");
    }
    clock.advance(30_000);
    assertMatch(await (await connect()).reply(), /^220 /);
  });
});
