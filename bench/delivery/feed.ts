/**
 * Brings messages to the server under measurement, over several connections,
 * each command group in one write. Fails when one is refused.
 *
 * @module
 */
import { encode } from "../../base/bytes.ts";
import { HOST } from "./server.ts";

/** A message to bring. */
export interface Load {
  readonly recipients: readonly string[];
  /** Its content with the end of the data, as it goes over the wire. */
  readonly wire: Uint8Array;
}

const LINE = "x".repeat(70) + "\r\n";

/** Content of about `size` octets as it goes over the wire; the same object for the same size is the caller's to keep. */
export function wireOf(size: number): Uint8Array {
  const lines = Math.max(1, Math.round(size / LINE.length));
  return encode(`Subject: bench\r\n\r\n${LINE.repeat(lines)}.\r\n`);
}

/** Brings all messages, over that many connections at once; resolves with the last 250. */
export async function feed(
  port: number,
  loads: readonly Load[],
  connections: number,
): Promise<void> {
  const rest = loads.values(); // shared: each connection takes the next one
  const feeders = Array.from({ length: connections }, () => feedOver(port, rest));
  await Promise.all(feeders);
}

async function feedOver(port: number, loads: Iterator<Load>): Promise<void> {
  using talk = await Talk.open(port);
  await talk.say("EHLO client.example.org\r\n", 250);
  for (let next = loads.next(); !next.done; next = loads.next()) {
    const { recipients, wire } = next.value;
    await talk.say("MAIL FROM:<sender@example.org>\r\n", 250);
    for (let at = 0; at < recipients.length; at += 100) {
      const some = recipients.slice(at, at + 100);
      const lines = some.map((address) => `RCPT TO:<${address}>\r\n`);
      await talk.say(lines.join(""), ...some.map(() => 250));
    }
    await talk.say("DATA\r\n", 354);
    await talk.send(wire);
    await talk.hear(250);
  }
}

/** One client's end of a conversation. */
class Talk implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #buffer = new Uint8Array(16 * 1024);
  readonly #decoder = new TextDecoder();
  #heard = "";

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Connects and waits for the greeting. */
  static async open(port: number): Promise<Talk> {
    const conn = await Deno.connect({ hostname: HOST, port });
    conn.setNoDelay(true);
    const talk = new Talk(conn);
    await talk.hear(220);
    return talk;
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }

  async say(lines: string, ...codes: number[]): Promise<void> {
    await this.send(encode(lines));
    for (const code of codes) await this.hear(code);
  }

  async send(octets: Uint8Array): Promise<void> {
    for (let at = 0; at < octets.length;) at += await this.#conn.write(octets.subarray(at));
  }

  /** Reads a reply, which must have this code. */
  async hear(code: number): Promise<void> {
    while (true) {
      const line = await this.#line();
      if (!line.startsWith(String(code))) throw new Error(`wanted ${code}, heard ${line}`);
      if (line[3] !== "-") return;
    }
  }

  async #line(): Promise<string> {
    let end = this.#heard.indexOf("\r\n");
    while (end < 0) {
      const n = await this.#conn.read(this.#buffer);
      if (n === null) throw new Error("the server hung up");
      this.#heard += this.#decoder.decode(this.#buffer.subarray(0, n));
      end = this.#heard.indexOf("\r\n");
    }
    const line = this.#heard.slice(0, end);
    this.#heard = this.#heard.slice(end + 2);
    return line;
  }
}
