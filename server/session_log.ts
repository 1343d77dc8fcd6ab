/**
 * The log of receiving: a line for each session when it is over, one for each message
 * that is accepted, and at the level `debug` one for each refusal. Clients that are
 * turned away share a line a second: a flood of them must not be one of lines. Field
 * values are escaped where they are written out. Never throws.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import type {
  AcceptedFact,
  RefusedFact,
  SessionFact,
  StoryFact,
  StoryTaker,
} from "../history/story.ts";

/** How long clients that are turned away are gathered for one line, ms. */
const GATHERED = 1000;

const logger = log("receive");

/** Makes log lines of what clients did. What becomes of messages is logged elsewhere. */
export class SessionLog implements StoryTaker {
  readonly #clock: Clock;
  /** Those turned away who are in no line yet: how many, and the last of them. */
  #unsaid: { readonly count: number; readonly last: SessionFact } | undefined;
  /** Ends the wait for the next line; undefined while none is waited for. */
  #cancel: (() => void) | undefined;

  /** Gathers by this clock. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(fact: StoryFact): void {
    switch (fact.kind) {
      case "accepted":
        return logAccepted(fact);
      case "refused":
        return logRefused(fact);
      case "session":
        return fact.end === "turned away" ? this.#turnedAway(fact) : logSession(fact);
      case "attempt":
      case "waits":
      case "notice":
      case "steered":
      case "finished":
        return;
      default:
        return fact satisfies never;
    }
  }

  /** Says at once what is unsaid, and waits no more. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#say();
  }

  /** The first one is in the log at once, those of the second after it together. */
  #turnedAway(fact: SessionFact): void {
    this.#unsaid = { count: (this.#unsaid?.count ?? 0) + 1, last: fact };
    if (this.#cancel === undefined) this.#sayAndWait();
  }

  #sayAndWait(): void {
    this.#cancel = undefined;
    if (this.#unsaid === undefined) return;
    this.#say();
    this.#cancel = this.#clock.after(GATHERED, () => this.#sayAndWait());
  }

  #say(): void {
    if (this.#unsaid === undefined) return;
    const { count, last: { id, client, listener, refusal, error } } = this.#unsaid;
    this.#unsaid = undefined;
    logger.warn("connection turned away", {
      session: id,
      client: client.address,
      listener,
      why: refusal ?? error,
      count,
    });
  }
}

function logAccepted(fact: AcceptedFact): void {
  const { id, session, origin, client, from, to, size, took, messageId } = fact;
  logger.info("accepted", {
    id,
    session,
    origin,
    client: client.address || undefined,
    user: client.user,
    from,
    recipients: to.length,
    size,
    took,
    messageId,
  });
}

function logRefused({ id, client, from, to, reply, decision }: RefusedFact): void {
  logger.debug("refused", {
    session: id,
    client: client.address,
    user: client.user,
    about: decision.about,
    from,
    to,
    reply,
    rule: decision.rule,
  });
}

function logSession(fact: SessionFact): void {
  const { id, client, listener, messages, ids, refusals, refusal, end, error } = fact;
  logger.info("session", {
    session: id,
    client: client.address,
    port: client.port,
    helo: client.helo || undefined,
    tls: client.tls?.version,
    user: client.user,
    listener: listener || undefined,
    messages,
    ids: ids.length > 0 ? ids : undefined,
    refusals,
    refusal,
    received: fact.received,
    sent: fact.sent,
    took: fact.took,
    end,
    error,
  });
}
