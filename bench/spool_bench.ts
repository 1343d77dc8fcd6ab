/**
 * What the spool costs: making messages durable, settling them, and the records
 * themselves. 50 senders in parallel, 4 KiB a message, on the file system of the
 * temporary directory, whose fdatasync is in the figures.
 *
 * @module
 */
import { encode } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import type { Envelope } from "../message/envelope.ts";
import { FileQueue } from "../queue/file_queue.ts";
import { newId } from "../queue/id.ts";
import type { Claim, Queue } from "../queue/queue.ts";
import { queuedText, readRecord, seal } from "../queue/record.ts";
import { newMessage } from "../queue/state.ts";

const SENDERS = 50;
const EACH = 20;
const MESSAGES = SENDERS * EACH;
const TEXT = ("x".repeat(62) + "\r\n").repeat(64);
const CONTENT = encode(TEXT);
const ENVELOPE: Envelope = {
  reversePath: "sender@example.org",
  recipients: ["rcpt@example.com"],
  smtputf8: false,
  body: "7BIT",
  client: { address: "127.0.0.1", port: 4711, helo: "client.example.org", protocol: "ESMTP" },
};

async function send(queue: Queue): Promise<void> {
  for (let i = 0; i < EACH; i++) {
    const draft = queue.draft();
    await draft.write(CONTENT);
    await draft.commit(ENVELOPE);
  }
}

async function deliver(claim: Claim): Promise<void> {
  await claim.settle({ changes: [{ index: 0, status: "delivered", tried: true }] });
  claim.release();
}

async function defer(claim: Claim): Promise<void> {
  const nextAttempt = systemClock.now() + 3_600_000;
  await claim.settle({ changes: [{ index: 0, status: "waiting", tried: true, nextAttempt }] });
  claim.release();
}

/** A queue of its own for one round of a bench. */
async function withQueue(use: (queue: FileQueue) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  const queue = await FileQueue.open({ directory, clock: systemClock });
  await use(queue);
  await queue.close();
  await Deno.remove(directory, { recursive: true });
}

async function sendAll(queue: Queue): Promise<void> {
  await Promise.all(Array.from({ length: SENDERS }, () => send(queue)));
}

function benchCommit(context: Deno.BenchContext): Promise<void> {
  return withQueue(async (queue) => {
    context.start();
    await sendAll(queue);
    context.end();
    await Promise.all((await queue.claim(MESSAGES)).map(deliver));
  });
}

function benchSettle(
  context: Deno.BenchContext,
  settle: (claim: Claim) => Promise<void>,
): Promise<void> {
  return withQueue(async (queue) => {
    await sendAll(queue);
    const claims = await queue.claim(MESSAGES);
    context.start();
    await Promise.all(claims.map(settle));
    context.end();
  });
}

const options = { n: 10, warmup: 3 };

// Deno.bench waits only for functions that are written as async.
Deno.bench(`commit ${MESSAGES}`, options, async (context) => await benchCommit(context));
Deno.bench(`settle ${MESSAGES}: delivered`, options, async (context) => {
  await benchSettle(context, deliver);
});
Deno.bench(`settle ${MESSAGES}: deferred`, options, async (context) => {
  await benchSettle(context, defer);
});

const facts = { size: CONTENT.length, eightBit: false };
const message = newMessage(newId(0, () => false), 0, ENVELOPE, facts);
const record = seal(queuedText(message, TEXT));
Deno.bench("write a record of 4 KiB", () => void seal(queuedText(message, TEXT)));
Deno.bench("read a record of 4 KiB", () => void readRecord(record, 0));
