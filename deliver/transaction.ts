/**
 * One mail transaction from the client's side (RFC 5321 §3.3): MAIL, RCPT, DATA
 * and the content, pipelined where the host takes that (RFC 2920), and what
 * became of each recipient. Never rejects: whatever fails, on the network or in
 * reading the content, is the outcome of the recipients it failed for, and what
 * was known of the others before it stays.
 *
 * @module
 */
import { concat, encode } from "../base/bytes.ts";
import { isPromise } from "../base/maybe_promise.ts";
import type { DeliverySettings } from "../config/config.ts";
import type { Stages } from "../history/story.ts";
import type { DotStuffer } from "../protocol/dot_stuff.ts";
import type { Extensions } from "../protocol/ehlo.ts";
import { replyText, type SmtpReply } from "../protocol/reply.ts";
import { ReplySyntaxError } from "../protocol/reply_reader.ts";
import { type DeliveryError, QueueError } from "../queue/queue.ts";
import { TimeoutError } from "../transport/connection.ts";
import type { Dialogue } from "./dialogue.ts";
import {
  contentFailure,
  DeliveryFailure,
  networkFailure,
  replyFailure,
  type Stage,
} from "./failure.ts";
import { type MailPlan, planMail, type Transaction } from "./mail_plan.ts";
import type { Host } from "./route.ts";

/** What became of one recipient. */
export type RecipientOutcome =
  /**
   * `tells`: whether the host, which offers DSN, tells the sender what it wants to know of it;
   * `keepsTime`: whether it knows of the time in which the message is to be delivered (RFC 2852).
   */
  | {
    readonly kind: "delivered";
    readonly reply: string;
    readonly tells: boolean;
    readonly keepsTime?: true;
  }
  | { readonly kind: "failed"; readonly error: DeliveryError };

/** What became of a transaction. */
export interface TransactionResult {
  /** One for each recipient, in their order. */
  readonly outcomes: readonly RecipientOutcome[];
  /** The reply or error that decided it, on one line. */
  readonly reply: string;
  /** How long its parts took. */
  readonly stages: Pick<Stages, "envelope" | "content">;
  /**
   * Whether a connection that had carried mail before turned out to be dead
   * before anything was decided: not an attempt, to be made anew at once over
   * another connection.
   */
  readonly stale: boolean;
}

/** How a conversation stands between transactions: one left `open` wants RSET first; after `over` nothing more can be said. */
export type Standing = "clean" | "open" | "over";

/** The conversation that a transaction takes place in. */
export interface TransactionContext {
  /** With a host that has been greeted. */
  readonly dialogue: Dialogue;
  /** That host. */
  readonly host: Host;
  /** What it offers. */
  readonly extensions: Extensions;
  /** Frames the content; one for all transactions of the conversation. */
  readonly stuffer: DotStuffer;
  /** How long to wait for what. */
  readonly settings: Pick<DeliverySettings, "commandTimeout" | "dataTimeout" | "finalTimeout">;
  /** Whether transactions came before it on this connection. */
  readonly reused: boolean;
  /** How the one before left it; not `over`. */
  readonly standing: Standing;
}

/**
 * Commands sent before their replies are read. RFC 2920 §3.1 warns of both ends
 * waiting for each other with full buffers: the replies to this many fit into any.
 */
const MOST_PIPELINED = 128;

/** Content up to this size goes out in one write with its end, octets; larger content is streamed. */
const ONE_WRITE = 64 * 1024;

/** How long the last reply of a host that has hung up is waited for, ms. */
const LAST_REPLY_TIMEOUT = 2000;

/** A command and what its reply is about. */
type Command =
  | { readonly stage: "rset" | "mail" | "data"; readonly line: string }
  | { readonly stage: "rcpt"; readonly line: string; readonly index: number };

/** Carries out a transaction. Never rejects. */
export async function transact(
  transaction: Transaction,
  context: TransactionContext,
): Promise<{ result: TransactionResult; standing: Standing }> {
  const run = new Run(transaction, context);
  await run.run();
  return { result: run.result(), standing: run.standing };
}

/** A transaction under way. */
class Run {
  readonly #transaction: Transaction;
  readonly #context: TransactionContext;
  readonly #outcomes: (RecipientOutcome | undefined)[];
  #standing: Standing;
  /** What the host is asked for now. */
  #stage: Stage = "mail";
  /** Whether it has answered to anything yet. */
  #answered = false;
  /** Whether it took a recipient. */
  #accepted = false;
  /** Whether it waits for the content. */
  #invited = false;
  #stale = false;
  /** ms since 1970. */
  readonly #began: number;
  /** When the content began to go, ms since 1970. */
  #contentBegan: number | undefined;

