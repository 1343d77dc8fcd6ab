import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { deliverByTime } from "../../message/deliver_by.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import { type Draft, type Queue, QueueError, type QueueErrorKind } from "../../queue/queue.ts";
import type { AcceptedEvent } from "../../server/events.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import type { Peer } from "../transport/peer.ts";
import { CERTIFICATE, HOSTNAME } from "../transport/running.ts";
import {
  assertUsable,
  inMemory,
  LOCAL_ERROR,
  onSpool,
  type QueueKind,
  QUEUES,
  received,
  withReceiver,
} from "./receiving.ts";

const CONTENT = "Subject: hello\r\n\r\nWorld";

/** A queue whose drafts end as the test says. */
function failing(change: (draft: Draft) => Partial<Draft>, begin = () => {}): QueueKind {
  return async (clock, check) => {
    const queue: Queue = new MemoryQueue(clock);
    const draft = queue.draft.bind(queue);
    queue.draft = () => {
      begin();
      const real = draft();
      return {
        id: real.id,
        content: real.content,
        write: (chunk) => real.write(chunk),
        commit: (envelope) => real.commit(envelope),
        abort: () => real.abort(),
        ...change(real),
      };
    };
    await check(queue);
    await queue.close();
  };
}

for (const [name, kind] of QUEUES) {
  Deno.test(`${name}: a message is queued under its Received field, and the reply names its id`, () =>
    withReceiver(kind, {}, async ({ connect, queue }) => {
      const peer = await connect();
      await peer.hello();
      const answer = await peer.send(CONTENT);
      const { message, text } = await received(queue);
      assertEquals(answer, `250 2.0.0 Queued as ${message.id}`);
      assertEquals(message.envelope.recipients, ["b@example.net"]);
      assertEquals(
        text,
        `Received: from client.example ([127.0.0.1])\r\n\tby ${HOSTNAME} (deno-smtp-server) with ESMTP\r\n` +
          `\tid ${message.id}\r\n\tfor <b@example.net>;\r\n\tThu, 01 Jan 2026 00:00:00 +0000\r\n` +
          `${CONTENT}\r\n`,
      );
    }));

  Deno.test(`${name}: the time of BY counts from MAIL on, however long the transaction takes (RFC 2852 §4)`, () =>
    withReceiver(kind, {}, async ({ connect, queue, clock }) => {
      const peer = await connect();
      await peer.hello();
      const read = clock.now();
      await peer.ask("MAIL FROM:<a@example.org> BY=60;RT");
      clock.advance(20_000);
      await peer.ask("RCPT TO:<b@example.net>");
      await peer.ask("DATA");
      clock.advance(5_000);
      assertMatch(await peer.ask("Subject: hello\r\n\r\nWorld\r\n."), /^250 2\.0\.0 Queued/);
      const { arrived, envelope } = (await received(queue)).message;
      assertEquals(arrived, read + 25_000);
      const deliverBy = { seconds: 60, mode: "return", trace: true, since: read } as const;
      assertEquals(envelope.deliverBy, deliverBy);
      assertEquals(deliverByTime(deliverBy, arrived), read + 60_000);
    }));

  Deno.test(`${name}: content that begins with white space does not go on the Received field`, () =>
    withReceiver(kind, {}, async ({ connect, queue }) => {
      const peer = await connect();
      await peer.hello();
      for (const content of ["\tby a host of my choice; ", "  ", " \r\n\r\nx"]) {
        assertMatch(await peer.send(content), /^250 /);
        const { text } = await received(queue);
        assertStringIncludes(text, ` +0000\r\n\r\n${content}\r\n`);
      }
    }));

  Deno.test(`${name}: a refused, a reset and an interrupted message leave nothing`, () =>
    withReceiver(kind, { limits: { hops: 1 } }, async ({ connect, queue }) => {
      const peer = await connect();
      await peer.hello();
      assertMatch(await peer.send("Received: a\r\nReceived: b\r\n\r\n"), /^554 5\.4\.6 /);
      await peer.ask("MAIL FROM:<a@example.org>");
      await peer.ask("RCPT TO:<b@example.net>");
      await peer.say("BDAT 20\r\nSubject: half\r\n\r\nHal");
      assertMatch(await peer.reply(), /^250 /);
      assertMatch(await peer.ask("RSET"), /^250 /);
      await peer.ask("MAIL FROM:<a@example.org>");
      await peer.ask("RCPT TO:<b@example.net>");
      await peer.ask("DATA");
      await peer.say("Subject: half");
      peer.close();
      const next = await connect();
      await next.hello();
      await next.send(CONTENT);
      assertEquals(queue.counts().messages, 1);
    }));
}

/** Every path below a directory, relative to it. */
function pathsBelow(directory: string, prefix = ""): string[] {
  return Array.from(Deno.readDirSync(directory)).flatMap(({ name, isDirectory }) =>
    isDirectory ? pathsBelow(`${directory}/${name}`, `${prefix}${name}/`) : [prefix + name]
  );
}

