/** What the tests of the queue share: envelopes, settlements, and short ways to put mail in and look at it. */
import { assertEquals } from "@std/assert";
import { concat, decode, encode } from "../../base/bytes.ts";
import type { Envelope } from "../../message/envelope.ts";
import { FileQueue } from "../../queue/file_queue.ts";
import type { FileQueueOptions } from "../../queue/open_spool.ts";
import type {
  Attempt,
  Claim,
  Content,
  Queue,
  QueueCounts,
  QueuedMessage,
  RecipientChange,
  Settlement,
} from "../../queue/queue.ts";

/** An envelope to these recipients. */
export function envelopeTo(...recipients: string[]): Envelope {
  return {
    reversePath: "sender@example.org",
    recipients,
    smtputf8: false,
    body: "8BITMIME",
    client: {
      address: "192.0.2.1",
      port: 4711,
      helo: "client.example.org",
      protocol: "ESMTPS",
      tls: { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", verified: false },
      user: "anna@example.org",
    },
  };
}

/** Content that differs for each name, with everything JSON has to escape in it. */
export function contentOf(name: string): Uint8Array {
  return encode(`Subject: "${name}"\r\n\r\n\\ \t \0 \u0001 ü \u2028 {"v":1,"len": }\r\n`);
}

/** Opens a queue on a spool, and waits until it knows all that waits there. */
export async function openQueue(options: FileQueueOptions): Promise<FileQueue> {
  const queue = await FileQueue.open(options);
  await queue.allRead;
  return queue;
}

/** Queues a message. */
export async function put(
  queue: Queue,
  content: Uint8Array | string,
  recipients: readonly string[] = ["rcpt@example.com"],
  hold = false,
): Promise<QueuedMessage> {
  const draft = queue.draft();
  await draft.write(typeof content === "string" ? encode(content) : content);
  return await draft.commit(envelopeTo(...recipients), { hold });
}

/** All of a content, read as a stream. */
export async function octetsOf(content: Content): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.stream()) chunks.push(chunk.slice());
  return concat(chunks);
}

/** All of a content, as text. */
export async function textOf(content: Content): Promise<string> {
  return decode(await octetsOf(content));
}

/** The one claim that is to be had. */
export async function claimOne(queue: Queue): Promise<Claim> {
  const [claim] = await queue.claim(1);
  if (claim === undefined) throw new Error("nothing is due");
  return claim;
}

/** An attempt, as a history records it. */
export function attemptAt(at: number, recipients: readonly number[] = [0]): Attempt {
  return {
    at,
    took: 12,
    destination: "example.com",
    recipients,
    host: "mx.example.com",
    address: "192.0.2.7:25",
    tls: { version: "TLSv1.3", verified: true },
    reply: "451 4.7.1 later",
    outcome: "deferred",
    next: "tried again, because the failure is temporary",
  };
}

/** A settlement with these changes. */
export function changes(...list: RecipientChange[]): Settlement {
  return { changes: list };
}

/** A recipient is delivered. */
export function delivered(index = 0): RecipientChange {
  return { index, status: "delivered", tried: true };
}

/** A recipient is deferred by its host. */
export function deferred(nextAttempt: number, index = 0): RecipientChange {
  const error = {
    code: 451,
    enhanced: "4.7.1",
    text: "451 4.7.1 later",
    hop: "mx.example.com[192.0.2.7]:25",
    scope: "host",
    permanent: false,
  } as const;
  return { index, status: "waiting", tried: true, nextAttempt, error };
}

/** Octets that are no text, reproducibly. */
export function binary(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, x = 1; i < size; i++) {
    x = (x * 1103515245 + 12345) & 0x7fffffff;
    bytes[i] = x >> 16;
  }
  return bytes;
}

/** The queue holds so much, and nothing else. */
export function assertCounts(
  queue: Pick<Queue, "counts">,
  expected: { readonly messages: number } & Partial<QueueCounts>,
): void {
  const counts: Partial<QueueCounts> = queue.counts();
  const named = Object.keys(expected) as (keyof QueueCounts)[];
  assertEquals(Object.fromEntries(named.map((name) => [name, counts[name]])), expected);
  const { messages, ...states } = queue.counts();
  assertEquals(Object.values(states).reduce((sum, each) => sum + each, 0), messages);
}