  constructor(transaction: Transaction, context: TransactionContext) {
    this.#transaction = transaction;
    this.#context = context;
    this.#outcomes = new Array(transaction.recipients.length).fill(undefined);
    this.#standing = context.standing;
    this.#began = context.dialogue.now();
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** What became of it, once `run` is done. */
  result(): TransactionResult {
    const outcomes = this.#outcomes.filter((outcome) => outcome !== undefined);
    const decisive = outcomes.find(({ kind }) => kind === "delivered") ?? outcomes[0]!;
    const reply = decisive.kind === "delivered" ? decisive.reply : decisive.error.text;
    return { outcomes, reply, stages: this.#stages(), stale: this.#stale };
  }

  #stages(): TransactionResult["stages"] {
    const now = this.#context.dialogue.now();
    const middle = this.#contentBegan;
    if (middle === undefined) return { envelope: now - this.#began };
    return { envelope: middle - this.#began, content: now - middle };
  }

  async run(): Promise<void> {
    try {
      const { extensions, host } = this.#context;
      const planned = planMail(this.#transaction, extensions, host);
      const plan = isPromise(planned) ? await planned : planned;
      if (plan.kind === "refused") return this.#decide({ kind: "failed", error: plan.error });
      await this.#sendEnvelope(this.#commands(plan));
      const goes = this.#accepted && (plan.framing === "chunks" || this.#invited);
      if (goes) this.#contentBegan = this.#context.dialogue.now();
      if (plan.framing === "chunks" && this.#accepted) await this.#sendChunks();
      if (this.#invited) await (this.#accepted ? this.#sendContent() : this.#sendNothing());
    } catch (error) {
      this.#breakOff(error);
    }
  }

  /** The commands in their order; none when no recipient can be given to this host. */
  #commands(plan: MailPlan & { kind: "go" }): Command[] {
    const rcpts: Command[] = [];
    for (const [index, rcpt] of plan.recipients.entries()) {
      if (typeof rcpt !== "string") this.#outcomes[index] = { kind: "failed", error: rcpt };
      else rcpts.push({ stage: "rcpt", line: `${rcpt}\r\n`, index });
    }
    if (rcpts.length === 0) return [];
    const first: Command[] = [{ stage: "mail", line: `${plan.mail}\r\n` }];
    if (this.#standing === "open") first.unshift({ stage: "rset", line: "RSET\r\n" });
    if (plan.framing === "chunks") return [...first, ...rcpts];
    return [...first, ...rcpts, { stage: "data", line: "DATA\r\n" }];
  }

  /** Sends the commands and reads their replies, many at once where the host takes that. */
  async #sendEnvelope(commands: readonly Command[]): Promise<void> {
    const { dialogue, extensions, settings } = this.#context;
    const atOnce = extensions.pipelining ? MOST_PIPELINED : 1;
    for (let at = 0; at < commands.length; at += atOnce) {
      const group = commands.slice(at, at + atOnce);
      if (!this.#isOfUse(group[0]!)) return;
      await dialogue.send(encode(linesOf(group)), settings.commandTimeout);
      for (const command of group) {
        this.#stage = command.stage;
        const reply = dialogue.ready() ?? await dialogue.reply(this.#timeout());
        this.#take(command, this.#expected(reply));
      }
    }
  }

  /** Whether what was answered so far leaves anything for this command to do. */
  #isOfUse(command: Command): boolean {
    switch (command.stage) {
      case "rset":
      case "mail":
        return true;
      case "rcpt":
        return this.#standing === "open";
      case "data":
        return this.#accepted;
    }
  }

  /** Takes the reply to a command of the envelope. */
  #take(command: Command, reply: SmtpReply): void {
    const { stage } = command;
    const isRefusal = reply.code >= 400;
    switch (stage) {
      case "rset":
        if (isRefusal) throw new DeliveryFailure(stage, this.#errorOf(stage, reply));
        this.#standing = "clean";
        return;
      case "mail":
        if (isRefusal) this.#decide(this.#failed(stage, reply));
        else this.#standing = "open";
        return;
      case "rcpt":
        if (this.#outcomes[command.index] !== undefined) return; // MAIL was refused
        if (isRefusal) this.#outcomes[command.index] = this.#failed(stage, reply);
        else this.#accepted = true;
        return;
      case "data":
        if (isRefusal) this.#decide(this.#failed(stage, reply));
        else this.#invited = true;
        return;
    }
  }

  /**
   * The reply at this stage, where it is what was asked for, or a refusal.
   *
   * @throws {DeliveryFailure} when the conversation is over with it: 421, or one that makes no sense here.
   */
  #expected(reply: SmtpReply): SmtpReply {
    const stage = this.#stage;
    const isIntermediate = reply.code >= 300 && reply.code < 400;
    if (reply.code === 421 || reply.code < 400 && isIntermediate !== (stage === "data")) {
      throw new DeliveryFailure(stage, this.#errorOf(stage, reply));
    }
    this.#answered = true;
    return reply;
  }

  /** How long the reply at this stage may take (RFC 5321 §4.5.3.2), ms. */
  #timeout(): number {
    const { commandTimeout, dataTimeout, finalTimeout } = this.#context.settings;
    if (this.#stage === "final dot") return finalTimeout;
    return this.#stage === "data" ? dataTimeout : commandTimeout;
  }

  /** Sends the content with its end, and takes the verdict. */
  async #sendContent(): Promise<void> {
    const { content } = this.#transaction;
    const { stuffer } = this.#context;
    if (content.bytes !== undefined && content.bytes.length <= ONE_WRITE) {
      await this.#sendEnd(stuffer.frame(content.bytes));
    } else {
      this.#stage = "body";
      const buffer = new Uint8Array(ONE_WRITE);
      for await (const chunk of content.stream(buffer)) {
        await this.#sendBlock(stuffer.encode(chunk));
      }
      await this.#sendEnd(stuffer.end());
    }
    this.#judged(await this.#verdict());
  }

  /**
   * Sends the content as it is (RFC 3030 §2): in one write with its end when it is
   * small, else as one chunk, and its end once that was taken.
   */
  async #sendChunks(): Promise<void> {
    const { content, size } = this.#transaction;
    if (content.bytes !== undefined && size <= ONE_WRITE) {
      await this.#sendEnd(concat([encode(`BDAT ${size} LAST\r\n`), content.bytes]));
      return this.#judged(await this.#verdict());
    }
    this.#stage = "body";
    await this.#sendBlock(encode(`BDAT ${size}\r\n`));
    const buffer = new Uint8Array(ONE_WRITE);
    for await (const block of content.stream(buffer)) await this.#sendBlock(block);
    const taken = await this.#verdict();
    if (taken.code >= 400) return this.#decide(this.#failed("body", taken));
    await this.#sendEnd(encode("BDAT 0 LAST\r\n"));
    this.#judged(await this.#verdict());
  }

  /** Takes the reply to all of the content. */
  #judged(reply: SmtpReply): void {
    if (reply.code >= 400) return this.#decide(this.#failed("final dot", reply));
    this.#standing = "clean";
    const { dsn: tells, leastDeliverBy } = this.#context.extensions;
    const keepsTime = this.#transaction.deliverBy && leastDeliverBy !== undefined;
    const timing = keepsTime && { keepsTime };
    this.#decide({ kind: "delivered", reply: replyText(reply), tells, ...timing });
  }

  /** The host waits for content that is for nobody: RFC 2920 §3.1 ends it at once. What it says to that decides nothing. */
  async #sendNothing(): Promise<void> {
    this.#standing = "open";
    await this.#sendEnd(this.#context.stuffer.end());
    await this.#verdict();
  }

  /** Sends what the end of the data is in: from here on the host may have the message. */
  #sendEnd(octets: Uint8Array): Promise<void> {
    this.#stage = "final dot";
    return this.#sendBlock(octets);
  }

  /** The reply to the final dot, or to a chunk. */
  async #verdict(): Promise<SmtpReply> {
    return this.#expected(await this.#context.dialogue.reply(this.#timeout()));
  }

  async #sendBlock(octets: Uint8Array): Promise<void> {
    const { dialogue, settings } = this.#context;
    try {
      await dialogue.send(octets, settings.dataTimeout);
    } catch (error) {
      throw await this.#lastWord() ?? error;
    }
  }

