/**
 * The content of one message on its way into its sink, or past it: from the first
 * reason to refuse the message, its octets are counted and dropped, so that the
 * dialogue finds their true end. A sink that fails is a refusal with 451 4.3.0.
 *
 * @module
 */
import { isPromise, type MaybePromise } from "../base/maybe_promise.ts";
import { ask } from "./ask.ts";
import type { MessageSink } from "./handler.ts";
import { TOO_BIG } from "./replies.ts";
import { LOCAL_ERROR, type SmtpReply } from "./reply.ts";

/** What the content is written to, or why it is not. */
type Fate =
  | { readonly kind: "kept"; readonly sink: MessageSink }
  | { readonly kind: "refused"; readonly reply: SmtpReply };

/** The content of one message. */
export class Content {
  #fate: Fate;
  #octets = 0;
  readonly #limit: number;
  readonly #told: (refusal: SmtpReply) => void;

  /**
   * Begins with no octets.
   *
   * @param taker the sink, or the reply that refuses the message before its first octet
   * @param limit octets a message may have
   * @param told told of what is refused here, and not by the sink
   */
  constructor(
    taker: MessageSink | SmtpReply,
    limit: number,
    told: (refusal: SmtpReply) => void = () => {},
  ) {
    this.#told = told;
    this.#fate = "write" in taker
      ? { kind: "kept", sink: taker }
      : { kind: "refused", reply: taker };
    this.#limit = limit;
  }

  /** Octets that came, dropped ones included. */
  get octets(): number {
    return this.#octets;
  }

  /** Why the message will not be taken, once that is certain. */
  get refusal(): SmtpReply | undefined {
    return this.#fate.kind === "refused" ? this.#fate.reply : undefined;
  }

  /** Takes octets; wait for the promise before the next call. */
  write(octets: Uint8Array): MaybePromise<void> {
    this.#octets += octets.length;
    if (this.#fate.kind !== "kept" || octets.length === 0) return;
    if (this.#octets > this.#limit) return this.refuse(TOO_BIG);
    const { sink } = this.#fate;
    const failure = ask("write", () => sink.write(octets));
    if (isPromise(failure)) return failure.then((reply) => this.#wrote(reply));
    this.#wrote(failure);
  }

  #wrote(failure: SmtpReply | void): void {
    if (failure !== undefined) this.refuse(failure);
  }

  /** Drops the message; the first reason stands. */
  refuse(reply: SmtpReply): void {
    if (this.#fate.kind !== "kept") return;
    const { sink } = this.#fate;
    this.#fate = { kind: "refused", reply };
    ask("abort", () => sink.abort());
    this.#told(reply);
  }

  /** The true end: the reply to the message. */
  finish(): MaybePromise<SmtpReply> {
    const fate = this.#fate;
    if (fate.kind === "refused") return fate.reply;
    // From here on the sink has had its one end, whatever comes of it.
    this.#fate = { kind: "refused", reply: LOCAL_ERROR };
    return ask("finish", () => fate.sink.finish());
  }

  /** Drops a message that nobody will be answered for. */
  abort(): void {
    this.refuse(LOCAL_ERROR);
  }
}
