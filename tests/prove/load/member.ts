/**
 * One bad client: connects, does what its kind does, and keeps how the server
 * ended it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeQuietly, writeAll } from "../../../transport/stream.ts";
import { pause } from "../pause.ts";

/**
 * What a bad client does.
 * - `silent`: nothing
 * - `greeted`: nothing after EHLO
 * - `slow command`: an octet now and then, of a line that never ends
 * - `stalled content`: some content, then nothing
 * - `slow content`: an octet of content now and then
 * - `deaf`: sends mail and commands, and never reads a reply
 */
export type Kind =
  | "silent"
  | "greeted"
  | "slow command"
  | "stalled content"
  | "slow content"
  | "deaf";

/** All of them. */
export const KINDS: readonly Kind[] = [
  "silent",
  "greeted",
  "slow command",
  "stalled content",
  "slow content",
  "deaf",
];

/** How a bad client ended. */
export interface End {
  readonly kind: Kind;
  /** From when it had said what its kind says until it was closed, ms. */
  readonly after: number;
  /** The last line that the server said; "" where it said nothing or nobody listened. */
  readonly lastWord: string;
}

const ENVELOPE = "EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<b@d.test>\r\n";

/** What a deaf client repeats: commands with long replies, as many as a message buys. */
const MUCH_TO_SAY = "MAIL FROM:<a@c.test>\r\nRCPT TO:<b@d.test>\r\nDATA\r\n.\r\n" +
  "HELP\r\n".repeat(80);

const READ_SIZE = 1024;

/** A bad client. */
export class Member {
  readonly kind: Kind;
  /** Octets that it has sent. */
  sent = 0;
  /** How it ends, once it has. */
  readonly end: Promise<End>;
  readonly #conn: Deno.TcpConn;
  readonly #slowness: number;
  #since = performance.now();
  #lastWord = "";
  #closed = false;

  private constructor(kind: Kind, conn: Deno.TcpConn, slowness: number) {
    this.kind = kind;
    this.#conn = conn;
    this.#slowness = slowness;
    this.end = this.#live();
  }

  /** Connects one; `slowness` is the time from one octet to the next, ms. */
  static async connect(port: number, kind: Kind, slowness: number): Promise<Member> {
    return new Member(kind, await Deno.connect({ hostname: "127.0.0.1", port }), slowness);
  }

  /** Hangs up, where the server has not. */
  close(): void {
    this.#closed = true;
    closeQuietly(this.#conn);
  }

  async #live(): Promise<End> {
    const misbehaving = this.#misbehave();
    if (this.kind !== "deaf") await this.#listen();
    else await misbehaving;
    const after = performance.now() - this.#since;
    this.close();
    return { kind: this.kind, after, lastWord: this.#lastWord };
  }

  async #misbehave(): Promise<void> {
    switch (this.kind) {
      case "silent":
        return;
      case "greeted":
        return await this.#say("EHLO c.test\r\n");
      case "slow command":
        return await this.#drip();
      case "stalled content":
        return await this.#say(`${ENVELOPE}DATA\r\n${"content\r\n".repeat(100)}`);
      case "slow content":
        await this.#say(`${ENVELOPE}DATA\r\n`);
        return await this.#drip();
      case "deaf":
        await this.#say(ENVELOPE + "RSET\r\n");
        while (!this.#closed) await this.#say(MUCH_TO_SAY);
        return;
      default:
        return this.kind satisfies never;
    }
  }

  async #drip(): Promise<void> {
    while (!this.#closed) {
      await this.#write("N");
      await pause(this.#slowness);
    }
  }

  /** Says what the server's patience begins anew with. */
  async #say(text: string): Promise<void> {
    if (await this.#write(text)) this.#since = performance.now();
  }

  /** Sends it; false when the server has had enough. */
  async #write(text: string): Promise<boolean> {
    if (this.#closed) return false;
    try {
      await writeAll(this.#conn, Buffer.from(text));
      this.sent += text.length;
      return true;
    } catch {
      this.#closed = true;
      return false;
    }
  }

  async #listen(): Promise<void> {
    const buffer = new Uint8Array(READ_SIZE);
    while (true) {
      const size = await this.#conn.read(buffer).catch(() => null);
      if (size === null) return;
      const said = Buffer.from(buffer.subarray(0, size)).toString("latin1");
      this.#lastWord = said.trimEnd().split("\r\n").at(-1)!;
    }
  }
}
