/** What receiving tells of sessions, messages and refusals, and by which rules. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LOOPBACK_NETWORKS } from "../../config/config.ts";
import type { StoryFact } from "../../history/story.ts";
import { accept, refuse, take } from "../../policy/hooks.ts";
import { someTurns, until } from "../transport/running.ts";
import { type Changes, inMemory, type Receiving, withReceiver } from "./receiving.ts";

type FactOf<K extends StoryFact["kind"]> = Extract<StoryFact, { kind: K }>;

/** The facts of a kind so far. */
function told<K extends StoryFact["kind"]>({ facts }: Receiving, kind: K): FactOf<K>[] {
  return facts.filter((fact): fact is FactOf<K> => fact.kind === kind);
}

/** The only session, once it is over. */
async function sessionOf(receiving: Receiving): Promise<FactOf<"session">> {
  await until(() => told(receiving, "session").length > 0);
  assertEquals(told(receiving, "session").length, 1);
  return told(receiving, "session")[0]!;
}

/** Says these lines to a server with these settings; gives what was refused: what it was about, and its rule. */
async function refusals(changes: Changes, lines: readonly string[]): Promise<string[]> {
  let found: string[] = [];
  await withReceiver(inMemory, changes, async (receiving) => {
    const peer = await receiving.connect();
    await peer.hello();
    for (const line of lines) await peer.ask(line);
    found = told(receiving, "refused").map(({ decision: { about, rule } }) => `${about}: ${rule}`);
  });
  return found;
}

Deno.test("an accepted message is told with its session, and the rule that let its client relay", () =>
  withReceiver(inMemory, { trust: LOOPBACK_NETWORKS }, async (receiving) => {
    const peer = await receiving.connect();
    await peer.hello();
    await peer.send("Subject: one\r\nMessage-ID: <1@x.test>\r\n\r\nx", "a@b.test", "c@d.test");
    await peer.ask("QUIT");
    const session = await sessionOf(receiving);
    const [fact] = told(receiving, "accepted");
    assertEquals(fact!.session, session.id);
    assertEquals(session.ids, [fact!.id]);
    const { from, to, subject, messageId } = fact!;
    assertEquals({ from, to, subject, messageId }, {
      from: "a@b.test",
      to: ["c@d.test"],
      subject: "one",
      messageId: "<1@x.test>",
    });
    assertEquals(fact!.decisions, [{ about: "connection", rule: "trust 127.0.0.0/8 (default)" }]);
  }));

Deno.test("each rule that let a recipient in is told once, with the first whom it let in", () => {
  const rcpt = (to: string) => to === "guest@them.test" ? accept() : undefined;
  const changes = { trust: [], localDomains: ["us.test", "too.test"], hooks: { rcpt } };
  return withReceiver(inMemory, changes, async (receiving) => {
    const peer = await receiving.connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@b.test>");
    for (const to of ["a@us.test", "b@us.test", "guest@them.test", "c@too.test", "x@no.test"]) {
      await peer.ask(`RCPT TO:<${to}>`);
    }
    await peer.ask("DATA");
    await peer.ask("Subject: x\r\n\r\nx\r\n.");
    assertEquals(told(receiving, "accepted")[0]!.decisions, [
      { about: "recipient", rule: "local_domain us.test", recipient: "a@us.test" },
      { about: "hook", rule: "hook rcpt", recipient: "guest@them.test" },
      { about: "recipient", rule: "local_domain too.test", recipient: "c@too.test" },
    ]);
  });
});

Deno.test("what a sender asked for is told as it was written", () =>
  withReceiver(inMemory, {}, async (receiving) => {
    const peer = await receiving.connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@b.test> RET=HDRS ENVID=x1 MT-PRIORITY=3 HOLDFOR=60 BY=3600;R");
    await peer.ask("RCPT TO:<c@d.test> NOTIFY=SUCCESS,FAILURE");
    await peer.ask("RCPT TO:<e@d.test> NOTIFY=NEVER");
    await peer.ask("DATA");
    await peer.ask("Subject: x\r\n\r\nx\r\n.");
    assertEquals(told(receiving, "accepted")[0]!.asked, [
      "MT-PRIORITY=3",
      "HOLDFOR=60",
      "BY=3600;R",
      "RET=HDRS",
      "ENVID=x1",
      "NOTIFY=SUCCESS,FAILURE",
      "NOTIFY=NEVER",
    ]);
  }));

