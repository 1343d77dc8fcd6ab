/**
 * A well-behaved client: sends one message after another, half of them over a
 * connection that it keeps, half over new ones, and measures how long each takes.
 * Throws when a message is not taken.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { pause, within } from "../pause.ts";
import { OctetTalk } from "../octet_talk.ts";

/** How long messages took, ms, in the order of their sending. */
export interface Latencies {
  /** Over the kept connection: from MAIL to the reply to the content. */
  readonly kept: readonly number[];
  /** Over new connections: from connecting on. */
  readonly fresh: readonly number[];
}

/** Four KiB of content, and its end. */
const CONTENT = Buffer.from(
  `Subject: well-behaved\r\n\r\n${"abcdefgh ".repeat(7)}\r\n`.repeat(45) + ".\r\n",
);

/** The longest wait for one message, ms. */
const TOO_LONG = 10_000;

/** The client. */
export class GoodClient implements Disposable {
  readonly #port: number;
  readonly #kept: OctetTalk;

  private constructor(port: number, kept: OctetTalk) {
    this.#port = port;
    this.#kept = kept;
  }

  /** Connects. */
  static async connect(port: number): Promise<GoodClient> {
    return new GoodClient(port, await greeted(port));
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#kept[Symbol.dispose]();
  }

  /**
   * Sends messages, one of each sort in turn and then none for `gap` ms, for as long
   * as `more` says with their number so far.
   */
  async sendWhile(more: (count: number) => boolean, gap: number): Promise<Latencies> {
    const latencies = { kept: [] as number[], fresh: [] as number[] };
    for (let count = 0; more(count); count += 2) {
      latencies.kept.push(await timed(() => send(this.#kept)));
      latencies.fresh.push(await timed(() => this.#sendFresh()));
      await pause(gap);
    }
    return latencies;
  }

  async #sendFresh(): Promise<true> {
    using talk = await greeted(this.#port);
    await send(talk);
    await ask(talk, "QUIT", 221);
    return true;
  }
}

async function greeted(port: number): Promise<OctetTalk> {
  const talk = await OctetTalk.open(port);
  await expectReply(talk, 220);
  await ask(talk, "EHLO good.test", 250);
  return talk;
}

async function send(talk: OctetTalk): Promise<true> {
  await ask(talk, "MAIL FROM:<good@good.test>", 250);
  await ask(talk, "RCPT TO:<b@d.test>", 250);
  await ask(talk, "DATA", 354);
  await talk.send(CONTENT);
  await expectReply(talk, 250);
  return true;
}

async function ask(talk: OctetTalk, command: string, code: number): Promise<void> {
  await talk.send(`${command}\r\n`);
  await expectReply(talk, code);
}

async function expectReply(talk: OctetTalk, code: number): Promise<void> {
  const reply = await talk.reply();
  if (reply.code !== code) throw new Error(`the good client was told: ${reply.line}`);
}

async function timed(work: () => Promise<true>): Promise<number> {
  const began = performance.now();
  const done = await within(TOO_LONG, work());
  if (!done) throw new Error("the good client waited too long");
  return performance.now() - began;
}
