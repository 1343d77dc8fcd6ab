/** A bare SMTP client: says octets exactly as it is told to, and reads replies. */
import { connect, type Socket } from "node:net";
import { concat, decode, encode } from "../../base/bytes.ts";
import { writeAll } from "../../transport/stream.ts";

/** Where to connect to. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** A whole reply: lines with a hyphen after the code, and a last one without. */
const REPLY = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/;

/** One connection to a server. */
export class Peer {
  #conn: Deno.Conn;
  #unread = "";
  readonly #buffer = new Uint8Array(16 * 1024);

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Connects; the greeting is still to be read. */
  static async connect({ hostname, port }: Address): Promise<Peer> {
    return new Peer(await Deno.connect({ hostname, port }));
  }

  /** Connects with TLS from the first octet. */
  static async connectTls({ hostname, port }: Address, name: string, ca: string): Promise<Peer> {
    const plain = await Deno.connect({ hostname, port });
    const conn = await Deno.startTls(plain, { hostname: name, caCerts: [ca] });
    await conn.handshake();
    return new Peer(conn);
  }

  /** Sends octets in one write. */
  say(what: string | Uint8Array): Promise<void> {
    return writeAll(this.#conn, typeof what === "string" ? encode(what) : what);
  }

  /** The next reply, its lines with LF; what there was of one when the connection ends. */
  async reply(): Promise<string> {
    while (!REPLY.test(this.#unread)) if (!await this.#more()) break;
    const whole = REPLY.exec(this.#unread)?.[0] ?? this.#unread;
    this.#unread = this.#unread.slice(whole.length);
    return whole.trimEnd();
  }

  /** The codes of the next replies. */
  async codes(count: number): Promise<string> {
    const codes: string[] = [];
    while (codes.length < count) codes.push((await this.reply()).slice(0, 3));
    return codes.join(" ");
  }

  /** Says a line and gives the reply to it. */
  async ask(line: string): Promise<string> {
    await this.say(line + "\r\n");
    return await this.reply();
  }

  /** Reads greeting and EHLO reply. */
  async hello(): Promise<void> {
    await this.reply();
    await this.ask("EHLO client.example");
  }

  /** Hands a message over; gives the reply to its end. */
  async send(content: string, from = "a@example.org", to = "b@example.net"): Promise<string> {
    await this.ask(`MAIL FROM:<${from}>`);
    await this.ask(`RCPT TO:<${to}>`);
    await this.ask("DATA");
    return await this.ask(`${content}\r\n.`);
  }

  /** All that comes until the server hangs up; a reset ends it as well. */
  async toEnd(): Promise<string> {
    while (await this.#more()) { /* Reads on. */ }
    const rest = this.#unread;
    this.#unread = "";
    return rest;
  }

  /** Puts TLS over the connection, believing only this authority. */
  async startTls(name: string, ca: string): Promise<void> {
    const conn = await Deno.startTls(this.#conn as Deno.TcpConn, { hostname: name, caCerts: [ca] });
    this.#conn = conn;
    await conn.handshake();
  }

  /** Octets as they come, at least `count`, for what is no SMTP. */
  async octets(count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let got = 0; got < count;) {
      const n = await this.#conn.read(this.#buffer);
      if (n === null) break;
      parts.push(this.#buffer.slice(0, n));
      got += n;
    }
    return concat(parts);
  }

  /** Says that nothing more will come; replies can still be read. */
  endInput(): Promise<void> {
    return this.#conn.closeWrite();
  }

  /** Hangs up, if that was not done before. */
  close(): void {
    try {
      this.#conn.close();
    } catch {
      // Closed before, or taken over by TLS that failed.
    }
  }

  async #more(): Promise<boolean> {
    const n = await this.#conn.read(this.#buffer).catch(() => null);
    if (n === null) return false;
    this.#unread += decode(this.#buffer.subarray(0, n)).replaceAll("\r\n", "\n");
    return true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A connection that can be reset instead of closed in good order. */
export function resettable({ hostname, port }: Address): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, hostname, () => resolve(socket));
    socket.once("error", reject);
  });
}
