/**
 * The content of one message on its way into the queue: our Received field before
 * it, its header section within the limits, the message hook asked, and 250 only
 * once the queue has made it durable. A queue that cannot answers 452 or 451, and
 * nothing of the message is kept.
 *
 * @module
 */
import { encode } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { Config, Limits } from "../config/config.ts";
import { limitRule } from "../config/setting_text.ts";
import type { Decision, StoryTaker } from "../history/story.ts";
import type { Envelope } from "../message/envelope.ts";
import { HeaderScanner } from "../message/headers.ts";
import { receivedHeader } from "../message/received.ts";
import { type Hooks, refusalOf } from "../policy/hooks.ts";
import type { Judgement } from "../policy/judgement.ts";
import type { MessageSink } from "../protocol/handler.ts";
import { LOCAL_ERROR, reply, type SmtpReply } from "../protocol/reply.ts";
import { type Draft, type Queue, QueueError } from "../queue/queue.ts";
import { wishesText } from "./wishes.ts";
import { tellDelivered } from "./delivered.ts";
import type { Events } from "./events.ts";

/** What bringing a message in needs of the server. */
export interface IncomingOptions {
  /** Names and limits. */
  readonly config: Pick<Config, "hostname" | "capture"> & {
    readonly limits: Pick<Limits, "hops" | "headerSize">;
  };
  /** Where notifications go. */
  readonly queue: Queue;
  /** The application's say. */
  readonly hooks: Pick<Hooks, "message">;
  /** Told what is accepted. */
  readonly events: Events;
  /** Told why, besides. */
  readonly stories: StoryTaker;
  /** Dates the Received fields. */
  readonly clock: Clock;
  /** A number in [0, 1), for notifications. */
  readonly random: () => number;
}

/** The session that brings a message, as far as its story tells of it. */
export interface Bringer {
  /** Its id. */
  readonly id: string;
  /** Why the message may come. */
  readonly decisions: readonly Decision[];
  /** A message was taken: it is in the queue, or with the message hook. */
  accepted(id: string): void;
  /** The message was refused. */
  refused(judgement: Required<Judgement>): void;
}

/** There is no room for a message. */
export const NO_SPACE: Required<Judgement> = {
  refusal: reply(452, "4.3.1", "Insufficient system storage, try again later"),
  decision: { about: "limit", rule: "space in the spool" },
};
const LOOPS = reply(554, "5.4.6", "Too many Received headers, the message loops");
const HEADER_TOO_LONG = reply(552, "5.3.4", "Header section too long");

const SPACE = 32;
const TAB = 9;
const BLANK_LINE = encode("\r\n");

/** Where each Received field is written on its way into its draft; an array of its own for each costs more than the rest of the field. */
const traceRoom = new Uint8Array(4096);

const logger = log("receive");

/** The content of one message on its way into the queue. */
export class IncomingSink implements MessageSink {
  #draft: Draft;
  #envelope: Envelope;
  #options: IncomingOptions;
  #bringer: Bringer;
  #began: number;
  #header = new HeaderScanner();
  #refusal: Required<Judgement> | undefined;

  /** Writes our Received field into the draft. */
  constructor(draft: Draft, envelope: Envelope, options: IncomingOptions, bringer: Bringer) {
    this.#draft = draft;
    this.#envelope = envelope;
    this.#options = options;
    this.#bringer = bringer;
    this.#began = options.clock.now();
    const trace = {
      client: envelope.client,
      hostname: options.config.hostname,
      id: draft.id,
      recipients: envelope.recipients,
      now: this.#began,
    };
    // A header is smaller than what a draft keeps in memory: it is copied at once.
    draft.write(receivedHeader(trace, traceRoom));
  }

  /** The message's id. */
  get id(): string {
    return this.#draft.id;
  }

