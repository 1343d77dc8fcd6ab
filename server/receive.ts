/**
 * What the server answers in an SMTP session: asks the policy and the hooks
 * about sender and recipients, and brings the content into the queue. 250 after
 * the content is given only once the queue has made the message durable; a queue
 * that cannot answers 452 or 451, and nothing of the message is kept.
 *
 * @module
 */
import { encode } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { Config } from "../config/config.ts";
import type { ClientInfo, Envelope } from "../message/envelope.ts";
import { HeaderScanner } from "../message/headers.ts";
import { receivedHeader } from "../message/received.ts";
import { type Allowance, ClientLimits } from "../policy/client_limits.ts";
import { Networks } from "../policy/networks.ts";
import type { Hooks, Take, Verdict } from "../policy/hooks.ts";
import type { RelayPolicy } from "../policy/relay.ts";
import type {
  MailCommand,
  MessageSink,
  RcptCommand,
  SessionHandler,
  SubmissionOffer,
} from "../protocol/handler.ts";
import type { Inquiries } from "../protocol/inquiries.ts";
import { LOCAL_ERROR, reply, replyText, type SmtpReply } from "../protocol/reply.ts";
import { type Draft, type Queue, QueueError } from "../queue/queue.ts";
import type { Endpoint, Peer } from "../transport/connection.ts";
import { tellDelivered } from "./delivered.ts";
import type { BoundAddress } from "../transport/listen.ts";
import type { Events } from "./events.ts";
import { inquiries } from "./inquire.ts";
import type { ConnectionLogins, Logins } from "./logins.ts";
import { SubmittedSink } from "./submitted.ts";

/** What receiving needs of the server. */
export interface ReceiveOptions {
  /** Names and limits. */
  readonly config: Pick<
    Config,
    "hostname" | "localDomains" | "limits" | "vrfy" | "forbidUnauthPipelining" | "xclientHosts"
  >;
  /** Where messages go. */
  readonly queue: Queue;
  /** Who may send to whom. */
  readonly relay: RelayPolicy;
  /** The application's say. */
  readonly hooks: Hooks;
  /** Told what is accepted. */
  readonly events: Events;
  /** Dates the Received fields. */
  readonly clock: Clock;
  /** A number in [0, 1), for notifications. */
  readonly random: () => number;
  /** Those who log in on submission listeners. */
  readonly logins: Logins;
  /** Tries what waits for a domain; gives how many messages, undefined when nothing is sent at present. */
  readonly startQueue: (domain: string) => number | undefined;
}

const SENDER_OK = reply(250, "2.1.0", "Sender OK");
const RECIPIENT_OK = reply(250, "2.1.5", "Recipient OK");
const NO_SPACE = reply(452, "4.3.1", "Insufficient system storage, try again later");
const LOOPS = reply(554, "5.4.6", "Too many Received headers, the message loops");
const HEADER_TOO_LONG = reply(552, "5.3.4", "Header section too long");

const SPACE = 32;
const TAB = 9;
const BLANK_LINE = encode("\r\n");

/** Where each Received field is written on its way into its draft; an array of its own for each costs more than the rest of the field. */
const traceRoom = new Uint8Array(4096);

const logger = log("receive");

/** The server's part of SMTP sessions. */
export class Receiver {
  #options: ReceiveOptions;
  #limits: ClientLimits;
  #inquiries: Inquiries;
  #xclientHosts: Networks;

  /** Receives into the queue of the options. */
  constructor(options: ReceiveOptions) {
    this.#options = options;
    this.#limits = new ClientLimits(options.config.limits, options.clock);
    this.#xclientHosts = new Networks(options.config.xclientHosts);
    this.#inquiries = inquiries({ ...options, vrfy: options.config.vrfy });
  }

  /** Who answers a new connection to a listener, or the reply that turns it away. */
  welcome(peer: Peer, listener: BoundAddress): MaybePromise<SessionHandler | SmtpReply> {
    const { hooks } = this.#options;
    const session = this.#session(peer, listener);
    return hooks.connect === undefined ? session : this.#askConnect(hooks.connect, peer, session);
  }

  #session({ address, user }: Peer, { role }: BoundAddress): MaybePromise<SessionHandler> {
    const { relay, logins } = this.#options;
    const trusted = relay.trusts(address);
    const own = {
      inquiries: this.#inquiries,
      mayXclient: this.#xclientHosts.has(address),
      allowance: trusted ? undefined : this.#limits.allowance(address),
    };
    if (role === "mx") return new ReceivingSession(this.#options, own);
    return logins.connection(trusted, user).then((authenticator) =>
      new ReceivingSession(this.#options, { ...own, authenticator })
    );
  }

  async #askConnect(
    hook: NonNullable<Hooks["connect"]>,
    peer: Endpoint,
    session: MaybePromise<SessionHandler>,
  ): Promise<SessionHandler | SmtpReply> {
    return refusalOf(await hook({ ...peer, helo: "", protocol: "" })) ?? session;
  }
}

