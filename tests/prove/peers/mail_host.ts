/**
 * A mail host whose connections each have manners of their own: where nothing
 * else is said it takes everything, and at one place of the conversation it may
 * misbehave instead. It writes down what it took. It does not fail: a
 * conversation that breaks is over, and what it took tells how far it came.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Certificate } from "../../../config/config.ts";
import { type ByteStream, closeQuietly } from "../../../transport/stream.ts";
import { PeerSession, startTls } from "../../helpers/scripted_peer.ts";

/** A place of the conversation, after whose words of the client the host has its turn. */
export type Place =
  | "banner"
  | "EHLO"
  | "STARTTLS"
  | "handshake"
  | "MAIL"
  | "RCPT"
  | "DATA"
  | "body"
  | "final dot";

/** What a host does instead of its part; the connection is closed after it. */
export interface Misbehaviour {
  /** Where. */
  readonly at: Place;
  /** Whether it does so before it has read what the client says there. */
  readonly unheard?: boolean;
  /** Whether it keeps the message that it was given before. */
  readonly takes?: boolean;
  act(session: PeerSession): Promise<void>;
}

/** How a host behaves on one connection. */
export interface Manners {
  readonly misbehaviour?: Misbehaviour;
  /** Offers STARTTLS with this certificate. */
  readonly certificate?: Certificate;
  /** Replies to recipients, by their position. */
  readonly rcpt?: readonly string[];
  /** The reply to DATA. */
  readonly data?: string;
  /** The reply to the final dot. */
  readonly dot?: string;
}

/** A message that a host took. */
export interface Taken {
  readonly recipients: readonly string[];
  /** As it came, with the final dot. */
  readonly content: Buffer;
}

const READ_SIZE = 64 * 1024;
const END_OF_DATA = "\r\n.\r\n";

/** A host that listens until it is disposed of. */
export class MailHost implements AsyncDisposable {
  /** What it took, on all connections. */
  readonly taken: Taken[] = [];
  readonly #listener: Deno.Listener;
  readonly #manners: readonly Manners[];
  readonly #sessions = new Set<PeerSession>();
  readonly #serving: Promise<void>;
  #connections = 0;

  /** Listens. A connection has the manners at its position, later ones the last. */
  constructor(hostname: string, port: number, manners: readonly Manners[]) {
    this.#listener = Deno.listen({ hostname, port });
    this.#manners = manners;
    this.#serving = this.#serve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeQuietly(this.#listener);
    for (const session of this.#sessions) closeQuietly(session.stream);
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const talks: Promise<void>[] = [];
    for await (const conn of this.#listener) {
      const manners = this.#manners[this.#connections++] ?? this.#manners.at(-1)!;
      talks.push(this.#talk(conn, manners));
    }
    await Promise.all(talks);
  }

  async #talk(conn: Deno.Conn, manners: Manners): Promise<void> {
    const session = new PeerSession(conn);
    this.#sessions.add(session);
    try {
      await new Conversation(session, manners, this.taken).hold();
    } catch {
      // The client is gone, which is the end of the conversation.
    } finally {
      this.#sessions.delete(session);
      closeQuietly(session.stream);
      closeQuietly(conn);
    }
  }
}

/** One connection's conversation. */
class Conversation {
  readonly #session: PeerSession;
  readonly #manners: Manners;
  readonly #taken: Taken[];
  #recipients: string[] = [];
  #asked = 0;
  #secure = false;
  /** What the client is expected to say next, where it has one recipient. */
  #next: Place = "EHLO";
  #over = false;

  constructor(session: PeerSession, manners: Manners, taken: Taken[]) {
    this.#session = session;
    this.#manners = manners;
    this.#taken = taken;
  }

