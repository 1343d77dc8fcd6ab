/**
 * How long a client is put up with: faults for the whole connection, and commands
 * that bring no message nearer between two accepted ones. Past either bound every
 * reply is 421 4.7.0, which closes the session.
 *
 * @module
 */
import type { SessionLimits } from "./handler.ts";
import { TOO_MANY_ERRORS, TOO_MANY_IDLE } from "./replies.ts";
import { isPositive, type SmtpReply } from "./reply.ts";

/** The patience left with one client. */
export class Budget {
  #faults = 0;
  #idle = 0;
  readonly #limits: SessionLimits;

  /** Begins anew. @param limits of which `errors` and `idleCommands` are used */
  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  /** A command was faulty in form, or came at the wrong time; gives its reply back. */
  fault(answer: SmtpReply): SmtpReply {
    this.#faults++;
    return answer;
  }

  /**
   * A sender, recipient or message was judged; gives the reply back. A refusal
   * counts as idle, so that addresses cannot be tried without end.
   */
  judged(answer: SmtpReply): SmtpReply {
    if (!isPositive(answer)) this.#idle++;
    return answer;
  }

  /** A command brought no message nearer. */
  idle(): void {
    this.#idle++;
  }

  /** The end of a message was answered; gives the reply back. An accepted one starts the idle count over. */
  ended(answer: SmtpReply): SmtpReply {
    if (isPositive(answer)) this.#idle = 0;
    return this.judged(answer);
  }

  /** The reply to give: the one meant, or the one that closes the session. */
  allow(answer: SmtpReply): SmtpReply {
    if (this.#faults > this.#limits.errors) return TOO_MANY_ERRORS;
    return this.#idle > this.#limits.idleCommands ? TOO_MANY_IDLE : answer;
  }
}