/** What belongs to one connection. */
interface SessionParts extends Pick<SessionHandler, "inquiries" | "mayXclient"> {
  /** What the client may still bring; undefined for one that is trusted. */
  readonly allowance: Allowance | undefined;
  /** On a submission listener: who has to log in before sending. */
  readonly authenticator?: ConnectionLogins;
}

/** The server's part of one connection's session. */
class ReceivingSession implements SessionHandler {
  #options: ReceiveOptions;
  #allowance: Allowance | undefined;
  readonly authenticator: ConnectionLogins | undefined;
  readonly inquiries: SessionHandler["inquiries"];
  readonly mayXclient: boolean | undefined;
  readonly forbidsTalkingAhead: boolean;

  constructor(options: ReceiveOptions, parts: SessionParts) {
    this.#options = options;
    this.#allowance = parts.allowance;
    this.authenticator = parts.authenticator;
    this.inquiries = parts.inquiries;
    this.mayXclient = parts.mayXclient;
    const isStranger = parts.allowance !== undefined;
    this.forbidsTalkingAhead = isStranger && options.config.forbidUnauthPipelining;
  }

  /** Whom we relay for may submit: whoever is trusted, and who logs in, before which MAIL is refused anyway. */
  submission(): SubmissionOffer | undefined {
    if (this.#allowance !== undefined && this.authenticator === undefined) return undefined;
    const { config: { limits }, clock } = this.#options;
    return { longestHold: limits.longestHold, now: clock.now() };
  }

  get mailMax(): number | undefined {
    const { messagesPerConnection } = this.#options.config.limits;
    return this.#allowance === undefined ? undefined : messagesPerConnection;
  }

  mail(mail: MailCommand, client: ClientInfo): MaybePromise<SmtpReply> {
    const { hooks, queue } = this.#options;
    const refusal = this.authenticator?.senderRefusal(mail.reversePath, client) ??
      this.#allowance?.mail();
    if (refusal !== undefined) return this.#senderRefused(refusal, mail, client);
    // RFC 1870 §6.1: better refused now than after the content has come.
    if (!queue.hasRoom(mail.size ?? 0)) return this.#senderRefused(NO_SPACE, mail, client);
    if (hooks.mail === undefined) return SENDER_OK;
    return this.#askMail(hooks.mail, mail, client);
  }

  #senderRefused(
    refusal: SmtpReply,
    { reversePath: from, size }: MailCommand,
    client: ClientInfo,
  ): SmtpReply {
    logger.info("sender refused", {
      client: client.address,
      from,
      size,
      reply: replyText(refusal),
    });
    return refusal;
  }

  async #askMail(
    hook: NonNullable<Hooks["mail"]>,
    mail: MailCommand,
    client: ClientInfo,
  ): Promise<SmtpReply> {
    return refusalOf(await hook(mail.reversePath, client)) ?? SENDER_OK;
  }

  rcpt(rcpt: RcptCommand, client: ClientInfo): MaybePromise<SmtpReply> {
    const { hooks, relay } = this.#options;
    const tooMany = this.#allowance?.rcpt();
    if (tooMany !== undefined) return this.#judged(tooMany, rcpt, client);
    if (hooks.rcpt !== undefined) return this.#askRcpt(hooks.rcpt, rcpt, client);
    return this.#judged(relay.refusal(rcpt, client), rcpt, client);
  }

  async #askRcpt(
    hook: NonNullable<Hooks["rcpt"]>,
    rcpt: RcptCommand,
    client: ClientInfo,
  ): Promise<SmtpReply> {
    const verdict = await hook(rcpt.address, client);
    if (verdict?.kind === "accept") return RECIPIENT_OK;
    const refusal = refusalOf(verdict) ?? this.#options.relay.refusal(rcpt, client);
    return this.#judged(refusal, rcpt, client);
  }

  #judged(refusal: SmtpReply | undefined, rcpt: RcptCommand, client: ClientInfo): SmtpReply {
    if (refusal === undefined) return RECIPIENT_OK;
    logger.info("recipient refused", {
      client: client.address,
      recipient: rcpt.address,
      reply: replyText(refusal),
    });
    return refusal;
  }

  message(envelope: Envelope): MessageSink | SmtpReply {
    try {
      const draft = this.#options.queue.draft();
      const sink = new IncomingSink(draft, this.#completed(envelope), this.#options);
      return this.authenticator === undefined ? sink : this.#submitted(sink, this.authenticator);
    } catch (error) {
      return storageReply(error);
    }
  }

  /** What a user submits is completed before it is received. */
  #submitted(sink: IncomingSink, logins: ConnectionLogins): MessageSink {
    const { config, clock } = this.#options;
    return new SubmittedSink(sink, {
      id: sink.id,
      hostname: config.hostname,
      now: clock.now(),
      headerSize: config.limits.headerSize,
      mayAppearAs: (mailbox) => logins.mayAppearAs(mailbox),
      refused: (answer) => sink.refuse(answer),
    });
  }

  /** The envelope with a domain for a bare `postmaster` (RFC 5321 §4.1.1.3). */
  #completed(envelope: Envelope): Envelope {
    if (envelope.recipients.every((address) => address.includes("@"))) return envelope;
    const { hostname, localDomains } = this.#options.config;
    const domain = localDomains[0] ?? hostname;
    const recipients = envelope.recipients.map((address) =>
      address.includes("@") ? address : `${address}@${domain}`
    );
    return { ...envelope, recipients };
  }
}

