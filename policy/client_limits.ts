/**
 * How much one client may bring: messages and recipients a minute from its
 * address, and over one connection. A refusal is a temporary reply: mail that is
 * mail comes again, and nothing is lost. Nothing here fails.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Limits } from "../config/config.ts";
import { limitRule } from "../config/setting_text.ts";
import { reply, type SmtpReply } from "../protocol/reply.ts";
import type { Judgement } from "./judgement.ts";
import { clientNetwork, RateLimit } from "./rate_limit.ts";

/** The limits that are looked after here. */
export type ClientBounds = Pick<
  Limits,
  "messageRate" | "recipientRate" | "messagesPerConnection" | "recipientsPerConnection"
>;

/** RFC 5321 §3.8: 421 ends the connection; the client begins the message again in another. */
const ENOUGH = reply(421, "4.7.0", "Enough for one connection, come again in another");
const TOO_MUCH_MAIL = reply(450, "4.7.1", "Too much mail from your address, try again later");
const TOO_MANY_RECIPIENTS = reply(
  450,
  "4.7.1",
  "Too many recipients from your address, try again later",
);

const BOUNDS: readonly (keyof ClientBounds)[] = [
  "messageRate",
  "recipientRate",
  "messagesPerConnection",
  "recipientsPerConnection",
];

/** The limits of all clients. */
export class ClientLimits {
  readonly #bounds: ClientBounds;
  readonly #messages: RateLimit;
  readonly #recipients: RateLimit;

  /** Nobody has brought anything yet. */
  constructor(bounds: ClientBounds, clock: Clock) {
    this.#bounds = bounds;
    this.#messages = new RateLimit(bounds.messageRate, clock);
    this.#recipients = new RateLimit(bounds.recipientRate, clock);
  }

  /** Whether these are its bounds. */
  holds(bounds: ClientBounds): boolean {
    return BOUNDS.every((name) => this.#bounds[name] === bounds[name]);
  }

  /** What a new connection from this address may bring. */
  allowance(address: string): Allowance {
    return new Allowance(clientNetwork(address), this.#bounds, this.#messages, this.#recipients);
  }
}

/** What one connection may still bring. */
export class Allowance {
  readonly #client: string;
  readonly #bounds: ClientBounds;
  readonly #messageRate: RateLimit;
  readonly #recipientRate: RateLimit;
  #messages = 0;
  #recipients = 0;

  /** Made by {@linkcode ClientLimits.allowance}. */
  constructor(client: string, bounds: ClientBounds, messages: RateLimit, recipients: RateLimit) {
    this.#client = client;
    this.#bounds = bounds;
    this.#messageRate = messages;
    this.#recipientRate = recipients;
  }

  /** Counts a MAIL command; gives the refusal when it is one too many. */
  mail(): Judgement | undefined {
    const { messagesPerConnection, recipientsPerConnection } = this.#bounds;
    if (this.#messages >= messagesPerConnection) return this.#over(ENOUGH, "messagesPerConnection");
    // Looked at here and not at RCPT, so that a message that has begun is not cut into pieces.
    if (this.#recipients >= recipientsPerConnection) {
      return this.#over(ENOUGH, "recipientsPerConnection");
    }
    if (!this.#messageRate.take(this.#client)) return this.#over(TOO_MUCH_MAIL, "messageRate");
    this.#messages++;
    return undefined;
  }

  /** Counts an RCPT command, welcome or not; gives the refusal when it is one too many. */
  rcpt(): Judgement | undefined {
    if (!this.#recipientRate.take(this.#client)) {
      return this.#over(TOO_MANY_RECIPIENTS, "recipientRate");
    }
    this.#recipients++;
    return undefined;
  }

  #over(refusal: SmtpReply, limit: keyof ClientBounds): Judgement {
    return { refusal, decision: { about: "limit", rule: limitRule(limit, this.#bounds) } };
  }
}
