/**
 * A mail host whose answers a test decides: takes any number of connections and
 * messages, and keeps both on record. Where the test says nothing it takes
 * everything.
 */
import { encode } from "../../base/bytes.ts";
import type { Host } from "../../deliver/route.ts";
import { closeQuietly, writeAll } from "../../transport/stream.ts";

/** When the host has to say something: at a connection, after a command, after the final dot. */
export type Moment = "CONNECT" | "EHLO" | "MAIL" | "RCPT" | "DATA" | "RSET" | "QUIT" | ".";

/**
 * What the host says at a moment: a reply line without CRLF, undefined for the
 * usual one, or `""` to hang up without a word. It hangs up after 421, too.
 */
export type Answer = (moment: Moment, line: string) => MaybeReply | Promise<MaybeReply>;

type MaybeReply = string | undefined;

/** A message as the host took it. */
export interface TakenMessage {
  readonly from: string;
  readonly recipients: readonly string[];
  /** Without dot-stuffing; each octet is a character of the same number. */
  readonly content: string;
}

const USUAL: Record<Moment, string> = {
  CONNECT: "220 mail.test ESMTP",
  EHLO: "250-mail.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES",
  MAIL: "250 2.1.0 sender ok",
  RCPT: "250 2.1.5 recipient ok",
  DATA: "354 go on",
  RSET: "250 2.0.0 forgotten",
  QUIT: "221 2.0.0 bye",
  ".": "250 2.0.0 taken",
};

/** A listening mail host. */
export class MailHost implements AsyncDisposable {
  /** Where it is. */
  readonly host: Host;
  /** What it took, in the order of its replies. */
  readonly messages: TakenMessage[] = [];
  /** The commands it heard, over all connections. */
  readonly commands: string[] = [];
  /** Connections so far. */
  connections = 0;
  /** Connections now. */
  open = 0;
  /** The most connections there were at once. */
  mostOpen = 0;
  /** Answers that the test is being waited for. */
  pending = 0;
  /** The most of these at once. */
  mostPending = 0;
  /** What it says. */
  answer: Answer;
  readonly #listener: Deno.TcpListener;
  readonly #conns = new Set<Deno.Conn>();
  readonly #closing = Promise.withResolvers<MaybeReply>();
  readonly #serving: Promise<void>;

  /** Listens at once. */
  constructor(
    answer: Answer = () => undefined,
    { name = "mail.test", address = "127.0.0.1", port = 0 }: Partial<Host> = {},
  ) {
    this.answer = answer;
    this.#listener = Deno.listen({ hostname: address, port });
    this.host = { name, address, port: this.#listener.addr.port };
    this.#serving = this.#serve();
  }

  /** Ends every connection, and listens no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.resolve("");
    closeQuietly(this.#listener);
    for (const conn of this.#conns) closeQuietly(conn);
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const sessions: Promise<void>[] = [];
    for await (const conn of this.#listener) {
      conn.setNoDelay(true);
      sessions.push(this.#converse(conn));
    }
    await Promise.all(sessions);
  }

  async #converse(conn: Deno.Conn): Promise<void> {
    this.#conns.add(conn);
    this.connections++;
    this.mostOpen = Math.max(this.mostOpen, ++this.open);
    try {
      await this.#talk(new Talk(conn));
    } catch {
      // The client hung up in the middle of it: what it left behind is on record.
    } finally {
      this.open--;
      this.#conns.delete(conn);
      closeQuietly(conn);
    }
  }

  async #talk(talk: Talk): Promise<void> {
    let from: string | undefined;
    let recipients: string[] = [];
    let code = await this.#say(talk, "CONNECT", "");
    while (code > 0) {
      const line = await talk.hearUntil("\r\n");
      this.commands.push(line);
      const moment = momentOf(line);
      if (moment === "RCPT" && from === undefined || moment === "DATA" && recipients.length === 0) {
        await talk.say("503 5.5.1 not now");
        continue;
      }
      code = await this.#say(talk, moment, line);
      if (moment === "RSET") [from, recipients] = [undefined, []];
      if (moment === "MAIL") [from, recipients] = [code < 300 ? pathOf(line) : undefined, []];
      if (moment === "RCPT" && code < 300) recipients.push(pathOf(line));
      if (code === 354) {
        const content = unstuffed(await talk.hearContent());
        code = await this.#say(talk, ".", "");
        if (code === 250) this.messages.push({ from: from!, recipients, content });
        [from, recipients] = [undefined, []];
      }
      if (moment === "QUIT") return;
    }
  }

  /** Gives the code of the reply; 0 when the conversation ends with it. */
  async #say(talk: Talk, moment: Moment, line: string): Promise<number> {
    this.mostPending = Math.max(this.mostPending, ++this.pending);
    const answered = Promise.race([this.answer(moment, line), this.#closing.promise]);
    const reply = await answered.finally(() => this.pending--) ?? USUAL[moment];
    if (reply !== "") await talk.say(reply);
    const code = Number(reply.slice(0, 3));
    return code === 421 || moment === "CONNECT" && code !== 220 ? 0 : code;
  }
}

/** One conversation, octets as characters. */
class Talk {
  readonly #conn: Deno.Conn;
  readonly #buffer = new Uint8Array(16 * 1024);
  #unread = "";

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  say(reply: string): Promise<void> {
    return writeAll(this.#conn, encode(reply + "\r\n"));
  }

  /** All up to a text, which is left out. @throws when the client hangs up before it. */
  async hearUntil(end: string): Promise<string> {
    let at = this.#unread.indexOf(end);
    while (at < 0) {
      const n = await this.#conn.read(this.#buffer);
      if (n === null) throw new Error("the client hung up");
      this.#unread += latin1(this.#buffer.subarray(0, n));
      at = this.#unread.indexOf(end);
    }
    const heard = this.#unread.slice(0, at);
    this.#unread = this.#unread.slice(at + end.length);
    return heard;
  }

  /** Content up to its end. The line end of DATA may be the first of the end's octets. */
  async hearContent(): Promise<string> {
    this.#unread = "\r\n" + this.#unread;
    return (await this.hearUntil("\r\n.\r\n") + "\r\n").slice(2);
  }
}

function latin1(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

function momentOf(line: string): Moment {
  const verb = line.slice(0, 4).toUpperCase();
  if (Object.hasOwn(USUAL, verb)) return verb as Moment;
  throw new Error(`this host does not know ${line}`);
}

function pathOf(line: string): string {
  return line.slice(line.indexOf("<") + 1, line.lastIndexOf(">"));
}

function unstuffed(content: string): string {
  return content.replace(/^\./gm, "");
}
