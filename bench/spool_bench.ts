/**
 * How fast the spool makes messages durable, and how fast it takes them through
 * to delivered: 50 senders in parallel, 4 KiB a message, on the file system of
 * the temporary directory. Run: `deno bench -A bench/spool_bench.ts`.
 */
import { systemClock } from "../base/clock.ts";
import { encode } from "../base/bytes.ts";
import type { Envelope } from "../message/envelope.ts";
import { FileQueue } from "../queue/file_queue.ts";
import type { Claim, Queue } from "../queue/queue.ts";

const SENDERS = 50;
const EACH = 40;
const CONTENT = encode(("x".repeat(62) + "\r\n").repeat(64));
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

async function benchSpool(
  context: Deno.BenchContext,
  settle: (claim: Claim) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const queue = await FileQueue.open({ directory, clock: systemClock });
  context.start();
  await Promise.all(Array.from({ length: SENDERS }, () => send(queue)));
  const claims = await queue.claim(SENDERS * EACH);
  await Promise.all(claims.map(settle));
  context.end();
  await queue.close();
  await Deno.remove(directory, { recursive: true });
}

const options = { group: `${SENDERS * EACH} messages of 4 KiB, ${SENDERS} at once`, n: 10 };

// Deno.bench waits only for functions that are written as async.
Deno.bench("commit and deliver", options, async (context) => await benchSpool(context, deliver));
Deno.bench("commit and defer", options, async (context) => await benchSpool(context, defer));
