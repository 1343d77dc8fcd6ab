/**
 * What the server answers in an SMTP session: asks the policy and the hooks
 * about sender and recipients, remembers which rules let them in, and brings the
 * content into the queue. Every refusal is told with the rule that made it.
 *
 * @module
 */
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { Config } from "../config/config.ts";
import type { Decision } from "../history/story.ts";
import type { ClientInfo, Envelope } from "../message/envelope.ts";
import { type Allowance, ClientLimits } from "../policy/client_limits.ts";
import { type Hooks, refusalOf } from "../policy/hooks.ts";
import type { Judgement } from "../policy/judgement.ts";
import { Networks } from "../policy/networks.ts";
import type { RelayPolicy } from "../policy/relay.ts";
import type {
  MailCommand,
  MessageSink,
  RcptCommand,
  SessionHandler,
  Subject,
  SubmissionOffer,
} from "../protocol/handler.ts";
import type { Inquiries } from "../protocol/inquiries.ts";
import { reply, type SmtpReply } from "../protocol/reply.ts";
import type { Peer } from "../transport/connection.ts";
import type { SessionRecord, SessionStories } from "../transport/session_stories.ts";
import { conversationRule } from "./conversation_rules.ts";
import {
  type Bringer,
  type IncomingOptions,
  IncomingSink,
  NO_SPACE,
  storageFailure,
} from "./incoming.ts";
import { inquiries } from "./inquire.ts";
import type { ConnectionLogins, Logins } from "./logins.ts";
import { type PlannedMessage, planReceive, type ReceivePlan } from "./plan_receive.ts";
import { SubmittedSink } from "./submitted.ts";

/** What receiving needs of the server. */
export interface ReceiveOptions extends Omit<IncomingOptions, "config" | "hooks"> {
  /** Names and limits. */
  readonly config: Pick<
    Config,
    | "hostname"
    | "localDomains"
    | "limits"
    | "vrfy"
    | "forbidUnauthPipelining"
    | "xclientHosts"
    | "capture"
  >;
  /** Who may send to whom. */
  readonly relay: RelayPolicy;
  /** The application's say. */
  readonly hooks: Hooks;
  /** Told what is refused. */
  readonly sessions: SessionStories;
  /** Those who log in on submission listeners. */
  readonly logins: Logins;
  /** Tries what waits for a domain; gives how many messages, undefined when nothing is sent at present. */
  readonly startQueue: (domain: string) => number | undefined;
}

const SENDER_OK = reply(250, "2.1.0", "Sender OK");
const RECIPIENT_OK = reply(250, "2.1.5", "Recipient OK");

const CONNECT_HOOK: Decision = { about: "hook", rule: "hook connect" };
const MAIL_HOOK: Decision = { about: "hook", rule: "hook mail" };
const AUTHOR: Decision = {
  about: "content",
  rule: "submitted mail is from one author, whom its user may send as",
};

/** The server's part of SMTP sessions. */
export class Receiver {
  #options: ReceiveOptions;
  #limits: ClientLimits;
  #inquiries: Inquiries;
  #xclientHosts: Networks;

  /** Receives into the queue of the options; after another one, whose counts go on where their limits stay. */
  constructor(options: ReceiveOptions, before?: Receiver) {
    const { config: { limits }, clock } = options;
    this.#options = options;
    const known = before === undefined ? undefined : before.#limits;
    this.#limits = known?.holds(limits) ? known : new ClientLimits(limits, clock);
    this.#xclientHosts = new Networks(options.config.xclientHosts);
    this.#inquiries = inquiries({ ...options, vrfy: options.config.vrfy });
  }

  /** Who answers a new connection to the listener of its record, or the reply that turns it away. */
  welcome(peer: Peer, record: SessionRecord): MaybePromise<SessionHandler | SmtpReply> {
    const { hooks } = this.#options;
    const session = this.#session(peer, record);
    if (hooks.connect === undefined) return session;
    return this.#askConnect(hooks.connect, peer, record, session);
  }

