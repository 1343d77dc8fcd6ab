/**
 * One sender of the crash proof: brings mail without end, and each message again
 * until it is acknowledged, as RFC 5321 §4.5.4.1 has clients do. That the server
 * is gone in the middle of it is its daily bread, and no failure.
 *
 * @module
 */
import { dotStuffed, HungUp, OctetTalk, type Reply } from "../octet_talk.ts";
import { pause } from "../pause.ts";
import type { SeededRandom } from "../seeded_random.ts";
import type { Ledger, Submission } from "./ledger.ts";
import { contentOf, hashOf, type Mail, MailMaker, senderOf } from "./mail.ts";

/** The most messages over one connection. */
const MOST_AT_ONCE = 6;
/** The longest pause between connections, ms. */
const LONGEST_PAUSE = 100;
/** The last octets of a message, sent apart from the rest. */
const TAIL = 512;

/** A reply that means: not this time. */
class Refused extends Error {}

/** A sender. */
export class Sender {
  readonly #port: number;
  readonly #random: SeededRandom;
  readonly #ledger: Ledger;
  readonly #maker: MailMaker;
  /** What has not been acknowledged yet. */
  #mail: Mail | undefined;
  #phase: "sending" | "finishing" | "over" = "sending";

  /** `port` is the server's on 127.0.0.1. */
  constructor(name: string, port: number, random: SeededRandom, ledger: Ledger) {
    this.#port = port;
    this.#random = random;
    this.#ledger = ledger;
    this.#maker = new MailMaker(name, random.fork());
  }

  /** Brings mail until it is told to finish; what it had begun by then is brought to its end. */
  async run(): Promise<void> {
    while (this.#goesOn) {
      await this.#connect();
      await pause(this.#random.between(0, LONGEST_PAUSE));
    }
  }

  /** Begins no new message. */
  finish(): void {
    this.#phase = "finishing";
  }

  /** Begins nothing at all: the server is not coming back. */
  giveUp(): void {
    this.#phase = "over";
  }

  get #goesOn(): boolean {
    return this.#phase === "sending" || this.#phase === "finishing" && this.#mail !== undefined;
  }

  async #connect(): Promise<void> {
    try {
      using talk = await OctetTalk.open(this.#port);
      await expect(talk, 220);
      await talk.send("EHLO client.test\r\n");
      await expect(talk, 250);
      for (let left = 1 + this.#random.below(MOST_AT_ONCE); left > 0 && this.#goesOn; left--) {
        this.#mail ??= this.#maker.next();
        await this.#submit(talk, this.#mail);
      }
    } catch (error) {
      if (!isInterruption(error)) throw error;
    }
  }

  async #submit(talk: OctetTalk, mail: Mail): Promise<void> {
    const id = `${mail.token}.${mail.submissions++}`;
    const content = contentOf(id, mail);
    const { recipients } = mail;
    const submission = this.#ledger.begin({ id, recipients, hash: hashOf(content) });
    const reply = await this.#bring(talk, submission, content);
    const acknowledged = reply.code === 250;
    this.#ledger.advance(submission, acknowledged ? "acknowledged" : "refused");
    // The server may say 421 when it stops; that it refuses mail for good is not expected.
    if (reply.code >= 500) this.#ledger.noteRefusal(reply.line);
    if (!acknowledged) throw new Refused(reply.line);
    this.#mail = undefined;
  }

  /** A transaction, its commands pipelined (RFC 2920). Gives the reply that decides it. */
  async #bring(talk: OctetTalk, submission: Submission, content: Uint8Array): Promise<Reply> {
    const chunked = this.#random.chance(0.2);
    const envelope = [
      `MAIL FROM:<${senderOf(submission.id)}> BODY=8BITMIME\r\n`,
      ...submission.recipients.map((recipient) => `RCPT TO:<${recipient}>\r\n`),
    ];
    await talk.send(envelope.join("") + (chunked ? "" : "DATA\r\n"));
    for (const _ of envelope) {
      const reply = await talk.reply();
      if (reply.code !== 250) return reply;
    }
    return await (chunked
      ? this.#bringChunks(talk, submission, content)
      : this.#bringData(talk, submission, content));
  }

  async #bringData(talk: OctetTalk, submission: Submission, content: Uint8Array): Promise<Reply> {
    const go = await talk.reply();
    if (go.code !== 354) return go;
    const octets = dotStuffed(content);
    await talk.send(octets.subarray(0, -TAIL));
    await this.#hesitate();
    this.#ledger.advance(submission, "sent");
    await talk.send(octets.subarray(-TAIL));
    return await talk.reply();
  }

  /** Two chunks (RFC 3030). */
  async #bringChunks(talk: OctetTalk, submission: Submission, content: Uint8Array): Promise<Reply> {
    const first = content.subarray(0, -TAIL);
    await talk.send(`BDAT ${first.length}\r\n`);
    await talk.send(first);
    const taken = await talk.reply();
    if (taken.code !== 250) return taken;
    await this.#hesitate();
    this.#ledger.advance(submission, "sent");
    await talk.send(`BDAT ${TAIL} LAST\r\n`);
    await talk.send(content.subarray(-TAIL));
    return await talk.reply();
  }

  /** Now and then a sender takes its time in the middle of a message. */
  async #hesitate(): Promise<void> {
    if (this.#random.chance(0.02)) await pause(this.#random.between(50, 300));
  }
}

async function expect(talk: OctetTalk, code: number): Promise<void> {
  const reply = await talk.reply();
  if (reply.code !== code) throw new Refused(reply.line);
}

/** Whether an error only says that the server is gone, or not there yet, or refused this time. */
function isInterruption(error: unknown): boolean {
  return error instanceof HungUp || error instanceof Refused || isNetworkError(error);
}

/** Whether the system says that a connection broke, or could not be had. */
function isNetworkError(error: unknown): boolean {
  return [
    Deno.errors.ConnectionRefused,
    Deno.errors.ConnectionReset,
    Deno.errors.ConnectionAborted,
    Deno.errors.BrokenPipe,
    Deno.errors.NotConnected,
  ].some((kind) => error instanceof kind);
}
