/**
 * A client's end of an SMTP conversation: commands out, replies in, each reply
 * within its time however slowly its octets come. Fails with
 * {@linkcode ConnectionLost}, `TimeoutError`, `ReplySyntaxError` or the error of
 * the network, after which the connection is of no more use.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { encode } from "../base/bytes.ts";
import type { TlsInfo } from "../message/envelope.ts";
import type { SmtpReply } from "../protocol/reply.ts";
import { ReplyReader } from "../protocol/reply_reader.ts";
import type { Connection, Upgrade } from "../transport/connection.ts";
import { ConnectionLost } from "./failure.ts";

/** Octets read at once: the replies to some 60 pipelined commands. */
const READ_SIZE = 4096;

/** A conversation over one connection. */
export class Dialogue {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #buffer = new Uint8Array(READ_SIZE);
  #replies = new ReplyReader();

  /** Takes over the connection. */
  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** The TLS session; undefined in plaintext. */
  get tls(): TlsInfo | undefined {
    return this.#connection.tls;
  }

  /** Whether octets came that answer nothing that was sent. Of use only when every reply was read. */
  get pending(): boolean {
    return this.#replies.pending;
  }

  /** The time now, ms since 1970. */
  now(): number {
    return this.#clock.now();
  }

  /** Sends octets within `ms` milliseconds. */
  send(octets: Uint8Array, ms: number): Promise<void> {
    return this.#connection.write(octets, ms);
  }

  /** Sends a command, given without its CRLF, and reads its reply within `ms` milliseconds. */
  async command(line: string, ms: number): Promise<SmtpReply> {
    await this.send(encode(line + "\r\n"), ms);
    return await this.reply(ms);
  }

  /** A reply that has come already. */
  ready(): SmtpReply | undefined {
    return this.#replies.next();
  }

  /** The next reply, whole within `ms` milliseconds. */
  async reply(ms: number): Promise<SmtpReply> {
    const until = this.#clock.now() + ms;
    for (let reply = this.#replies.next();; reply = this.#replies.next()) {
      if (reply !== undefined) return reply;
      this.#replies.keep();
      const n = await this.#connection.read(this.#buffer, until - this.#clock.now());
      if (n === null) throw new ConnectionLost();
      this.#replies.receive(this.#buffer.subarray(0, n));
    }
  }

  /** Puts TLS over the connection, within `ms` milliseconds; nothing said in plaintext counts after it (RFC 3207 §4.2). */
  async secure(upgrade: Upgrade, ms: number): Promise<void> {
    this.#replies = new ReplyReader();
    await this.#connection.secure(upgrade, ms);
  }

  /** Hangs up in good order, within a few seconds. Nothing may be under way. */
  end(): Promise<void> {
    return this.#connection.end();
  }

  /** Hangs up. What is under way rejects. */
  close(): void {
    this.#connection.close();
  }
}