/** The content of one message on its way into the queue. */
class IncomingSink implements MessageSink {
  #draft: Draft;
  #envelope: Envelope;
  #options: ReceiveOptions;
  #header = new HeaderScanner();
  #refusal: SmtpReply | undefined;

  constructor(draft: Draft, envelope: Envelope, options: ReceiveOptions) {
    this.#draft = draft;
    this.#envelope = envelope;
    this.#options = options;
    const trace = {
      client: envelope.client,
      hostname: options.config.hostname,
      id: draft.id,
      recipients: envelope.recipients,
      now: options.clock.now(),
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

  #headerRefusal(): SmtpReply | undefined {
    const { hops, headerSize } = this.#options.config.limits;
    if (this.#header.facts.received > hops) return LOOPS;
    return this.#header.facts.octets > headerSize ? HEADER_TOO_LONG : undefined;
  }

  async finish(): Promise<SmtpReply> {
    this.#endHeader();
    if (this.#refusal) return this.refuse(this.#refusal);
    const hook = this.#options.hooks.message;
    const answer = hook === undefined ? undefined : await this.#ask(hook);
    if (answer !== undefined) {
      await this.#draft.abort();
      return answer.code < 400 ? answer : this.refuse(answer);
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
      if (!verdict || verdict.kind !== "take") return refusalOf(verdict);
      logger.info("message taken over", { id, from: this.#envelope.reversePath });
      await tellDelivered(message, this.#options);
      return reply(250, "2.0.0", verdict.text);
    } catch (error) {
      logger.error("the message hook failed", { id, error });
      return LOCAL_ERROR;
    }
  }

  async #commit(): Promise<SmtpReply> {
    try {
      const { id, size } = await this.#draft.commit(this.#envelope);
      logger.info("accepted", {
        id,
        client: this.#envelope.client.address,
        user: this.#envelope.client.user,
        from: this.#envelope.reversePath,
        recipients: this.#envelope.recipients.length,
        size,
        messageId: this.#header.facts.messageId,
      });
      this.#options.events.emit("accepted", { id, envelope: this.#envelope, size });
      return reply(250, "2.0.0", `Queued as ${id}`);
    } catch (error) {
      return storageReply(error);
    }
  }

  /** Logs a refusal of the message; gives it back. */
  refuse(answer: SmtpReply): SmtpReply {
    logger.info("message refused", {
      client: this.#envelope.client.address,
      from: this.#envelope.reversePath,
      reply: replyText(answer),
    });
    return answer;
  }
}

/**
 * The refusal in a verdict, if it is one.
 *
 * @throws {TypeError} for what is no verdict: taking it for "go on" would let in what a hook meant to keep out.
 */
function refusalOf(verdict: Verdict | Take): SmtpReply | undefined {
  if (verdict === undefined || verdict?.kind === "accept") return undefined;
  if (verdict?.kind === "refuse" && verdict.reply.code >= 400) return verdict.reply;
  throw new TypeError(`a hook gave what is no verdict: ${JSON.stringify(verdict)}`);
}

/** The reply to a message that the queue could not take. */
function storageReply(error: unknown): SmtpReply {
  logger.error("the queue could not take a message", { error });
  return error instanceof QueueError && error.kind === "no-space" ? NO_SPACE : LOCAL_ERROR;
}