Deno.test("what a peer calls itself, its sender and its recipients names nothing on disk", () =>
  withTempDir(async (directory) => {
    const local = `${"a".repeat(64)}@${"b".repeat(63)}.example`;
    const names = ['"../../etc/x"@us.example', "a/b@us.example", '"a\\\\b"@us.example', local];
    const inside: QueueKind = (clock, check) => onSpool(`${directory}/spool`, clock, check);
    await withReceiver(inside, {}, async ({ connect, queue }) => {
      const peer = await connect();
      await peer.reply();
      await peer.ask(`EHLO ${"x".repeat(63)}.example`);
      // Past what is kept in memory, so that the content has a file of its own.
      const content = `Subject: ../../etc/x\r\n\r\n${"large\r\n".repeat(20_000)}`;
      for (const name of names) assertMatch(await peer.send(content, name, name), /^250 /);
      assertEquals(queue.counts().messages, names.length);
    });
    const paths = pathsBelow(directory);
    assertEquals(paths.filter((path) => path.endsWith(".json")).length, names.length);
    for (const path of paths) {
      assertMatch(path, /^spool\/(\.lock|journal\/\d+\.jsonl|[0-9A-Z]{26}\.(json|eml))$/);
    }
  }));

const PROTOCOLS: [string, string, (peer: Peer) => Promise<unknown>][] = [
  ["SMTP", "<a@example.org>", (peer) => peer.ask("HELO c.example")],
  ["ESMTP", "<a@example.org>", (peer) => peer.ask("EHLO c.example")],
  ["UTF8SMTP", "<ä@example.org> SMTPUTF8", (peer) => peer.ask("EHLO c.example")],
  ["ESMTPS", "<a@example.org>", secure],
  ["UTF8SMTPS", "<a@example.org> SMTPUTF8", secure],
];

async function secure(peer: Peer): Promise<void> {
  await peer.ask("EHLO c.example");
  await peer.ask("STARTTLS");
  await peer.startTls(HOSTNAME, CERTIFICATE.cert);
  await peer.ask("EHLO c.example");
}

for (const [protocol, from, greet] of PROTOCOLS) {
  Deno.test(`the Received field says ${protocol}, and the TLS session where there is one`, () =>
    withReceiver(inMemory, {}, async ({ connect, queue }) => {
      const peer = await connect();
      await peer.reply();
      await greet(peer);
      await peer.ask(`MAIL FROM:${from}`);
      await peer.ask("RCPT TO:<b@example.net>");
      await peer.ask("DATA");
      assertMatch(await peer.ask(`${CONTENT}\r\n.`), /^250 /);
      const { text } = await received(queue);
      const field = text.slice(0, text.indexOf(CONTENT));
      assertMatch(field, new RegExp(` with ${protocol}\r\n`));
      const tls = /\r\n\t\(TLSv1\.3 TLS_[A-Z0-9_]+\)\r\n/.test(field);
      assertEquals(tls, protocol.endsWith("S"));
    }));
}

Deno.test("a message with more than fifty Received fields is refused, with fifty it is taken", () =>
  withReceiver(inMemory, {}, async ({ connect, queue }) => {
    const peer = await connect();
    await peer.hello();
    const trace = (count: number) => "Received: by somewhere; today\r\n".repeat(count);
    assertMatch(await peer.send(`${trace(50)}${CONTENT}`), /^250 /);
    const loops = "554 5.4.6 Too many Received headers, the message loops";
    assertEquals(await peer.send(`${trace(51)}${CONTENT}`), loops);
    assertEquals(queue.counts().messages, 1);
    await assertUsable(peer);
  }));

Deno.test("a Received field too many counts though the content ends in the middle of it", () =>
  withReceiver(inMemory, {}, async ({ connect, queue }) => {
    const peer = await connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@example.org>");
    await peer.ask("RCPT TO:<b@example.net>");
    const content = "Received: by somewhere\r\n".repeat(50) + "Received: by here";
    await peer.say(`BDAT ${content.length} LAST\r\n${content}`);
    assertMatch(await peer.reply(), /^554 5\.4\.6 /);
    assertEquals(queue.counts().messages, 0);
  }));

Deno.test("a header section over its size is refused, a body of any size is none", () =>
  withReceiver(inMemory, {}, async ({ connect, queue }) => {
    const peer = await connect();
    await peer.hello();
    const lines = "X-Filler: some words\r\n".repeat(12_000);
    assert(lines.length > 256 * 1024);
    assertEquals(await peer.send(`${lines}\r\nBody`), "552 5.3.4 Header section too long");
    assertEquals(
      await peer.send(`X-Long: ${"x".repeat(900)}\r\n `.repeat(400) + "\r\n\r\nBody"),
      "552 5.3.4 Header section too long",
    );
    assertMatch(await peer.send(`Subject: x\r\n\r\n${lines}`), /^250 /);
    assertEquals(queue.counts().messages, 1);
  }));