  /** What a host that hung up in the middle of the content said before it did, e.g. that the message is too large. */
  async #lastWord(): Promise<DeliveryFailure | undefined> {
    try {
      const reply = await this.#context.dialogue.reply(LAST_REPLY_TIMEOUT);
      if (reply.code < 400) return undefined;
      return new DeliveryFailure("body", this.#errorOf("body", reply));
    } catch {
      return undefined; // it said nothing
    }
  }

  /** The conversation is over: whoever was not decided about before fares alike. */
  #breakOff(error: unknown): void {
    this.#context.dialogue.close();
    this.#standing = "over";
    this.#stale = this.#context.reused && !this.#answered && isHangUp(error);
    this.#decide({ kind: "failed", error: this.#errorFor(error) });
  }

  #errorFor(error: unknown): DeliveryError {
    if (error instanceof DeliveryFailure) return error.error;
    if (error instanceof QueueError) return contentFailure(error);
    return networkFailure(this.#stage, error, this.#context.host);
  }

  #errorOf(stage: Stage, reply: SmtpReply): DeliveryError {
    return replyFailure(stage, reply, this.#context.host);
  }

  #failed(stage: Stage, reply: SmtpReply): RecipientOutcome {
    return { kind: "failed", error: this.#errorOf(stage, reply) };
  }

  /** The outcome of everybody who has none yet. */
  #decide(outcome: RecipientOutcome): void {
    for (let i = 0; i < this.#outcomes.length; i++) this.#outcomes[i] ??= outcome;
  }
}

function linesOf(commands: readonly Command[]): string {
  let lines = "";
  for (const { line } of commands) lines += line;
  return lines;
}

/** Whether the host closed the connection, with or without saying so (421), rather than being silent or talking nonsense. */
function isHangUp(error: unknown): boolean {
  if (error instanceof DeliveryFailure) return error.error.code === 421;
  return !(error instanceof QueueError || error instanceof TimeoutError ||
    error instanceof ReplySyntaxError);
}