Deno.test("an XCLIENT is told among the decisions, with the rule by which it was believed", () =>
  withReceiver(
    inMemory,
    { xclientHosts: ["127.0.0.0/8"], trust: ["198.51.100.0/24"] },
    async (r) => {
      const peer = await r.connect();
      await peer.hello();
      await peer.ask("XCLIENT ADDR=198.51.100.7");
      await peer.ask("EHLO x.test");
      await peer.send("Subject: x\r\n\r\nx");
      assertEquals(told(r, "accepted")[0]!.decisions.map(({ rule }) => rule), [
        "xclient_hosts 127.0.0.0/8, says 198.51.100.7",
        "trust 198.51.100.0/24",
      ]);
    },
  ));

const TRANSACTION = ["MAIL FROM:<a@b.test>", "RCPT TO:<c@us.test>", "DATA"];
const US: Changes = { trust: [], localDomains: ["us.test"] };

const REFUSED: Record<string, { changes?: Changes; lines: string[]; rules: string[] }> = {
  "a recipient elsewhere": {
    lines: ["MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>"],
    rules: [
      "recipient: is in no local_domain, and its client is not in trust and has not logged in",
    ],
  },
  "a mailbox that is not there": {
    changes: { localRecipients: ["jo@us.test"] },
    lines: ["MAIL FROM:<a@b.test>", "RCPT TO:<c@us.test>"],
    rules: ["recipient: local_recipients has it not"],
  },
  "mail beyond the rate": {
    changes: { limits: { messageRate: 1 } },
    lines: ["MAIL FROM:<a@b.test>", "RSET", "MAIL FROM:<a@b.test>"],
    rules: ["limit: limits.message_rate 1"],
  },
  "a size that is announced and too big": {
    lines: ["MAIL FROM:<a@b.test> SIZE=999999999"],
    rules: ["content: limits.message_size 128MiB (default)"],
  },
  "content that is too big": {
    changes: { limits: { messageSize: 10 } },
    lines: [...TRANSACTION, "Subject: 123456789\r\n."],
    rules: ["content: limits.message_size 10"],
  },
  "content with bare line ends": {
    lines: [...TRANSACTION, "Subject: x\n\r\n."],
    rules: ["content: lines end in CRLF (RFC 5321 §2.3.8)"],
  },
  "a message that loops": {
    changes: { limits: { hops: 1 } },
    lines: [...TRANSACTION, "Received: x\r\nReceived: y\r\n\r\nx\r\n."],
    rules: ["content: limits.hops 1"],
  },
  "a sender whom the hook does not want": {
    changes: { hooks: { mail: () => refuse(550, "5.7.1", "No") } },
    lines: ["MAIL FROM:<a@b.test>"],
    rules: ["hook: hook mail"],
  },
  "a message whose hook fails": {
    changes: { hooks: { message: () => Promise.reject(new Error("no")) } },
    lines: [...TRANSACTION, "Subject: x\r\n."],
    rules: ["hook: hook message, which failed"],
  },
  "too many mistakes": {
    changes: { limits: { errors: 1 } },
    lines: ["WHAT", "WHAT"],
    rules: ["limit: limits.errors 1"],
  },
  "mistakes by themselves": { lines: ["WHAT", "RCPT TO:<a@b.test>", "MAIL FROM:"], rules: [] },
};
for (const [what, { changes, lines, rules }] of Object.entries(REFUSED)) {
  Deno.test(`what is told of ${what}: ${rules.join() || "nothing"}`, async () => {
    assertEquals(await refusals({ ...US, ...changes }, lines), rules);
  });
}

Deno.test("content that comes too slowly is told as refused, with its sender and the limit", () =>
  withReceiver(inMemory, { limits: { dataRate: 200 } }, async (receiving) => {
    const peer = await receiving.connect();
    await peer.hello();
    for (const line of TRANSACTION) await peer.ask(line);
    let isOver = false;
    const over = peer.toEnd().then(() => isOver = true);
    for (let second = 0; second < 120 && !isOver; second++) {
      await peer.say("x").catch(() => {});
      await someTurns();
      receiving.clock.advance(1000);
    }
    await over;
    const { reply, from, decision } = told(receiving, "refused")[0]!;
    assertEquals({ reply, from, decision }, {
      reply: "421 4.4.2 Content arrives too slowly",
      from: "a@b.test",
      decision: { about: "limit", rule: "limits.data_rate 200" },
    });
    const { end, refusals } = await sessionOf(receiving);
    assertEquals([end, refusals], ["timeout", 1]);
  }));

