/**
 * One end of an SMTP conversation, octets in and out, that shares no code with
 * the server it is used against. Throws {@linkcode HungUp} when the other end is
 * gone, and the system's errors.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeQuietly, writeAll } from "../../transport/stream.ts";

/** The other end hung up. */
export class HungUp extends Error {}

/** A reply. */
export interface Reply {
  /** Its code. */
  readonly code: number;
  /** Its last line. */
  readonly line: string;
}

const READ_SIZE = 64 * 1024;
const END_OF_DATA = "\r\n.\r\n";

/** A conversation over a connection. */
export class OctetTalk implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #incoming = new Uint8Array(READ_SIZE);
  #unread = Buffer.alloc(0);

  /** Takes over the connection. */
  constructor(conn: Deno.TcpConn) {
    conn.setNoDelay(true);
    this.#conn = conn;
  }

  /** Connects to a port of 127.0.0.1. */
  static async open(port: number): Promise<OctetTalk> {
    return new OctetTalk(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    closeQuietly(this.#conn);
  }

  /** Sends octets, or lines that have their CRLF. */
  async send(octets: Uint8Array | string): Promise<void> {
    await writeAll(this.#conn, typeof octets === "string" ? Buffer.from(octets) : octets);
  }

  /** The next line, without its CRLF. */
  async line(): Promise<string> {
    return (await this.#upTo("\r\n")).toString("latin1");
  }

  /** The next reply, all of its lines. */
  async reply(): Promise<Reply> {
    let line = await this.line();
    while (line[3] === "-") line = await this.line();
    return { code: Number(line.slice(0, 3)), line };
  }

  /** Content up to its final dot, without dot-stuffing (RFC 5321 §4.5.2); it has one line at least. */
  async content(): Promise<Uint8Array> {
    return unstuffed(Buffer.concat([await this.#upTo(END_OF_DATA), Buffer.from("\r\n")]));
  }

  /** Reads once. */
  async read(): Promise<void> {
    const size = await this.#conn.read(this.#incoming);
    if (size === null) throw new HungUp();
    this.#unread = Buffer.concat([this.#unread, this.#incoming.subarray(0, size)]);
  }

  async #upTo(end: string): Promise<Buffer> {
    let searched = 0;
    while (true) {
      const at = this.#unread.indexOf(end, searched);
      if (at >= 0) {
        const found = this.#unread.subarray(0, at);
        this.#unread = this.#unread.subarray(at + end.length);
        return found;
      }
      searched = Math.max(0, this.#unread.length - end.length + 1);
      await this.read();
    }
  }
}

/** The content less the dot that stands before each line that begins with one. */
function unstuffed(content: Buffer): Uint8Array {
  const parts: Buffer[] = [];
  let from = content[0] === DOT ? 1 : 0;
  for (let at = content.indexOf("\r\n.", from); at >= 0; at = content.indexOf("\r\n.", from)) {
    parts.push(content.subarray(from, at + 2));
    from = at + 3;
  }
  parts.push(content.subarray(from));
  return Buffer.concat(parts);
}

/** The content as it goes on the wire, up to and with its final dot. It ends in CRLF. */
export function dotStuffed(content: Uint8Array): Uint8Array {
  const octets = Buffer.from(content.buffer, content.byteOffset, content.length);
  const parts: Buffer[] = [];
  let from = 0;
  if (octets[0] === DOT) parts.push(Buffer.from("."));
  for (let at = octets.indexOf("\r\n."); at >= 0; at = octets.indexOf("\r\n.", from)) {
    parts.push(octets.subarray(from, at + 2), Buffer.from("."));
    from = at + 2;
  }
  parts.push(octets.subarray(from), Buffer.from(".\r\n"));
  return Buffer.concat(parts);
}

const DOT = 0x2e;