  /** Talks to the end; rejects when the client hangs up without QUIT. */
  async hold(): Promise<void> {
    await this.#turn("banner", () => this.#say("220 mx.test ESMTP"));
    while (!this.#over) {
      const { misbehaviour } = this.#manners;
      if (misbehaviour?.unheard && misbehaviour.at === this.#next) {
        return await misbehaviour.act(this.#session);
      }
      await this.#answer((await this.#session.hearUntil("\r\n")).slice(0, -2));
    }
  }

  /** The host's turn at a place: what it does there in good order, or its misbehaviour. */
  async #turn(place: Place, inOrder: () => Promise<void>): Promise<void> {
    const { misbehaviour } = this.#manners;
    if (misbehaviour?.at !== place) return await inOrder();
    this.#over = true;
    await misbehaviour.act(this.#session);
  }

  /** Whether STARTTLS is offered now. */
  get #offersTls(): boolean {
    const { certificate, misbehaviour } = this.#manners;
    const place = misbehaviour?.at;
    return !this.#secure &&
      (certificate !== undefined || place === "STARTTLS" || place === "handshake");
  }

  async #answer(line: string): Promise<void> {
    const verb = line.split(/[ :]/, 1)[0]!;
    switch (verb) {
      case "EHLO":
        return await this.#turn("EHLO", () => this.#ehlo());
      case "STARTTLS":
        return await this.#turn("STARTTLS", () => this.#startTls());
      case "MAIL":
        return await this.#turn("MAIL", () => this.#mail());
      case "RCPT":
        return await this.#turn("RCPT", () => this.#rcpt(line));
      case "DATA":
        return await this.#turn("DATA", () => this.#data());
      case "QUIT":
        this.#over = true;
        return await this.#say("221 2.0.0 bye");
      default:
        return await this.#say("250 2.0.0 ok");
    }
  }

  async #ehlo(): Promise<void> {
    this.#next = this.#offersTls ? "STARTTLS" : "MAIL";
    if (this.#offersTls) await this.#say("250-mx.test", "250 STARTTLS");
    else await this.#say("250 mx.test");
  }

  async #startTls(): Promise<void> {
    await this.#say("220 2.0.0 go on");
    await this.#turn("handshake", async () => {
      await startTls(this.#manners.certificate!)(this.#session);
      this.#secure = true;
      this.#next = "EHLO";
    });
  }

  async #mail(): Promise<void> {
    this.#recipients = [];
    this.#asked = 0;
    this.#next = "RCPT";
    await this.#say("250 2.1.0 ok");
  }

  async #rcpt(line: string): Promise<void> {
    const reply = this.#manners.rcpt?.[this.#asked++] ?? "250 2.1.5 ok";
    const address = /<(.*)>/.exec(line)![1]!;
    if (reply.startsWith("250")) this.#recipients.push(address);
    this.#next = "DATA";
    await this.#say(reply);
  }

  async #data(): Promise<void> {
    const reply = this.#manners.data ?? "354 go on";
    await this.#say(reply);
    if (reply.startsWith("354")) await this.#turn("body", () => this.#content());
  }

  async #content(): Promise<void> {
    const content = await readContent(this.#session.stream);
    const { misbehaviour, dot = "250 2.0.0 taken" } = this.#manners;
    const takes = misbehaviour?.at === "final dot" ? misbehaviour.takes : dot.startsWith("250");
    if (takes) this.#taken.push({ recipients: this.#recipients, content });
    await this.#turn("final dot", () => this.#say(dot));
  }

  async #say(...lines: string[]): Promise<void> {
    await this.#session.say(lines.map((line) => line + "\r\n").join(""));
  }
}

/** Content with its final dot. The client says nothing behind it before it has the reply. */
async function readContent(stream: ByteStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  let end = "";
  while (end !== END_OF_DATA) {
    const buffer = Buffer.alloc(READ_SIZE);
    const size = await stream.read(buffer);
    if (size === null) throw new Error("the client hung up in the content");
    parts.push(buffer.subarray(0, size));
    const last = buffer.subarray(Math.max(0, size - END_OF_DATA.length), size);
    end = (end + last.toString("latin1")).slice(-END_OF_DATA.length);
  }
  return Buffer.concat(parts);
}