Deno.test("a message that a hook took over counts for its session", () =>
  withReceiver(inMemory, { hooks: { message: () => take() } }, async (receiving) => {
    const peer = await receiving.connect();
    await peer.hello();
    await peer.send("Subject: x\r\n\r\nx");
    await peer.ask("QUIT");
    const { messages, ids } = await sessionOf(receiving);
    assertEquals([messages, ids.length], [1, 1]);
    assertEquals(told(receiving, "accepted"), []);
  }));

Deno.test("a session is told with its client, its octets, its refusals and the first of them", () =>
  withReceiver(inMemory, US, async (receiving) => {
    const peer = await receiving.connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@b.test>");
    await peer.ask("RCPT TO:<c@d.test>");
    await peer.ask("RCPT TO:<c@e.test>");
    await peer.ask("QUIT");
    const { id, client, refusals, refusal, messages, end, received, role } = await sessionOf(
      receiving,
    );
    assertMatch(id, /^[0-9a-z]+-1$/);
    assertEquals(client.helo, "client.example");
    assertEquals({ refusals, refusal, messages, end, role }, {
      refusals: 2,
      refusal: "550 5.7.1 Relaying denied",
      messages: 0,
      end: "quit",
      role: "mx",
    });
    const said = ["EHLO client.example", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>"];
    assertEquals(received, [...said, "RCPT TO:<c@e.test>", "QUIT", ""].join("\r\n").length);
  }));

Deno.test("ten messages of a session are named, and all are counted", () =>
  withReceiver(inMemory, {}, async (receiving) => {
    const peer = await receiving.connect();
    await peer.hello();
    for (let i = 0; i < 12; i++) await peer.send("Subject: x\r\n\r\nx");
    await peer.ask("QUIT");
    const { messages, ids } = await sessionOf(receiving);
    assertEquals(messages, 12);
    assertEquals(ids, told(receiving, "accepted").slice(0, 10).map(({ id }) => id));
  }));

Deno.test("how a session ended is told: hung up, too slow, turned away, after its mistakes", async (t) => {
  const ends: Record<string, { changes?: Changes; act(r: Receiving): Promise<void> }> = {
    closed: { act: async (r) => (await r.connect()).close() },
    timeout: {
      act: async ({ connect, clock }) => {
        await (await connect()).hello();
        clock.advance(10 * 60_000);
      },
    },
    "turned away": {
      changes: { hooks: { connect: () => refuse(554, "5.7.1", "Not you") } },
      act: async ({ connect }) => void await (await connect()).toEnd(),
    },
    errors: {
      changes: { limits: { errors: 1 } },
      act: async ({ connect }) => {
        const peer = await connect();
        await peer.say("WHAT\r\nWHAT\r\n");
        await peer.toEnd();
      },
    },
  };
  for (const [end, { changes = {}, act }] of Object.entries(ends)) {
    await t.step(end, () =>
      withReceiver(inMemory, { trust: [], ...changes }, async (receiving) => {
        await act(receiving);
        assertEquals((await sessionOf(receiving)).end, end);
      }));
  }
});

Deno.test("a handshake that comes to nothing is told, with why", () =>
  withReceiver(inMemory, {}, async (receiving) => {
    const peer = await receiving.connect();
    await peer.hello();
    await peer.ask("STARTTLS");
    await peer.say("this is no TLS at all, it is just some text\r\n");
    await peer.toEnd();
    const { end, error } = await sessionOf(receiving);
    assertEquals(end, "tls failed");
    assert(error !== undefined && error !== "");
  }));

Deno.test("one for whom there is no room is told as refused, and as turned away", () =>
  withReceiver(inMemory, { trust: [], limits: { connectionsPerAddress: 1 } }, async (receiving) => {
    const first = await receiving.connect();
    await first.reply();
    await (await receiving.connect()).toEnd();
    const { end, refusal } = await sessionOf(receiving);
    assertEquals([end, refusal], [
      "turned away",
      "421 4.7.0 Too many connections from your address",
    ]);
    assertEquals(told(receiving, "refused")[0]!.decision, {
      about: "limit",
      rule: "limits.connections_per_address 1",
    });
  }));
