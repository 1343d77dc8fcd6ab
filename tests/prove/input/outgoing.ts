/**
 * The part of the input proof that looks at what goes out: content with all that
 * could end a message too early, taken by DATA and by BDAT, is relayed to a next
 * hop that reads strictly. It has to see every message once, and nothing else.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeQuietly } from "../../../transport/stream.ts";
import { dotStuffed, HungUp, OctetTalk } from "../octet_talk.ts";
import { within } from "../pause.ts";
import { RunningServer } from "../running_server.ts";
import { latin1 } from "./session_run.ts";
import { TRACE } from "./spool_content.ts";

/** What came of it. */
export interface OutgoingFindings {
  /** Messages relayed. */
  readonly messages: number;
  /** What is wrong, in words; undefined when nothing is. */
  readonly fault?: string;
}

/** The longest wait for all to be relayed, ms. */
const TOO_LONG = 20_000;

const SMUGGLED = "MAIL FROM:<x@y>\r\nRCPT TO:<z@y>\r\nDATA\r\nsmuggled";

/** Content that is taken by DATA; one character for each octet. */
const LINES = [
  ".",
  "..",
  ".\r\n.\r\n.",
  "one\r\n\0.\r\n" + SMUGGLED,
  "one\r\n.\0\r\n" + SMUGGLED,
  ".text\r\n..text\r\n. text",
  "",
  "\r\n\r\n.",
  "\xe9\xff\r\n.\xe9",
  "x".repeat(998) + "\r\n." + "x".repeat(997),
];

/** Content that is taken by BDAT besides. */
const CHUNKS = [
  "one\r\n.\r\n" + SMUGGLED + "\r\n.\r\n",
  "no line end",
  ".",
  "\r\n.\r\n",
  "one\r\n.",
];

/** Relays all of it through the program in a directory, given by its URL; `directory` is empty. */
export async function proveOutgoing(
  program: string,
  directory: string,
): Promise<OutgoingFindings> {
  using hop = new NextHop();
  const flags = [`--spool=${directory}/spool`, `--smarthost=smtp://127.0.0.1:${hop.port}`];
  await using server = await RunningServer.start(program, [...flags, "--allow-private"]);
  const expected = await bring(server.port);
  const complete = await within(TOO_LONG, hop.count(expected.length));
  await server.stop();
  const messages = hop.messages.length;
  if (hop.strange !== undefined) return { messages, fault: `the next hop heard ${hop.strange}` };
  if (!complete) return { messages, fault: `${messages} of ${expected.length} were relayed` };
  const missing = expected.find((content) => !remove(hop.messages, content));
  const fault = missing ?? hop.messages[0];
  return fault === undefined
    ? { messages }
    : { messages, fault: `otherwise: ${JSON.stringify(fault)}` };
}

/** Brings all contents; gives them as they have to come out. */
async function bring(port: number): Promise<string[]> {
  using talk = await OctetTalk.open(port);
  await expectReply(talk, 220);
  await command(talk, "EHLO c.example", 250);
  const byData = LINES.map((lines) => `${lines}\r\n`);
  const byBdat = [...LINES, ...CHUNKS];
  for (const content of byData) await bringByData(talk, Buffer.from(content, "latin1"));
  for (const content of byBdat) await bringByBdat(talk, Buffer.from(content, "latin1"));
  // DATA cannot but end its last line (RFC 5321 §4.1.1.4).
  return [
    ...byData,
    ...byBdat.map((content) => /(^|\r\n)$/.test(content) ? content : `${content}\r\n`),
  ];
}

async function bringByData(talk: OctetTalk, content: Uint8Array): Promise<void> {
  await envelope(talk);
  await command(talk, "DATA", 354);
  await talk.send(dotStuffed(content));
  await expectReply(talk, 250);
}

async function bringByBdat(talk: OctetTalk, content: Uint8Array): Promise<void> {
  await envelope(talk);
  await talk.send(`BDAT ${content.length} LAST\r\n`);
  await talk.send(content);
  await expectReply(talk, 250);
}

async function envelope(talk: OctetTalk): Promise<void> {
  await command(talk, "MAIL FROM:<a@c.example> BODY=8BITMIME", 250);
  await command(talk, "RCPT TO:<b@d.example>", 250);
}

async function command(talk: OctetTalk, line: string, code: number): Promise<void> {
  await talk.send(`${line}\r\n`);
  await expectReply(talk, code);
}

async function expectReply(talk: OctetTalk, code: number): Promise<void> {
  const reply = await talk.reply();
  if (reply.code !== code) throw new Error(`${reply.line} instead of ${code}`);
}

/** Takes one out of a list; false when it is not there. */
function remove(list: string[], one: string): boolean {
  const at = list.indexOf(one);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

/** Takes all mail, and notes whatever is no mail. */
class NextHop implements Disposable {
  readonly port: number;
  /** Contents as they came, without the trace field. */
  readonly messages: string[] = [];
  /** The first command that no relay gives. */
  strange: string | undefined;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  #wanted = Infinity;
  readonly #complete = Promise.withResolvers<true>();

  constructor() {
    this.port = this.#listener.addr.port;
    void this.#listen();
  }

  [Symbol.dispose](): void {
    closeQuietly(this.#listener);
  }

  /** Resolves when so many messages have come. */
  count(wanted: number): Promise<true> {
    this.#wanted = wanted;
    this.#check();
    return this.#complete.promise;
  }

  #check(): void {
    if (this.messages.length >= this.#wanted) this.#complete.resolve(true);
  }

  async #listen(): Promise<void> {
    for await (const conn of this.#listener) void this.#converse(new OctetTalk(conn));
  }

  async #converse(talk: OctetTalk): Promise<void> {
    using _closing = talk;
    try {
      await talk.send("220 hop.example ESMTP\r\n");
      while (true) await this.#answer(talk, await talk.line());
    } catch (error) {
      if (!(error instanceof HungUp)) this.strange ??= String(error);
    }
  }

  async #answer(talk: OctetTalk, line: string): Promise<void> {
    if (/^EHLO /.test(line)) {
      return await talk.send("250-hop.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
    }
    if (line === "QUIT") return await talk.send("221 2.0.0 bye\r\n");
    if (line === "DATA") return await this.#take(talk);
    const ours = /^MAIL FROM:<a@c\.example>|^RCPT TO:<b@d\.example>$|^RSET$/.test(line);
    if (!ours) this.strange ??= JSON.stringify(line);
    await talk.send("250 2.0.0 go on\r\n");
  }

  async #take(talk: OctetTalk): Promise<void> {
    await talk.send("354 go on\r\n");
    this.messages.push(latin1(await talk.content()).replace(TRACE, ""));
    await talk.send("250 2.0.0 took it\r\n");
    this.#check();
  }
}
