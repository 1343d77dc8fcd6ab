import { assert, assertEquals, assertMatch } from "@std/assert";
import { accept, refuse, take } from "../../policy/hooks.ts";
import { claimOne, textOf } from "../queue/fixtures.ts";
import { assertUsable, inMemory, LOCAL_ERROR, onDisk, withReceiver } from "./receiving.ts";

Deno.test("a connect hook is told the client, and may turn it away", () => {
  const seen: string[] = [];
  const hooks = {
    connect: ({ address, helo }: { address: string; helo: string }) => {
      seen.push(`${address} ${helo}`);
      return seen.length === 1 ? refuse(554, "5.7.1", "Not you") : undefined;
    },
  };
  return withReceiver(inMemory, { hooks }, async ({ connect }) => {
    assertEquals(await (await connect()).toEnd(), "554 5.7.1 Not you\n");
    assertMatch(await (await connect()).reply(), /^220 /);
    assertEquals(seen, ["127.0.0.1 ", "127.0.0.1 "]);
  });
});

Deno.test("a MAIL hook and an RCPT hook refuse with their replies, and the session goes on", () => {
  const hooks = {
    mail: (from: string) =>
      from === "spam@example.org" ? refuse(550, "5.7.1", "No spam") : accept(),
    rcpt: (to: string) =>
      Promise.resolve(to === "gone@example.net" ? refuse(550, "5.1.1", "Gone") : undefined),
  };
  return withReceiver(inMemory, { hooks }, async ({ connect }) => {
    const peer = await connect();
    await peer.hello();
    assertEquals(await peer.ask("MAIL FROM:<spam@example.org>"), "550 5.7.1 No spam");
    await peer.ask("MAIL FROM:<a@example.org>");
    assertEquals(await peer.ask("RCPT TO:<gone@example.net>"), "550 5.1.1 Gone");
    await assertUsable(peer);
  });
});

Deno.test("an RCPT hook that accepts overrides the relay rules; one without an opinion does not", () => {
  const rcpt = (to: string) => to === "guest@them.example" ? accept() : undefined;
  return withReceiver(inMemory, { hooks: { rcpt }, trust: [] }, async ({ connect }) => {
    const peer = await connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@example.org>");
    assertEquals(await peer.ask("RCPT TO:<guest@them.example>"), "250 2.1.5 Recipient OK");
    assertEquals(await peer.ask("RCPT TO:<b@them.example>"), "550 5.7.1 Relaying denied");
  });
});

Deno.test("a message hook reads the content and takes the message over, refuses it, or lets it be", () => {
  const taken: string[] = [];
  const hooks = {
    message: async ({ content }: { content: Parameters<typeof textOf>[0] }) => {
      const text = await textOf(content);
      if (text.includes("Subject: spam")) return refuse(554, "5.7.1", "Spam");
      if (!text.includes("Subject: mine")) return;
      taken.push(text);
      return take("Thanks");
    },
  };
  return withReceiver(onDisk, { hooks }, async ({ connect, queue }) => {
    const peer = await connect();
    await peer.hello();
    assertEquals(await peer.send("Subject: spam\r\n"), "554 5.7.1 Spam");
    const large = "x".repeat(70).concat("\r\n").repeat(2000);
    assertEquals(await peer.send(`Subject: mine\r\n\r\n${large}`), "250 2.0.0 Thanks");
    assertEquals(queue.counts().messages, 0);
    assert(taken.length === 1 && taken[0]!.endsWith(large + "\r\n"));
    await assertUsable(peer);
    assertEquals(queue.counts().messages, 1);
  });
});

Deno.test("a sender who wants to know is told that a hook has taken its message, of those it asked about", () => {
  const hooks = { message: () => take() };
  return withReceiver(onDisk, { hooks }, async ({ connect, queue }) => {
    const peer = await connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<ann@here.test> ENVID=QQ1 RET=FULL");
    await peer.ask("RCPT TO:<bob@there.test> NOTIFY=SUCCESS ORCPT=rfc822;Bob@elsewhere.test");
    await peer.ask("RCPT TO:<carol@there.test> NOTIFY=FAILURE");
    await peer.ask("DATA");
    assertEquals(await peer.ask("Subject: x\r\n\r\nbody\r\n."), "250 2.0.0 Message taken");
    const claim = await claimOne(queue);
    assertEquals([claim.message.envelope.reversePath, claim.message.envelope.recipients], ["", [
      "ann@here.test",
    ]]);
    const notice = await textOf(claim.content());
    assertMatch(notice, /^Original-Envelope-Id: QQ1\r$/m);
    assertMatch(notice, /^Original-Recipient: rfc822; Bob@elsewhere\.test\r$/m);
    assertMatch(notice, /^Final-Recipient: rfc822; bob@there\.test\r$/m);
    assertMatch(notice, /^Action: delivered\r$/m);
    assert(!notice.includes("carol@") && !notice.includes("body"));
    claim.release();
    assertEquals(await peer.ask("MAIL FROM:<>"), "250 2.1.0 Sender OK");
    await peer.ask("RCPT TO:<bob@there.test> NOTIFY=SUCCESS");
    await peer.ask("DATA");
    assertEquals(await peer.ask("."), "250 2.0.0 Message taken");
    assertEquals(queue.counts().messages, 1);
  });
});

const FAILING_HOOKS = ["mail", "rcpt", "message"] as const;
const COMMANDS: Record<typeof FAILING_HOOKS[number], string> = {
  mail: "MAIL FROM:<a@example.org>",
  rcpt: "RCPT TO:<b@example.net>",
  message: "Subject: x\r\n\r\n.",
};
const FAULTS = new Map<string, () => never>([
  ["throws", () => {
    throw new Error("the hook failed");
  }],
  ["rejects", () => Promise.reject(new Error("the hook failed")) as never],
  ["gives what is no verdict", () => true as never],
  [
    "refuses with 250",
    () => ({ kind: "refuse", reply: { code: 250, enhanced: "2.0.0", lines: ["Fine"] } }) as never,
  ],
]);
for (const hook of FAILING_HOOKS) {
  for (const [fault, fail] of FAULTS) {
    Deno.test(`a ${hook} hook that ${fault} is answered with 451 4.3.0, and the session goes on`, () => {
      let broken = true;
      const hooks = { [hook]: () => broken ? fail() : undefined };
      return withReceiver(inMemory, { hooks }, async ({ connect, queue }) => {
        const peer = await connect();
        await peer.hello();
        if (hook !== "mail") await peer.ask(COMMANDS.mail);
        if (hook === "message") await peer.ask(COMMANDS.rcpt);
        if (hook === "message") await peer.ask("DATA");
        assertEquals(await peer.ask(COMMANDS[hook]), LOCAL_ERROR);
        assertEquals(queue.counts().messages, 0);
        broken = false;
        await assertUsable(peer);
      });
    });
  }
}

Deno.test("a connect hook that gives what is no verdict turns the client away with 451 4.3.0", () => {
  const hooks = { connect: () => true as never };
  return withReceiver(inMemory, { hooks }, async ({ connect }) => {
    assertEquals(await (await connect()).toEnd(), `${LOCAL_ERROR}\n`);
  });
});
