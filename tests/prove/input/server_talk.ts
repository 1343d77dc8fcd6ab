/**
 * Says octets to a server over a socket, in the writes that it is told, and keeps
 * what is answered up to the end. A server that hangs up in the middle is no
 * fault here: what it said before is what counts.
 *
 * @module
 */
import { closeQuietly, writeAll } from "../../../transport/stream.ts";
import { pause, within } from "../pause.ts";
import { latin1 } from "./session_run.ts";

/** The longest wait for the end of a dialogue, ms; the server has none that is as long. */
const TOO_LONG = 30_000;

/** How long the writes of a dialogue are apart, ms, where each is to arrive by itself. */
const APART = 1;

const READ_SIZE = 64 * 1024;

/** A connection to a server on 127.0.0.1. */
export class ServerTalk implements Disposable {
  #conn: Deno.TcpConn | Deno.TlsConn;
  #said = "";

  private constructor(conn: Deno.TcpConn) {
    conn.setNoDelay(true);
    this.#conn = conn;
  }

  /** Connects, and waits for the greeting. */
  static async open(port: number): Promise<ServerTalk> {
    const talk = new ServerTalk(await Deno.connect({ hostname: "127.0.0.1", port }));
    await talk.until(/^220 [^\r]*\r\n/);
    return talk;
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    closeQuietly(this.#conn);
  }

  /**
   * Says it, and nothing after it; gives all that is answered. When `apart`, the
   * writes are made one after the other with a little time between them.
   *
   * @throws {Error} when the server does not come to an end with it.
   */
  async sayAll(writes: readonly Uint8Array[], apart: boolean): Promise<string> {
    const saying = this.#sayAll(writes, apart);
    const heard = await within(TOO_LONG, Promise.all([this.#hearAll(), saying]));
    if (heard === undefined) throw new Error(`no end after ${JSON.stringify(this.#said)}`);
    return heard[0];
  }

  /** Says it in one write; gives all that is answered up to this. */
  async say(text: string, answer: RegExp): Promise<string> {
    await writeAll(this.#conn, new TextEncoder().encode(text));
    return await this.until(answer);
  }

  /**
   * Reads until what was said fits; gives all of it, and begins anew.
   *
   * @throws {Error} when that does not come.
   */
  async until(answer: RegExp): Promise<string> {
    while (!answer.test(this.#said)) {
      const more = await within(TOO_LONG, this.#more());
      if (!more) throw new Error(`silence or the end after ${JSON.stringify(this.#said)}`);
    }
    const said = this.#said;
    this.#said = "";
    return said;
  }

  /** Puts TLS over the connection. @throws when the handshake fails. */
  async startTls(hostname: string, authority: string): Promise<void> {
    const plain = this.#conn as Deno.TcpConn;
    const conn = await Deno.startTls(plain, { hostname, caCerts: [authority] });
    this.#conn = conn;
    await conn.handshake();
  }

  async #sayAll(writes: readonly Uint8Array[], apart: boolean): Promise<void> {
    try {
      for (const write of writes) {
        await writeAll(this.#conn, write);
        if (apart) await pause(APART);
      }
      await this.#conn.closeWrite();
    } catch (error) {
      if (!isHangUp(error)) throw error;
    }
  }

  async #hearAll(): Promise<string> {
    while (await this.#more()) { /* Reads on. */ }
    return this.#said;
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(READ_SIZE);
    try {
      const size = await this.#conn.read(buffer);
      if (size !== null) this.#said += latin1(buffer.subarray(0, size));
      return size !== null;
    } catch (error) {
      if (isHangUp(error)) return false;
      throw error;
    }
  }
}

function isHangUp(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.NotConnected;
}