  write(chunk: Uint8Array): MaybePromise<void> {
    if (this.#refusal) return;
    if (!this.#header.facts.complete) {
      if (this.#header.facts.octets === 0) this.#closeTrace(chunk);
      this.#header.write(chunk);
      this.#refusal = this.#headerRefusal();
      if (this.#refusal) return this.#draft.abort();
    }
    return this.#draft.write(chunk);
  }

  /**
   * White space at the very start of the content would go on our own Received field
   * (RFC 5322 §2.2.3) with what the client wants it to say. Such content has no header
   * section, so a blank line comes before it.
   */
  #closeTrace(start: Uint8Array): void {
    if (start[0] === SPACE || start[0] === TAB) this.#draft.write(BLANK_LINE);
  }

  /** Content without a blank line is header to its end. */
  #endHeader(): void {
    if (this.#refusal || this.#header.facts.complete) return;
    this.#header.end();
    this.#refusal = this.#headerRefusal();
    if (this.#refusal) void this.#draft.abort();
  }

  #headerRefusal(): Required<Judgement> | undefined {
    const { limits } = this.#options.config;
    const { received, octets } = this.#header.facts;
    if (received > limits.hops) return overLimit(LOOPS, "hops", limits);
    return octets > limits.headerSize
      ? overLimit(HEADER_TOO_LONG, "headerSize", limits)
      : undefined;
  }

  async finish(): Promise<SmtpReply> {
    this.#endHeader();
    if (this.#refusal) return this.refuse(this.#refusal);
    const hook = this.#options.hooks.message;
    const answer = hook === undefined ? undefined : await this.#ask(hook);
    if (answer !== undefined) {
      await this.#draft.abort();
      return answer;
    }
    return await this.#commit();
  }

  abort(): void {
    if (this.#refusal === undefined) this.#draft.abort();
  }

  /** The hook's answer to the client, when it does not leave the message to the queue. */
  async #ask(hook: NonNullable<Hooks["message"]>): Promise<SmtpReply | undefined> {
    const { id, content } = this.#draft;
    const message = { id, envelope: this.#envelope, content };
    try {
      const verdict = await hook(message);
      if (!verdict || verdict.kind !== "take") {
        const refusal = refusalOf(verdict);
        return refusal && this.refuse({ refusal, decision: HOOK });
      }
      logger.info("message taken over", {
        id,
        session: this.#bringer.id,
        from: this.#envelope.reversePath,
      });
      this.#bringer.accepted(id);
      await tellDelivered(message, this.#options);
      return reply(250, "2.0.0", verdict.text);
    } catch (error) {
      logger.error("the message hook failed", { id, error });
      return this.refuse({ refusal: LOCAL_ERROR, decision: HOOK_FAILED });
    }
  }

  async #commit(): Promise<SmtpReply> {
    try {
      const { config: { capture }, clock } = this.#options;
      const ended = clock.now();
      const { id, size } = await this.#draft.commit(this.#envelope, { capture });
      this.#tell(id, size, ended);
      return reply(250, "2.0.0", `Queued as ${id}`);
    } catch (error) {
      return this.refuse(storageFailure(error));
    }
  }

  /** `ended` is when the content did, ms since 1970. */
  #tell(id: string, size: number, ended: number): void {
    const { events, stories, clock, config } = this.#options;
    const envelope = this.#envelope;
    const { messageId, subject } = this.#header.facts;
    const now = clock.now();
    this.#bringer.accepted(id);
    stories.take({
      kind: "accepted",
      at: this.#began,
      id,
      took: now - this.#began,
      commit: now - ended,
      session: this.#bringer.id,
      client: envelope.client,
      from: envelope.reversePath,
      to: envelope.recipients,
      size,
      messageId,
      subject,
      decisions: this.#bringer.decisions,
      asked: wishesText(envelope),
      ...(config.capture && { captured: true }),
    });
    events.emit("accepted", { id, envelope, size });
  }

  /** Tells of a refusal of the message; gives its reply. */
  refuse(judgement: Required<Judgement>): SmtpReply {
    this.#bringer.refused(judgement);
    return judgement.refusal;
  }
}

const HOOK: Decision = { about: "hook", rule: "hook message" };
const HOOK_FAILED: Decision = { about: "hook", rule: "hook message, which failed" };

function overLimit(
  refusal: SmtpReply,
  limit: "hops" | "headerSize",
  limits: Pick<Limits, "hops" | "headerSize">,
): Required<Judgement> {
  return { refusal, decision: { about: "content", rule: limitRule(limit, limits) } };
}

/** The refusal of a message that the queue could not take. */
export function storageFailure(error: unknown): Required<Judgement> {
  logger.error("the queue could not take a message", { error });
  if (error instanceof QueueError && error.kind === "no-space") return NO_SPACE;
  return {
    refusal: LOCAL_ERROR,
    decision: { about: "content", rule: "the queue could not make it durable" },
  };
}