  /** What would be said to a client that brought a message. Throws as {@linkcode planReceive} does. */
  plan(message: PlannedMessage): Promise<ReceivePlan> {
    return planReceive(message, this.#options);
  }

  #session({ address, user }: Peer, record: SessionRecord): MaybePromise<SessionHandler> {
    const { relay, logins, sessions } = this.#options;
    const trusted = relay.trusts(address);
    const own = {
      record,
      inquiries: this.#inquiries,
      xclientHost: this.#xclientHosts.find(address),
      allowance: trusted ? undefined : this.#limits.allowance(address),
    };
    if (record.listener.role === "mx") return new ReceivingSession(this.#options, own);
    const told = (client: ClientInfo, refused: SmtpReply, decision: Decision) =>
      sessions.refused(record, client, { reply: refused, decision });
    return logins.connection(trusted, told, user).then((authenticator) =>
      new ReceivingSession(this.#options, { ...own, authenticator })
    );
  }

  async #askConnect(
    hook: NonNullable<Hooks["connect"]>,
    { address, port, user }: Peer,
    record: SessionRecord,
    session: MaybePromise<SessionHandler>,
  ): Promise<SessionHandler | SmtpReply> {
    const client = { address, port, user, helo: "", protocol: "" };
    const refusal = refusalOf(await hook(client));
    if (refusal === undefined) return session;
    this.#options.sessions.refused(record, client, { reply: refusal, decision: CONNECT_HOOK });
    return refusal;
  }
}

/** What belongs to one connection. */
interface SessionParts extends Pick<SessionHandler, "inquiries"> {
  /** What is told of it. */
  readonly record: SessionRecord;
  /** The network by which it may say by XCLIENT for whom it speaks. */
  readonly xclientHost: string | undefined;
  /** What the client may still bring; undefined for one that is trusted. */
  readonly allowance: Allowance | undefined;
  /** On a submission listener: who has to log in before sending. */
  readonly authenticator?: ConnectionLogins;
}

/** The server's part of one connection's session. */
class ReceivingSession implements SessionHandler {
  #options: ReceiveOptions;
  #allowance: Allowance | undefined;
  #record: SessionRecord;
  #xclientHost: string | undefined;
  /** By which rules the open transaction was let in so far. */
  #decisions: Map<string, Decision> | undefined;
  /** Of the transaction that was opened last. */
  #reversePath = "";
  /** When its MAIL came, ms since 1970; only where it asked for delivery in some time. */
  #mailTime: number | undefined;
  readonly authenticator: ConnectionLogins | undefined;
  readonly inquiries: SessionHandler["inquiries"];
  readonly forbidsTalkingAhead: boolean;

  constructor(options: ReceiveOptions, parts: SessionParts) {
    this.#options = options;
    this.#allowance = parts.allowance;
    this.#record = parts.record;
    this.#xclientHost = parts.xclientHost;
    this.authenticator = parts.authenticator;
    this.inquiries = parts.inquiries;
    const isStranger = parts.allowance !== undefined;
    this.forbidsTalkingAhead = isStranger && options.config.forbidUnauthPipelining;
  }

  get mayXclient(): boolean {
    return this.#xclientHost !== undefined;
  }

  claimed({ address }: ClientInfo): void {
    this.#record.introduced(`xclient_hosts ${this.#xclientHost}, says ${address}`);
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
    this.#decisions = undefined;
    this.#reversePath = mail.reversePath;
    this.#mailTime = mail.deliverBy && this.#options.clock.now();
    const sender = this.authenticator?.judgeSender(mail.reversePath, client);
    const judgement = sender?.refusal ? sender : this.#allowance?.mail() ?? sender;
    if (judgement !== undefined) this.#note(judgement);
    if (judgement?.refusal) return this.#refused(judgement, client, { from: mail.reversePath });
    // RFC 1870 §6.1: better refused now than after the content has come.
    if (!queue.hasRoom(mail.size ?? 0)) {
      return this.#refused(NO_SPACE, client, { from: mail.reversePath });
    }
    if (hooks.mail === undefined) return SENDER_OK;
    return this.#askMail(hooks.mail, mail, client);
  }

  async #askMail(
    hook: NonNullable<Hooks["mail"]>,
    { reversePath: from }: MailCommand,
    client: ClientInfo,
  ): Promise<SmtpReply> {
    const refusal = refusalOf(await hook(from, client));
    return refusal === undefined
      ? SENDER_OK
      : this.#refused({ refusal, decision: MAIL_HOOK }, client, { from });
  }

