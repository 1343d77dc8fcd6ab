/** VRFY, ETRN, and clients that do not wait for their turn, at a server that decides. */
import { assertEquals, assertMatch } from "@std/assert";
import { passing, someTurns, until } from "../transport/running.ts";
import { inMemory, type Receiving, withReceiver } from "./receiving.ts";

const UNSURE = "252 2.1.5 Cannot verify, send mail to find out";
const LOCAL = { localDomains: ["us.example"], localRecipients: ["there@us.example"] };

/** What a client hears to VRFY. */
const ANSWERS = {
  "there@us.example": "250 2.1.5 <there@us.example>",
  "<There@US.example>": "250 2.1.5 <There@US.example>",
  "nobody@us.example": "550 5.1.1 No such user here",
  "a@elsewhere.example": UNSURE,
  "postmaster": UNSURE,
  "<a@b": "501 5.1.3 Bad domain",
};

async function verify({ connect }: Receiving): Promise<Record<string, string>> {
  const peer = await connect();
  await peer.hello();
  const heard: Record<string, string> = {};
  for (const text of Object.keys(ANSWERS)) heard[text] = await peer.ask(`VRFY ${text}`);
  return heard;
}

function every(answer: string): Record<string, string> {
  return Object.fromEntries(Object.keys(ANSWERS).map((text) => [text, answer]));
}

Deno.test("a client that may relay is told by VRFY who is there, where it may be told", () =>
  withReceiver(inMemory, { ...LOCAL, vrfy: "trusted" }, async (receiving) => {
    assertEquals(await verify(receiving), ANSWERS);
  }));

Deno.test("a stranger is told nothing by VRFY", () =>
  withReceiver(inMemory, { ...LOCAL, vrfy: "trusted", trust: [] }, async (receiving) => {
    assertEquals(await verify(receiving), every(UNSURE));
  }));

Deno.test("nobody is told anything by VRFY unless the server is told to", () =>
  withReceiver(inMemory, LOCAL, async (receiving) => {
    assertEquals(await verify(receiving), every(UNSURE));
  }));

Deno.test("VRFY may be off", () =>
  withReceiver(inMemory, { ...LOCAL, vrfy: "off" }, async (receiving) => {
    assertEquals(await verify(receiving), every("502 5.5.1 Command not implemented"));
  }));

Deno.test("ETRN is for clients that may relay", () =>
  withReceiver(inMemory, {}, async ({ connect }) => {
    const peer = await connect();
    await peer.reply();
    assertMatch(await peer.ask("EHLO client.example"), /^250[ -]ETRN$/m);
    assertEquals(await peer.ask("ETRN them.example"), "251 2.0.0 No messages waiting");
  }));

Deno.test("ETRN is not for strangers", () =>
  withReceiver(inMemory, { trust: [] }, async ({ connect }) => {
    const peer = await connect();
    await peer.reply();
    assertEquals((await peer.ask("EHLO client.example")).includes("ETRN"), false);
    assertEquals(await peer.ask("ETRN them.example"), "459 4.7.1 Not for you");
  }));

const WAIT = "554 5.5.0 Wait for the reply, closing connection\n";
const SECOND = 1000;