Deno.test("bare postmaster gets the first local domain, or the server's name where there is none", async () => {
  for (const localDomains of [[], ["us.example", "them.example"]]) {
    await withReceiver(inMemory, { localDomains }, async ({ connect, queue }) => {
      const peer = await connect();
      await peer.hello();
      await peer.send(CONTENT, "a@example.org", "PostMaster");
      const { message, text } = await received(queue);
      const address = `PostMaster@${localDomains[0] ?? HOSTNAME}`;
      assertEquals(message.envelope.recipients, [address]);
      assertStringIncludes(text, `for <${address}>;`);
    });
  }
});

Deno.test("a client that is not trusted may send to local domains and nowhere else", () =>
  withReceiver(inMemory, { trust: [], localDomains: ["us.example"] }, async ({ connect }) => {
    const peer = await connect();
    await peer.hello();
    await peer.ask("MAIL FROM:<a@example.org>");
    assertEquals(await peer.ask("RCPT TO:<b@them.example>"), "550 5.7.1 Relaying denied");
    assertEquals(await peer.ask("RCPT TO:<b@us.example>"), "250 2.1.5 Recipient OK");
  }));

Deno.test("without room for a message its sender is refused at MAIL, until there is room again", () => {
  let room = 0;
  const queue: QueueKind = (clock, check) =>
    inMemory(clock, (queue) => {
      queue.hasRoom = (size) => size < room;
      return check(queue);
    });
  return withReceiver(queue, {}, async ({ connect, queue }) => {
    const peer = await connect();
    await peer.hello();
    const noSpace = "452 4.3.1 Insufficient system storage, try again later";
    assertEquals(await peer.ask("MAIL FROM:<a@example.org>"), noSpace);
    room = 2000;
    assertEquals(await peer.ask("MAIL FROM:<a@example.org> SIZE=2000"), noSpace);
    assertEquals(await peer.ask("MAIL FROM:<a@example.org> SIZE=1999"), "250 2.1.0 Sender OK");
    await assertUsable(peer);
    assertEquals(queue.counts().messages, 1);
  });
});

const STORAGE: [QueueErrorKind, string][] = [
  ["no-space", "452 4.3.1 Insufficient system storage, try again later"],
  ["storage", LOCAL_ERROR],
];
for (const [kind, expected] of STORAGE) {
  const error = new QueueError(kind, "the disk failed");
  Deno.test(`a queue that cannot begin a message (${kind}) is answered before its content`, () => {
    let broken = true;
    const queue = failing(() => ({}), () => {
      if (broken) throw error;
    });
    return withReceiver(queue, {}, async ({ connect }) => {
      const peer = await connect();
      await peer.hello();
      await peer.ask("MAIL FROM:<a@example.org>");
      await peer.ask("RCPT TO:<b@example.net>");
      assertEquals(await peer.ask("DATA"), expected);
      broken = false;
      await assertUsable(peer);
    });
  });

  Deno.test(`a queue that cannot make a message durable (${kind}) is answered after its end`, () => {
    let broken = true;
    const accepted: AcceptedEvent[] = [];
    const queue = failing((draft) => ({
      commit: (envelope) => broken ? Promise.reject(error) : draft.commit(envelope),
    }));
    const on = { accepted: (event: AcceptedEvent) => void accepted.push(event) };
    return withReceiver(queue, { on }, async ({ connect, queue }) => {
      const peer = await connect();
      await peer.hello();
      assertEquals(await peer.send(CONTENT), expected);
      assertEquals([queue.counts().messages, accepted.length], [0, 0]);
      broken = false;
      await assertUsable(peer);
      assertEquals([queue.counts().messages, accepted.length], [1, 1]);
    });
  });
}

Deno.test("250 is said only once the queue has made the message durable", () => {
  const durable = Promise.withResolvers<void>();
  const queue = failing((draft) => ({
    commit: (envelope) => durable.promise.then(() => draft.commit(envelope)),
  }));
  return withReceiver(queue, {}, async ({ connect, queue }) => {
    const peer = await connect();
    await peer.hello();
    let answered = false;
    const answer = peer.send(CONTENT).finally(() => answered = true);
    const other = await connect();
    await other.hello();
    for (let i = 0; i < 20; i++) await other.ask("NOOP");
    assertEquals([answered, queue.counts().messages], [false, 0]);
    durable.resolve();
    assertMatch(await answer, /^250 /);
  });
});

Deno.test("what was accepted is told with its id, envelope and size, and a listener that fails harms nothing", () => {
  const accepted: AcceptedEvent[] = [];
  const on = {
    accepted: async (event: AcceptedEvent) => {
      accepted.push(event);
      await Promise.reject(new Error("the listener failed"));
    },
  };
  return withReceiver(inMemory, { on }, async ({ connect, queue }) => {
    const peer = await connect();
    await peer.hello();
    await peer.send(CONTENT);
    const { message } = await received(queue);
    const { id, envelope, size } = message;
    assertEquals(accepted, [{ id, envelope, size }]);
    await assertUsable(peer);
  });
});