  rcpt(rcpt: RcptCommand, client: ClientInfo): MaybePromise<SmtpReply> {
    const { hooks, relay } = this.#options;
    const tooMany = this.#allowance?.rcpt();
    if (tooMany !== undefined) return this.#judged(tooMany, rcpt, client);
    if (hooks.rcpt !== undefined) return this.#askRcpt(hooks.rcpt, rcpt, client);
    return this.#judged(relay.judge(rcpt, client), rcpt, client);
  }

  async #askRcpt(
    hook: NonNullable<Hooks["rcpt"]>,
    rcpt: RcptCommand,
    client: ClientInfo,
  ): Promise<SmtpReply> {
    const decision: Decision = { about: "hook", rule: "hook rcpt", recipient: rcpt.address };
    const verdict = await hook(rcpt.address, client);
    if (verdict?.kind === "accept") return this.#judged({ decision }, rcpt, client);
    const refusal = refusalOf(verdict);
    const judgement = refusal === undefined
      ? this.#options.relay.judge(rcpt, client)
      : { refusal, decision };
    return this.#judged(judgement, rcpt, client);
  }

  #judged(judgement: Judgement, rcpt: RcptCommand, client: ClientInfo): SmtpReply {
    if (judgement.refusal) {
      return this.#refused(judgement, client, { from: this.#reversePath, to: rcpt.address });
    }
    this.#note(judgement);
    return RECIPIENT_OK;
  }

  /** Remembers a rule that let somebody in; once, for however many recipients. */
  #note({ refusal, decision }: Judgement): void {
    if (refusal !== undefined) return;
    this.#decisions ??= new Map();
    if (!this.#decisions.has(decision.rule)) this.#decisions.set(decision.rule, decision);
  }

  /** Tells of a refusal; gives its reply. */
  #refused({ refusal, decision }: Judgement, client: ClientInfo, subject?: Subject): SmtpReply {
    const { sessions } = this.#options;
    sessions.refused(this.#record, client, { reply: refusal!, decision, ...subject });
    return refusal!;
  }

  /** What is the client's mistake is answered and that is all; what a rule refuses is told. */
  refused(answer: SmtpReply, client: ClientInfo, subject?: Subject): void {
    const decision = conversationRule(answer, this.#options.config.limits);
    if (decision !== undefined) this.#refused({ refusal: answer, decision }, client, subject);
  }

  message(envelope: Envelope): MessageSink | SmtpReply {
    const bringer = this.#bringer(envelope);
    try {
      const draft = this.#options.queue.draft();
      const sink = new IncomingSink(draft, this.#completed(envelope), this.#options, bringer);
      return this.authenticator === undefined ? sink : this.#submitted(sink, this.authenticator);
    } catch (error) {
      const failure = storageFailure(error);
      bringer.refused(failure);
      return failure.refusal;
    }
  }

  #bringer({ client, reversePath: from }: Envelope): Bringer {
    const record = this.#record;
    return {
      id: this.#options.sessions.id(record),
      decisions: [...record.introductions, ...this.#decisions?.values() ?? []],
      accepted: (id) => record.accepted(id),
      refused: (judgement) => void this.#refused(judgement, client, { from }),
    };
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
      refused: (refusal) => sink.refuse({ refusal, decision: AUTHOR }),
    });
  }

  /** The envelope as it is queued. */
  #completed(envelope: Envelope): Envelope {
    const addressed = this.#addressed(envelope);
    const { deliverBy } = addressed;
    if (deliverBy === undefined) return addressed;
    // RFC 2852 §4: the time is made absolute when BY is read, not when the content has come.
    return { ...addressed, deliverBy: { ...deliverBy, since: this.#mailTime } };
  }

  /** The envelope with a domain for a bare `postmaster` (RFC 5321 §4.1.1.3). */
  #addressed(envelope: Envelope): Envelope {
    if (envelope.recipients.every((address) => address.includes("@"))) return envelope;
    const { hostname, localDomains } = this.#options.config;
    const domain = localDomains[0] ?? hostname;
    const recipients = envelope.recipients.map((address) =>
      address.includes("@") ? address : `${address}@${domain}`
    );
    return { ...envelope, recipients };
  }
}
