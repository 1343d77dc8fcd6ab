/**
 * The next hops of the crash proof: take mail and write down what they took, and
 * fail now and then in each of the ways that put mail back into the queue.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeQuietly } from "../../../transport/stream.ts";
import { HungUp, OctetTalk } from "../octet_talk.ts";
import type { SeededRandom } from "../seeded_random.ts";
import type { Ledger } from "./ledger.ts";
import { hashOf, isRefused, submissionOfContent, submissionOfSender } from "./mail.ts";

/** How likely each failure is, each time that there is an occasion. */
const FAILURES = {
  /** 421 instead of a greeting. */
  greeting: 0.005,
  /** The host refuses everybody for a while. */
  outage: 0.0005,
  /** 451 to MAIL. */
  mail: 0.01,
  /** 451 to a recipient, so that the message is delivered in part. */
  recipient: 0.03,
  /** It hangs up in the middle of the content. */
  cut: 0.005,
  /** 451 to the final dot. */
  content: 0.01,
  /** It takes the message, and hangs up without saying so. */
  silence: 0.003,
} as const;

/** The longest outage, ms. */
const LONGEST_OUTAGE = 2000;

/** What was said in one conversation. */
interface Session {
  readonly talk: OctetTalk;
  hello: string;
  from: string | undefined;
  recipients: string[];
}

/** A next hop. */
export class NextHop implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #random: SeededRandom;
  readonly #ledger: Ledger;
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #serving: Promise<void>;
  #steady = false;
  #outUntil = 0;

  /** Listens at once. */
  constructor(hostname: string, port: number, random: SeededRandom, ledger: Ledger) {
    this.#random = random;
    this.#ledger = ledger;
    this.#listener = Deno.listen({ hostname, port });
    this.#serving = this.#serve();
  }

  /** From now on it takes whatever comes, except for recipients that it never takes. */
  settleDown(): void {
    this.#steady = true;
  }

  /** Ends every conversation, and listens no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    closeQuietly(this.#listener);
    for (const conn of this.#conns) closeQuietly(conn);
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const open = new Set<Promise<void>>();
    for await (const conn of this.#listener) {
      const conversation = this.#converse(conn);
      open.add(conversation);
      void conversation.finally(() => open.delete(conversation));
    }
    await Promise.all(open);
  }

  async #converse(conn: Deno.TcpConn): Promise<void> {
    this.#conns.add(conn);
    try {
      using talk = new OctetTalk(conn);
      await this.#talk({ talk, hello: "", from: undefined, recipients: [] });
    } catch {
      // The server was killed, or this host hung up on it: what was taken is in the books.
    } finally {
      this.#conns.delete(conn);
    }
  }

  async #talk(session: Session): Promise<void> {
    const { talk } = session;
    if (this.#isOut() || this.#fails("greeting")) {
      return await talk.send("421 4.3.2 not now\r\n");
    }
    await talk.send("220 hop.test ESMTP\r\n");
    while (true) {
      const line = await talk.line();
      if (line === "QUIT") return await talk.send("221 2.0.0 bye\r\n");
      if (line === "DATA") await this.#data(session);
      else await talk.send(this.#answer(session, line));
    }
  }

  /** The answer to a command that no content follows. */
  #answer(session: Session, line: string): string {
    const argument = line.slice(5);
    switch (line.slice(0, 4)) {
      case "EHLO":
        session.hello = argument;
        return "250-hop.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";
      case "RSET":
        session.from = undefined;
        return "250 2.0.0 forgotten\r\n";
      case "MAIL":
        session.recipients = [];
        session.from = this.#isOut() || this.#fails("mail") ? undefined : pathIn(argument);
        return session.from === undefined ? "451 4.3.0 not now\r\n" : "250 2.1.0 go on\r\n";
      case "RCPT":
        return this.#recipient(session, pathIn(argument));
      default:
        this.#ledger.note(`a next hop was told ${JSON.stringify(line)}`);
        return "500 5.5.2 what?\r\n";
    }
  }

  #recipient({ from, recipients }: Session, recipient: string): string {
    if (from === undefined) return "503 5.5.1 no sender\r\n";
    if (isRefused(recipient)) return "550 5.1.1 nobody here of that name\r\n";
    if (this.#fails("recipient")) return "451 4.2.1 not now\r\n";
    recipients.push(recipient);
    return "250 2.1.5 go on\r\n";
  }

  async #data(session: Session): Promise<void> {
    const { talk, recipients } = session;
    if (recipients.length === 0) return await talk.send("554 5.5.1 no valid recipients\r\n");
    await talk.send("354 go on\r\n");
    if (this.#fails("cut")) {
      await talk.read();
      throw new HungUp();
    }
    const content = await talk.content();
    if (this.#fails("content")) return await talk.send("451 4.3.0 not now\r\n");
    const told = !this.#fails("silence");
    this.#take(session, content, told);
    if (!told) throw new HungUp();
    await talk.send("250 2.0.0 taken\r\n");
    session.from = undefined;
    session.recipients = [];
  }

  #take({ hello, from, recipients }: Session, content: Uint8Array, told: boolean): void {
    const common = { deliveredBy: hello, at: Date.now(), told };
    if (from === "") {
      const submission = submissionOfSender(recipients[0]!);
      this.#ledger.taken.push({ ...common, ...readBounce(content), submission, hash: "" });
      return;
    }
    const original = withoutTrace(content);
    const submission = submissionOfContent(original);
    if (submission === undefined || submission !== submissionOfSender(from!)) {
      this.#ledger.note(`from <${from}> came the content of ${submission ?? "no submission"}`);
      return;
    }
    this.#ledger.taken.push({
      ...common,
      submission,
      recipients,
      madeBy: "",
      hash: hashOf(original),
    });
  }

  #fails(occasion: keyof typeof FAILURES): boolean {
    return !this.#steady && this.#random.chance(FAILURES[occasion]);
  }

  #isOut(): boolean {
    if (this.#steady) return false;
    const now = Date.now();
    if (now >= this.#outUntil && this.#fails("outage")) {
      this.#outUntil = now + this.#random.between(0, LONGEST_OUTAGE);
    }
    return now < this.#outUntil;
  }
}

function pathIn(argument: string): string {
  return argument.slice(argument.indexOf("<") + 1, argument.indexOf(">"));
}

/** The content less the header field that the server put before it. */
function withoutTrace(content: Uint8Array): Uint8Array {
  const octets = Buffer.from(content.buffer, content.byteOffset, content.length);
  if (octets.toString("latin1", 0, 10) !== "Received: ") return content;
  let end = octets.indexOf("\r\n");
  while (octets[end + 2] === TAB || octets[end + 2] === SPACE) {
    end = octets.indexOf("\r\n", end + 2);
  }
  return octets.subarray(end + 2);
}

/** Whom a bounce says were not reached (RFC 3464 §2.3.2), and which run of the server made it. */
function readBounce(content: Uint8Array): { recipients: string[]; madeBy: string } {
  const text = Buffer.from(content).toString("latin1");
  const failed = text.matchAll(/^Final-Recipient: rfc822; ?(\S+)\r$/gmi);
  const madeBy = /^From: .*<MAILER-DAEMON@(\S+)>\r$/m.exec(text)?.[1] ?? "";
  return { recipients: Array.from(failed, ([, recipient]) => recipient!), madeBy };
}

const TAB = 0x09;
const SPACE = 0x20;