/** What a stranger says in one write that must not be said in one, and all that is answered. */
const AHEAD: Record<string, readonly [before: string[], said: string]> = {
  "before EHLO was answered": [[], "EHLO x\r\nMAIL FROM:<a@b.test>\r\n"],
  "before HELO was answered": [[], "HELO x\r\nMAIL FROM:<a@b.test>\r\n"],
  "behind a NOOP without EHLO": [[], "NOOP\r\nEHLO x\r\n"],
  "behind DATA": [
    ["EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<c@us.example>"],
    "DATA\r\nSubject: x\r\n\r\n.\r\n",
  ],
  "behind a second EHLO": [["EHLO x"], "EHLO x\r\nNOOP\r\n"],
};
for (const [where, [before, said]] of Object.entries(AHEAD)) {
  Deno.test(`a stranger that talks on ${where} hears 554, and a trusted client does not`, async () => {
    await withReceiver(
      inMemory,
      { ...LOCAL, localRecipients: [], trust: [] },
      async ({ connect, queue }) => {
        const peer = await connect();
        await peer.reply();
        for (const line of before) await peer.ask(line);
        await peer.say(said);
        assertEquals(await peer.toEnd(), WAIT);
        assertEquals(queue.counts().messages, 0);
      },
    );
    await withReceiver(inMemory, LOCAL, async ({ connect }) => {
      const peer = await connect();
      await peer.reply();
      for (const line of before) await peer.ask(line);
      await peer.say(said + "QUIT\r\n");
      assertMatch(await peer.toEnd(), /^221 /m);
    });
  });
}

Deno.test("a stranger may send together what RFC 2920 lets it", () =>
  withReceiver(inMemory, { ...LOCAL, localRecipients: [], trust: [] }, async ({ connect }) => {
    const peer = await connect();
    await peer.hello();
    const rcpts = "RCPT TO:<a@us.example>\r\nRCPT TO:<b@us.example>\r\n";
    await peer.say(`RSET\r\nMAIL FROM:<a@b.test>\r\n${rcpts}DATA\r\n`);
    assertEquals(await peer.codes(5), "250 250 250 250 354");
    await peer.say("Subject: x\r\n\r\nx\r\n.\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n");
    assertEquals(await peer.codes(3), "250 250 221");
  }));

const PAUSE = { limits: { greetPause: 5 * SECOND } };

Deno.test("a stranger that talks in the pause before the greeting hears 554 and nothing else", () =>
  withReceiver(inMemory, { ...PAUSE, trust: [] }, async ({ connect }) => {
    const peer = await connect();
    await peer.say("EHLO client.example\r\nMAIL FROM:<a@b.test>\r\n");
    assertEquals(await peer.toEnd(), "554 5.5.0 Talked before the greeting\n");
  }));

Deno.test("a stranger that waits is greeted after the pause and served as ever", () =>
  withReceiver(inMemory, { ...PAUSE, ...LOCAL, trust: [] }, async ({ connect, clock }) => {
    const peer = await connect();
    const began = clock.now();
    assertMatch(await passing(clock, peer.reply()), /^220 /);
    assertEquals(clock.now() - began >= 5 * SECOND, true);
    await peer.ask("EHLO client.example");
    assertMatch(await peer.send("Subject: x\r\n\r\nx", "a@b.test", "there@us.example"), /^250 2/);
  }));

Deno.test("in TLS from the first octet a stranger has to wait for the greeting as well", async () => {
  let welcomed = 0;
  const hooks = { connect: () => void welcomed++ };
  await withReceiver(inMemory, { ...PAUSE, hooks, trust: [] }, async ({ connectTls, clock }) => {
    const early = await connectTls();
    await early.say("EHLO client.example\r\n");
    assertEquals(await early.toEnd(), "554 5.5.0 Talked before the greeting\n");
    const greeting = (await connectTls()).reply();
    await until(() => welcomed === 2); // No time passes in the handshake.
    await someTurns();
    assertMatch(await passing(clock, greeting), /^220 /);
  });
});

Deno.test("a trusted client is greeted at once", () =>
  withReceiver(inMemory, PAUSE, async ({ connect }) => {
    assertMatch(await (await connect()).reply(), /^220 /);
  }));

Deno.test("a client that leaves in the pause, or hears of a stop in it, holds nothing up", () =>
  withReceiver(inMemory, { ...PAUSE, trust: [] }, async ({ connect, transport, clock }) => {
    const [gone, waiting] = [await connect(), await connect()];
    await gone.endInput();
    await gone.toEnd();
    await passing(clock, transport.stop(0));
    assertEquals(await waiting.toEnd(), "421 4.3.2 Server is shutting down\n");
  }));
