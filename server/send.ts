/**
 * Mail that the application itself sends: the same queue and the same promise
 * as for mail that comes over SMTP. Bad addresses throw before anything is
 * queued.
 *
 * @module
 */
import { type Bytes, CR, encode, isAscii, LF } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { StoryTaker } from "../history/story.ts";
import type { ClientInfo, Envelope } from "../message/envelope.ts";
import { HeaderScanner } from "../message/headers.ts";
import { receivedHeader } from "../message/received.ts";
import { parsePath } from "../protocol/path.ts";
import type { Queue } from "../queue/queue.ts";
import type { Events } from "./events.ts";

/** A message to send. */
export interface OutgoingMessage {
  /** The sender's mailbox; `""` is the null reverse-path, for which no bounce comes back. */
  readonly from: string;
  /** The recipients' mailboxes, at least one. */
  readonly to: string | readonly string[];
  /**
   * The whole message as RFC 5322 has it, header section first. Text is sent as
   * UTF-8; a line may end in LF, CR or CRLF and is sent with CRLF.
   */
  readonly content: string | Uint8Array | ReadableStream<Uint8Array>;
}

/** A message that is durable in the queue. */
export interface SentMessage {
  /** Its id, as in logs and events. */
  readonly id: string;
}

/** What sending needs of the server. */
export interface SendOptions {
  /** Where the message goes. */
  readonly queue: Queue;
  /** Told when it is accepted. */
  readonly events: Events;
  /** Told likewise. */
  readonly stories: StoryTaker;
  /** What the server calls itself. */
  readonly hostname: string;
  /** Dates the Received field. */
  readonly clock: Clock;
  /** The most content, octets. */
  readonly messageSize: number;
  /** Keep it to be looked at instead of delivering it. */
  readonly capture: boolean;
  /** Who it comes from: the application, or an operator with a file. */
  readonly origin: "send" | "import";
}

/** Octets. */
const BLOCK_SIZE = 64 * 1024;

const OURSELVES: ClientInfo = { address: "", port: 0, helo: "", protocol: "" };

/**
 * Queues a message; resolves once it is durable.
 *
 * @throws {TypeError} for an address that is not a mailbox, or no recipient
 * @throws {RangeError} for content above the configured size
 * @throws {QueueError} when the queue could not make it durable
 */
export async function send(message: OutgoingMessage, options: SendOptions): Promise<SentMessage> {
  const recipients = typeof message.to === "string" ? [message.to] : [...message.to];
  if (recipients.length === 0) throw new TypeError("a message needs at least one recipient");
  if (message.from !== "") checkMailbox("from", message.from);
  for (const recipient of recipients) checkMailbox("to", recipient);
  const { queue, hostname, clock, events, stories, capture, origin } = options;
  const at = clock.now();
  const header = new HeaderScanner();
  const smtputf8 = ![message.from, ...recipients].every(isAscii);
  const draft = queue.draft();
  try {
    const id = draft.id;
    const trace = { client: OURSELVES, hostname, id, recipients, now: at };
    await draft.write(receivedHeader(trace));
    await writeContent(message.content, (chunk) => {
      header.write(chunk);
      return draft.write(chunk);
    }, options.messageSize);
  } catch (error) {
    await draft.abort();
    throw error;
  }
  const envelope: Envelope = {
    reversePath: message.from,
    recipients,
    smtputf8,
    body: "8BITMIME",
    client: OURSELVES,
  };
  const ended = clock.now();
  const { id, size } = await draft.commit(envelope, { capture });
  const now = clock.now();
  const { messageId, subject } = header.facts;
  stories.take({
    ...{ kind: "accepted", origin, at, took: now - at, commit: now - ended },
    ...{ id, client: OURSELVES, from: message.from, to: recipients },
    ...{ size, messageId, subject, decisions: [] },
    ...(capture && { captured: true }),
  });
  events.emit("accepted", { id, envelope, size });
  return { id };
}

function checkMailbox(field: string, address: string): void {
  const path = parsePath(`<${address}>`, 0, "5.1.3");
  const whole = path.ok && path.value.address === address && path.value.domain !== "";
  if (whole) return;
  const found = JSON.stringify(address);
  throw new TypeError(`${field}: expected a mailbox such as user@example.org, not ${found}`);
}

async function writeContent(
  content: OutgoingMessage["content"],
  write: (chunk: Bytes) => void | Promise<void>,
  limit: number,
): Promise<void> {
  const lines = new CrlfLines();
  let size = 0;
  for await (const chunk of chunksOf(content)) {
    const normal = lines.normalize(chunk);
    size += normal.length;
    if (size > limit) throw new RangeError(`content is larger than ${limit} octets`);
    await write(normal);
  }
  const end = lines.end();
  if (end.length > 0) await write(end);
}

async function* chunksOf(content: OutgoingMessage["content"]): AsyncGenerator<Uint8Array> {
  if (typeof content === "string") return yield* blocksOf(encode(content));
  if (content instanceof Uint8Array) return yield* blocksOf(content);
  if (!(content instanceof ReadableStream)) {
    throw new TypeError("content: expected text, octets or a stream of octets");
  }
  for await (const chunk of content) yield* blocksOf(chunk);
}

/** Octets in blocks that are converted and stored one by one, however many come at once. */
function* blocksOf(octets: Uint8Array): Generator<Uint8Array> {
  if (!(octets instanceof Uint8Array)) throw new TypeError("content: expected chunks of octets");
  for (let at = 0; at < octets.length; at += BLOCK_SIZE) {
    yield octets.subarray(at, at + BLOCK_SIZE);
  }
}

/** Makes every line end CRLF, across chunks. */
class CrlfLines {
  /** The chunk before ended in a CR, which has been written out as CRLF. */
  #afterCr = false;
  /** Where nothing has been written, no line is open. */
  #last = LF;

  normalize(chunk: Uint8Array): Bytes {
    const out = new Uint8Array(chunk.length * 2);
    let n = 0;
    for (const octet of chunk) {
      if (octet === LF && this.#afterCr) {
        this.#afterCr = false;
        continue;
      }
      this.#afterCr = octet === CR;
      if (octet === CR || octet === LF) out[n++] = CR;
      out[n++] = octet === CR ? LF : octet;
    }
    if (n > 0) this.#last = out[n - 1]!;
    return out.subarray(0, n);
  }

  /** What makes the last line end. */
  end(): Bytes {
    return this.#last === LF ? new Uint8Array(0) : encode("\r\n");
  }
}
