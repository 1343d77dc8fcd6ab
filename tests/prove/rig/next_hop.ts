/**
 * The host that gets all mail of a proof. It treats each recipient as the address
 * says, keeps what it took on record, and names the recipients in its reply, so
 * that a trace of the server's calls shows what was delivered when.
 *
 * @module
 */
import { closeQuietly } from "../../../transport/stream.ts";
import { HungUp, OctetTalk } from "../octet_talk.ts";
import { hashOf, treatmentOf, withoutTrace } from "./mail.ts";

/** A message as the host took it, for one recipient. */
export interface Taken {
  /** The recipient. */
  readonly address: string;
  /** Which run of the server brought it, as it says in EHLO. */
  readonly run: string;
  /** Of the content without its trace field. */
  readonly hash: string;
}

/** Somebody who waits for a message. */
interface Waiting {
  readonly address: string;
  readonly run: string;
  readonly done: () => void;
}

/** What the reply to content that was taken begins with; the recipients follow, with commas. */
export const TOOK = "250 2.0.0 took ";

const USUAL: ReadonlyMap<string, string> = new Map([
  ["EHLO", "250-hop.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"],
  ["MAIL", "250 2.1.0 go on\r\n"],
  ["RSET", "250 2.0.0 forgotten\r\n"],
  ["QUIT", "221 2.0.0 bye\r\n"],
]);

/** A listening next hop. */
export class NextHop implements AsyncDisposable {
  /** Its port on 127.0.0.1. */
  readonly port: number;
  /** What it took, in the order of its replies. */
  readonly taken: Taken[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.Conn>();
  readonly #putOff = new Set<string>();
  readonly #waiting = new Set<Waiting>();
  readonly #serving: Promise<void>;
  #held: { readonly address: string; promise: Promise<void>; resolve: () => void } | undefined;

  /** Listens. */
  constructor() {
    this.port = this.#listener.addr.port;
    this.#serving = this.#serve();
  }

  /** Ends every conversation, and listens no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.open();
    closeQuietly(this.#listener);
    for (const conn of this.#conns) closeQuietly(conn);
    await this.#serving;
  }

  /** Resolves when that run of the server has brought a message for the address. */
  async until(address: string, run: string): Promise<void> {
    if (this.taken.some((one) => one.address === address && one.run === run)) return;
    await new Promise<void>((done) => this.#waiting.add({ address, run, done }));
  }

  /** Leaves the content for an address without a reply until {@linkcode open} is called. */
  hold(address: string): void {
    this.#held = { address, ...Promise.withResolvers<void>() };
  }

  /** Replies again. */
  open(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  async #serve(): Promise<void> {
    const sessions: Promise<void>[] = [];
    for await (const conn of this.#listener) {
      this.#conns.add(conn);
      sessions.push(this.#converse(conn).finally(() => this.#conns.delete(conn)));
    }
    await Promise.all(sessions);
  }

  async #converse(conn: Deno.TcpConn): Promise<void> {
    using talk = new OctetTalk(conn);
    try {
      await this.#talk(talk);
    } catch (error) {
      if (!isEnd(error)) throw error;
    }
  }

  async #talk(talk: OctetTalk): Promise<void> {
    await talk.send("220 hop.test ESMTP\r\n");
    let run = "";
    let recipients: string[] = [];
    while (true) {
      const line = await talk.line();
      const verb = line.slice(0, 4);
      if (verb === "EHLO") run = line.slice(5);
      if (verb === "MAIL") recipients = [];
      if (verb === "RCPT") await talk.send(this.#recipient(line, recipients));
      else if (verb === "DATA") await this.#data(talk, run, recipients);
      else await talk.send(USUAL.get(verb) ?? "500 5.5.2 what?\r\n");
    }
  }

  #recipient(line: string, recipients: string[]): string {
    const address = line.slice(line.indexOf("<") + 1, line.indexOf(">"));
    const treatment = treatmentOf(address);
    if (treatment === "never") return "550 5.1.1 nobody here of that name\r\n";
    if (treatment === "later" && !this.#putOff.has(address)) {
      this.#putOff.add(address);
      return "451 4.2.1 not now\r\n";
    }
    recipients.push(address);
    return "250 2.1.5 go on\r\n";
  }

  async #data(talk: OctetTalk, run: string, recipients: readonly string[]): Promise<void> {
    if (recipients.length === 0) return await talk.send("554 5.5.1 no valid recipients\r\n");
    await talk.send("354 go on\r\n");
    const hash = hashOf(withoutTrace(await talk.content()));
    if (this.#held && recipients.includes(this.#held.address)) await this.#held.promise;
    for (const address of recipients) this.#take({ address, run, hash });
    await talk.send(`${TOOK}${recipients.join(",")}\r\n`);
  }

  #take(taken: Taken): void {
    this.taken.push(taken);
    for (const waiting of this.#waiting) {
      if (waiting.address !== taken.address || waiting.run !== taken.run) continue;
      this.#waiting.delete(waiting);
      waiting.done();
    }
  }
}

/** Whether an error only says that the other end is gone. */
export function isEnd(error: unknown): boolean {
  return [
    HungUp,
    Deno.errors.ConnectionRefused,
    Deno.errors.ConnectionReset,
    Deno.errors.ConnectionAborted,
    Deno.errors.BrokenPipe,
    Deno.errors.NotConnected,
    Deno.errors.BadResource,
    Deno.errors.Interrupted,
  ].some((kind) => error instanceof kind);
}
