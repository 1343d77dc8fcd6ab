/**
 * A client that brings mail in two parts: everything but the last octets, and
 * these, so that many messages can end at the same moment. Throws `HungUp` or the
 * system's errors when the server is gone, {@linkcode Refused} when it says no.
 *
 * @module
 */
import { dotStuffed, OctetTalk } from "../octet_talk.ts";
import type { Mail } from "./mail.ts";

/** The server answered something else than was asked of it. */
export class Refused extends Error {}

/** The last octets of a message, sent apart; they hold the end of DATA. */
const TAIL = 8;
const QUEUED = /^250 2\.0\.0 Queued as ([0-9A-Z]{26})$/;

/** A client with one connection. */
export class Client implements Disposable {
  readonly #talk: OctetTalk;
  #tail: Uint8Array = new Uint8Array(0);

  private constructor(talk: OctetTalk) {
    this.#talk = talk;
  }

  /** Connects to a port of 127.0.0.1, and greets. */
  static async connect(port: number): Promise<Client> {
    const client = new Client(await OctetTalk.open(port));
    await client.#expect(220);
    await client.#command("EHLO client.test", 250);
    return client;
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#talk[Symbol.dispose]();
  }

  /** Brings a message; gives the id that it has in the queue. */
  async bring(mail: Mail): Promise<string> {
    await this.begin(mail);
    return await this.finish();
  }

  /** Brings a message but for its end. */
  async begin(mail: Mail): Promise<void> {
    await this.#command(`MAIL FROM:<${mail.sender}> BODY=8BITMIME`, 250);
    for (const recipient of mail.recipients) await this.#command(`RCPT TO:<${recipient}>`, 250);
    let octets = mail.content;
    if (mail.by === "DATA") {
      octets = dotStuffed(octets);
      await this.#command("DATA", 354);
    } else {
      await this.#talk.send(`BDAT ${octets.length} LAST\r\n`);
    }
    await this.#talk.send(octets.subarray(0, -TAIL));
    this.#tail = octets.subarray(-TAIL);
  }

  /** Brings the end; gives the id that the message has in the queue. */
  async finish(): Promise<string> {
    await this.#talk.send(this.#tail);
    const { line } = await this.#talk.reply();
    const id = QUEUED.exec(line)?.[1];
    if (id === undefined) throw new Refused(line);
    return id;
  }

  async #command(line: string, code: number): Promise<void> {
    await this.#talk.send(`${line}\r\n`);
    await this.#expect(code);
  }

  async #expect(code: number): Promise<void> {
    const reply = await this.#talk.reply();
    if (reply.code !== code) throw new Refused(reply.line);
  }
}
