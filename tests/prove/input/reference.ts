/**
 * What a client's octets mean, read a second time by other means than the server
 * reads them: all of them at once, in whole texts, with the server's replies for
 * what is the server's to decide. One reply for each command and each end of
 * content, in order, tells which messages were sent and how; whatever does not
 * fit is a fault, told in words. Shares no code with the server.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Reply } from "./replies.ts";

/** A dialogue as it went over the wire; texts have one character for each octet. */
export interface Exchange {
  /** All that the client sent. */
  readonly sent: string;
  /** Where in `sent` the client would go on after each TLS handshake; what lies before is lost. */
  readonly resumptions: readonly number[];
  /** Whether the dialogue began with TLS. */
  readonly tls: boolean;
  /** Who may log in: nobody, those in TLS, anybody. */
  readonly auth?: "tls" | "anywhere";
  /** The replies, without the greeting. */
  readonly replies: readonly Reply[];
  /** The server's limits, in octets. */
  readonly limits: { readonly commandLine: number; readonly messageSize: number };
}

/** A message that was sent, whole, and acknowledged. */
export interface SentMessage {
  /** The argument of its MAIL, as it was sent. */
  readonly sender: string;
  /** How many recipients were accepted. */
  readonly recipients: number;
  /** Its content. */
  readonly content: string;
  /** The text of the reply that acknowledged it. */
  readonly acknowledgement: string;
}

/** How the server is left. */
export type Ending = "open" | "closed" | "handshake";

/** What was read, or what does not fit. */
export type Reading =
  | { readonly kind: "read"; readonly messages: readonly SentMessage[]; readonly ending: Ending }
  | { readonly kind: "fault"; readonly fault: string };

/**
 * Octets by which extensions make a command's line longer: MAIL by SIZE, BODY, SMTPUTF8,
 * RET and ENVID, AUTH, HOLDUNTIL, MT-PRIORITY, REQUIRETLS and BY (RFC 1870, 6152, 6531,
 * 3461, 4954, 4865, 6710, 8689, 2852), RCPT by NOTIFY and ORCPT (RFC 3461), AUTH by its
 * initial response (RFC 4954).
 */
const EXTENSIONS = new Map([
  ["MAIL", 26 + 17 + 10 + 11 + 17 + 9 + 107 + 500 + 46 + 15],
  ["RCPT", 29 + 507],
  ["AUTH", 12288],
]);

/** A CR without LF or an LF without CR. */
const BARE = /\r(?!\n)|(?<!\r)\n/;

/** Something that does not fit. */
class Misfit extends Error {}

/** Reads a dialogue. */
export function readExchange(exchange: Exchange): Reading {
  const reader = new ExchangeReader(exchange);
  try {
    return { kind: "read", ending: reader.read(), messages: reader.messages };
  } catch (error) {
    if (error instanceof Misfit) return { kind: "fault", fault: error.message };
    throw error;
  }
}

/** An open transaction; `chunks` once BDAT has begun. */
interface Transaction {
  readonly sender: string;
  recipients: number;
  chunks?: { content: string; refused: boolean };
}

class ExchangeReader {
  readonly messages: SentMessage[] = [];
  readonly #exchange: Exchange;
  #at = 0;
  #answered = 0;
  #greeted = false;
  #tls: boolean;
  #transaction: Transaction | undefined;
  /** Whether the lines are responses to challenges, and no commands (RFC 4954 §4). */
  #responding = false;
  #loggedIn = false;
  #ending: Ending = "open";

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#tls = exchange.tls;
  }

  read(): Ending {
    const { sent, replies } = this.#exchange;
    while (this.#ending === "open") {
      const end = sent.indexOf("\r\n", this.#at);
      if (end < 0) break;
      const line = sent.slice(this.#at, end);
      this.#at = end + 2;
      this.#command(line);
    }
    const next = replies[this.#answered];
    if (next !== undefined) throw new Misfit(`a reply to nothing: ${next.code} ${next.texts[0]}`);
    return this.#ending;
  }

  /** The reply to something; 421 ends the dialogue (RFC 5321 §3.8). */
  #reply(what: string): number {
    const reply = this.#exchange.replies[this.#answered++];
    if (reply === undefined) throw new Misfit(`no reply to ${show(what)}`);
    // RFC 2034 §4: all but the answer to HELO and EHLO and 3yz replies have an enhanced code.
    const bare = reply.code === 334 || reply.code === 354 ||
      reply.code === 250 && /^(HELO|EHLO) /i.test(what);
    if (reply.enhanced === bare) {
      throw new Misfit(`${reply.code} to ${show(what)} has the wrong form`);
    }
    if (reply.code === 421) this.#ending = "closed";
    return reply.code;
  }

  #command(line: string): void {
    if (this.#responding) return this.#response();
    const verb = line.split(" ", 1)[0]!.toUpperCase();
    if (/^BDAT(?![A-Z0-9])/i.test(line)) return this.#bdat(line);
    const code = this.#reply(line);
    if (code >= 400) return;
    if (!this.#mayBe(line, verb)) throw new Misfit(`${code} to ${show(line)}`);
    if (!this.#isLegal(verb, code)) throw new Misfit(`${code} to ${verb} at the wrong time`);
    this.#obey(verb, line, code);
  }

  /** A line that answers a challenge, whatever it says. */
  #response(): void {
    const code = this.#reply("a response");
    if (code < 400 && code !== 235 && code !== 334) throw new Misfit(`${code} to a response`);
    this.#responding = code === 334;
    this.#loggedIn = code === 235;
  }

  /** Whether a line can be a command at all, whatever it says. */
  #mayBe(line: string, verb: string): boolean {
    const bound = this.#exchange.limits.commandLine + (EXTENSIONS.get(verb) ?? 0);
    return line.length + 2 <= bound && !/[\0\r\n]/.test(line) && isUtf8(line);
  }

  /** Whether a command may be answered with this code, which is below 400, now. */
  #isLegal(verb: string, code: number): boolean {
    const transaction = this.#transaction;
    const collecting = transaction !== undefined && transaction.chunks === undefined;
    switch (verb) {
      case "EHLO":
      case "HELO":
      case "RSET":
      case "NOOP":
        return code === 250;
      case "HELP":
        return code === 214;
      case "VRFY":
        return code === 252;
      case "QUIT":
        return code === 221;
      case "MAIL":
        return code === 250 && this.#greeted && transaction === undefined;
      case "RCPT":
        return code === 250 && collecting;
      case "DATA":
        return code === 354 && collecting && transaction.recipients > 0;
      case "STARTTLS":
        return code === 220 && this.#greeted && !this.#tls &&
          (transaction === undefined || collecting);
      case "AUTH":
        return (code === 235 || code === 334) && this.#greeted && transaction === undefined &&
          !this.#loggedIn && this.#mayLogIn;
      default:
        return false;
    }
  }

  get #mayLogIn(): boolean {
    const { auth } = this.#exchange;
    return auth === "anywhere" || auth === "tls" && this.#tls;
  }

  /** What a command does that was answered with 2yz or 3yz. */
  #obey(verb: string, line: string, code: number): void {
    switch (verb) {
      case "EHLO":
      case "HELO":
        this.#greeted = true;
        this.#transaction = undefined;
        break;
      case "RSET":
        this.#transaction = undefined;
        break;
      case "MAIL":
        this.#transaction = { sender: line.slice(5), recipients: 0 };
        break;
      case "RCPT":
        this.#transaction!.recipients++;
        break;
      case "DATA":
        this.#data();
        break;
      case "QUIT":
        this.#ending = "closed";
        break;
      case "STARTTLS":
        this.#handshake();
        break;
      case "AUTH":
        this.#responding = code === 334;
        this.#loggedIn = code === 235;
        break;
    }
  }

  /** What was sent in plaintext behind STARTTLS is lost, and the dialogue starts over (RFC 3207 §4.2). */
  #handshake(): void {
    const resumption = this.#exchange.resumptions.find((place) => place >= this.#at);
    this.#at = resumption ?? this.#exchange.sent.length;
    this.#ending = resumption === undefined ? "handshake" : "open";
    this.#tls = true;
    this.#greeted = false;
    this.#loggedIn = false;
    this.#transaction = undefined;
  }

  /** The content of DATA, if its end is there (RFC 5321 §4.1.1.4, §4.5.2). */
  #data(): void {
    const { sent } = this.#exchange;
    // The CRLF of the command may be the one before the final dot.
    const end = sent.indexOf("\r\n.\r\n", this.#at - 2);
    if (end < 0) {
      this.#at = sent.length;
      return;
    }
    const lines = sent.slice(this.#at, end + 2).split("\r\n");
    this.#at = end + 5;
    this.#message(lines.map((line) => line.startsWith(".") ? line.slice(1) : line).join("\r\n"));
  }

  /** BDAT and its chunk (RFC 3030 §2). One that does not say where it ends must end the dialogue. */
  #bdat(line: string): void {
    const match = /^BDAT +([0-9]{1,20})( +LAST)? *$/i.exec(line);
    const size = Number(match?.[1]);
    const { commandLine } = this.#exchange.limits;
    if (match === null || !Number.isSafeInteger(size) || line.length + 2 > commandLine) {
      if (this.#reply(line) < 400) throw new Misfit(`${show(line)} accepted`);
      this.#ending = "closed";
      return;
    }
    const chunk = this.#exchange.sent.slice(this.#at, this.#at + size);
    this.#at += chunk.length;
    if (chunk.length === size) this.#chunk(chunk, match[2] !== undefined);
  }

  #chunk(chunk: string, last: boolean): void {
    const transaction = this.#transaction;
    if (transaction === undefined || transaction.recipients === 0) {
      if (this.#reply("a chunk") < 400) throw new Misfit("a chunk accepted without a recipient");
      return;
    }
    const chunks = transaction.chunks ??= { content: "", refused: false };
    chunks.content += chunk;
    if (last && !chunks.refused) return this.#message(chunks.content);
    const refused = this.#reply("a chunk") >= 400;
    if (chunks.refused && !refused) throw new Misfit("a chunk accepted after one was refused");
    chunks.refused = refused;
    if (last) this.#transaction = undefined;
  }

  /** A message is all there; its reply says whether the server took it. */
  #message(content: string): void {
    const acknowledgement = this.#exchange.replies[this.#answered]?.texts[0] ?? "";
    const code = this.#reply("content");
    const { sender, recipients } = this.#transaction!;
    this.#transaction = undefined;
    if (code >= 400) return;
    if (code !== 250) throw new Misfit(`${code} to content`);
    // RFC 3030 §3: such content came in chunks, and has no lines.
    const isBinary = / BODY=BINARYMIME(?: |$)/i.test(sender);
    if (BARE.test(content) && !isBinary) {
      throw new Misfit(`accepted with a bare CR or LF: ${show(content)}`);
    }
    if (content.length > this.#exchange.limits.messageSize) {
      throw new Misfit(`accepted over the size limit: ${content.length} octets`);
    }
    this.messages.push({ sender, recipients, content, acknowledgement });
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function isUtf8(octets: string): boolean {
  try {
    utf8.decode(Buffer.from(octets, "latin1"));
    return true;
  } catch {
    return false;
  }
}

function show(text: string): string {
  return JSON.stringify(text.length > 100 ? text.slice(0, 100) + "…" : text);
}
