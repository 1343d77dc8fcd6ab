/**
 * The server's side of the SMTP conversation (RFC 5321) as a machine without I/O:
 * octets go in by `receive`, `step` says what to send and what to do next
 * (`protocol/session_machine.ts`), and here is what is said and done. One
 * table holds every command; the state says which of them are legal. Whatever the
 * client sends, it is answered or the session is closed with a reply; a handler
 * that throws is a 451 4.3.0 to its command.
 *
 * @module
 */
import type { MaybePromise } from "./base/maybe_promise.ts";
import type { ClientInfo, TlsChannel } from "./message/envelope.ts";
import {
  AUTH_LINE_LENGTH,
  type AuthCommand,
  type AuthParties,
  type AuthTurn,
  offeredMechanisms,
  openAuth,
} from "./protocol/auth.ts";
import { ask, whenThere } from "./protocol/ask.ts";
import { Budget } from "./protocol/budget.ts";
import type { ChunkCommand } from "./protocol/chunk_reader.ts";
import * as syntax from "./protocol/command_syntax.ts";
import * as forms from "./protocol/command_forms.ts";
import { type CommandTable, commandTable, type Offer } from "./protocol/command_table.ts";
import { Content } from "./protocol/content.ts";
import { ehloReply, helpReply } from "./protocol/ehlo.ts";
import type {
  MailCommand,
  RcptCommand,
  SessionHandler,
  SessionOptions,
  Subject,
} from "./protocol/handler.ts";
import { startQueue, verify } from "./protocol/inquiries.ts";
import { LineReader } from "./protocol/line_reader.ts";
import { mailObstacle, rcptObstacle } from "./protocol/obstacles.ts";
import { offerOf } from "./protocol/offer.ts";
import * as params from "./protocol/params.ts";
import * as replies from "./protocol/replies.ts";
import { isPositive, reply, replyBytes, type SmtpReply } from "./protocol/reply.ts";
import {
  type AuthState,
  bdatState,
  type ChunkState,
  chunkState,
  type CommandState,
  type DataState,
  dataState,
  recipientsMissing,
  strayChunkState,
} from "./protocol/session_state.ts";
import { SessionMachine } from "./protocol/session_machine.ts";
import { withRelease } from "./protocol/submission_params.ts";
import {
  addRecipient,
  authenticatedClient,
  envelopeOf,
  greetedClient,
  newClient,
  type Transaction,
  withoutFingerprint,
} from "./protocol/transaction.ts";
import { claimedClient, type ClientClaims } from "./protocol/xclient.ts";
import { understand, type Vocabulary } from "./protocol/understand.ts";

/** One client's conversation. */
export class ServerSession extends SessionMachine {
  /** Every command there is: the only dispatcher, and what EHLO and HELP list. */
  static readonly #commands: CommandTable<ServerSession, CommandState> = commandTable((row) => [
    row(forms.EHLO, (session, name) => session.#hello("EHLO", name)),
    row(forms.HELO, (session, name) => session.#hello("HELO", name)),
    row(forms.MAIL, (session, mail) => session.#mail(mail)),
    row(forms.RCPT, (session, rcpt) => session.#rcpt(rcpt)),
    row(forms.DATA, (session) => session.#data()),
    row(forms.BDAT, (session, chunk) => session.#bdat(chunk)),
    row(forms.RSET, (session) => session.#rset()),
    row(forms.NOOP, () => replies.OK),
    row(forms.VRFY, (session, asked) => verify(session.#handler.inquiries, asked, session.#client)),
    row(forms.HELP, (session, topic) => helpReply(ServerSession.#commands, topic, session.#offer)),
    row(forms.ETRN, (session, domain) => session.#startQueue(domain)),
    row(forms.STARTTLS, (session) => session.#startTls()),
    row(forms.AUTH, (session, auth) => session.#auth(auth)),
    row(forms.XCLIENT, (session, claims) => session.#xclient(claims)),
    row(forms.QUIT, (session) => session.#quit()),
    row(forms.EXPN, (session) => session.#notImplemented()),
  ]);

  readonly #options: SessionOptions;
  #handler: SessionHandler;
  /** Whether the client may say by XCLIENT for whom it speaks; stays so whoever that is. */
  readonly #mayXclient: boolean;
  /** Whether it has. */
  #isSpokenFor = false;
  readonly #lines: LineReader;
  readonly #budget: Budget;
  readonly #vocabulary: Vocabulary<ServerSession>;
  #client: ClientInfo;
  /** The binding of the TLS channel, for SCRAM-SHA-256-PLUS. */
  #endPoint: Uint8Array | undefined;

  /**
   * Begins a conversation; nothing is said before `greeting`.
   *
   * @param options of the server
   * @param handler what decides, and takes the messages
   * @param peer the client's address, as {@linkcode ClientInfo} has it, and port
   * @param tls the TLS session, where the connection began with one
   */
  constructor(
    options: SessionOptions,
    handler: SessionHandler,
    peer: { readonly address: string; readonly port: number },
    tls?: TlsChannel,
  ) {
    super();
    const { limits } = options;
    this.#options = options;
    this.#handler = handler;
    this.#mayXclient = handler.mayXclient ?? false;
    const longest = limits.commandLine + params.LONGEST;
    const { authenticator } = handler;
    this.#lines = new LineReader(authenticator ? Math.max(longest, AUTH_LINE_LENGTH) : longest);
    this.#budget = new Budget(limits);
    this.#vocabulary = { table: ServerSession.#commands, limits, budget: this.#budget };
    this.#client = newClient(peer, tls);
    this.#endPoint = tls?.endPoint;
  }

  /** What is sent before anything is read. */
  greeting(): Uint8Array {
    const { hostname, banner } = this.#options;
    return replyBytes(reply(220, "", `${hostname} ${banner}`));
  }

  /** TLS is made: all that was said before is forgotten (RFC 3207 §4.2). */
  secured(tls: TlsChannel): void {
    this.#client = newClient(this.#client, this.#isSpokenFor ? withoutFingerprint(tls) : tls);
    this.#endPoint = tls.endPoint;
    this.state = { name: "connected" };
  }

  /** Goes on as with a new client, whom this handler answers; greet it. */
  restart(handler: SessionHandler): void {
    this.#handler = handler;
    this.state = { name: "connected" };
  }

  /** What is known of the client. */
  get client(): ClientInfo {
    return this.#client;
  }

  protected override readCommand(state: CommandState): MaybePromise<boolean> {
    const line = this.#lines.next(this.input);
    if (line === undefined) return false;
    const isAhead = this.#handler.forbidsTalkingAhead === true && this.input.length > 0;
    const action = understand(line, state, this.#vocabulary, isAhead);
    if (action.ok) return whenThere(action.value(this), (answer) => this.#answer(answer));
    this.#answer(this.#budget.fault(action.reply));
    // The chunk behind a BDAT that is not understood could not be told from commands.
    if (syntax.isBdat(line.octets) || action.reply === replies.TALKS_AHEAD) this.close();
    this.#refused(action.reply);
    return true;
  }

  /** Gives a reply, if there is one now. */
  #answer(answer: SmtpReply | undefined): true {
    if (answer === undefined) return true;
    const given = this.#budget.allow(answer);
    if (given !== answer) this.#refused(given);
    this.say(given);
    return true;
  }

  /** Tells the handler of a refusal that it was not asked for. */
  #refused(answer: SmtpReply, subject?: Subject): SmtpReply {
    this.#handler.refused?.(answer, this.#client, subject);
    return answer;
  }

  #hello(greeting: "HELO" | "EHLO", name: string): SmtpReply {
    const { hostname } = this.#options;
    this.dropMessage();
    this.state = { name: "greeted" };
    this.#client = greetedClient(this.#client, greeting, name);
    if (greeting === "HELO") return reply(250, "", hostname);
    return ehloReply(hostname, ServerSession.#commands.values(), this.#offer);
  }

  get #offer(): Offer {
    return offerOf(this.#options, this.#handler, {
      client: this.#client,
      mechanisms: offeredMechanisms(this.#authParties),
      xclient: this.#mayXclient,
    });
  }

  #mail(mail: MailCommand): MaybePromise<SmtpReply> {
    const obstacle = mailObstacle(mail, this.#client, this.#options, this.#handler, this.#budget);
    if (obstacle !== undefined) return this.#refused(obstacle, { from: mail.reversePath });
    return whenThere(ask("mail", () => this.#handler.mail(mail, this.#client)), (answer) => {
      if (isPositive(answer)) {
        const accepted = withRelease(mail, this.#handler);
        this.state = { name: "mail", transaction: { mail: accepted, recipients: [], refused: 0 } };
      }
      return this.#budget.judged(answer);
    });
  }

  #rcpt(rcpt: RcptCommand): MaybePromise<SmtpReply> {
    const transaction = this.#transaction;
    const obstacle = rcptObstacle(rcpt, this.#options.limits, transaction, this.#budget);
    if (obstacle !== undefined) return this.#refused(obstacle, { to: rcpt.address });
    return whenThere(ask("rcpt", () => this.#handler.rcpt(rcpt, this.#client)), (answer) => {
      if (isPositive(answer)) addRecipient(transaction, rcpt);
      else transaction.refused++;
      return this.#budget.judged(answer);
    });
  }

  #data(): MaybePromise<SmtpReply> {
    const refusal = recipientsMissing(this.state, this.#budget);
    if (refusal !== undefined) return refusal;
    // RFC 3030 §3: such content has no lines, so no dot could end it.
    if (this.#isBinary) return this.#budget.fault(replies.NEEDS_BDAT);
    return whenThere(this.#openMessage(), (content) => {
      if (content.refusal !== undefined) return this.#budget.judged(content.refusal);
      this.state = dataState(content);
      return replies.START_DATA;
    });
  }

  #bdat(chunk: ChunkCommand): MaybePromise<undefined> {
    const state = this.state;
    if (chunk.size === 0 && !chunk.last) this.#budget.idle();
    if (state.name === "bdat") {
      this.state = chunkState(state, chunk);
      return;
    }
    const refusal = recipientsMissing(this.state, this.#budget);
    if (refusal !== undefined) {
      // RFC 3030 §2: the octets of a refused chunk come all the same.
      this.state = strayChunkState(refusal, chunk, state);
      return;
    }
    const isBinary = this.#isBinary;
    return whenThere(this.#openMessage(), (content) => {
      this.state = chunkState(bdatState(content, isBinary), chunk);
      return undefined;
    });
  }

  #rset(): SmtpReply {
    this.dropMessage();
    if (this.state.name !== "connected") this.state = { name: "greeted" };
    return replies.OK;
  }

  #startTls(): SmtpReply {
    if (this.#client.tls !== undefined) return this.#budget.fault(replies.TLS_ACTIVE);
    if (!this.#options.startTls) return this.#notImplemented();
    // RFC 3207 §4.2: what came in plaintext must not be taken for something that came in TLS.
    this.input.clear();
    this.state = { name: "starttls" };
    return replies.READY_FOR_TLS;
  }

  #startQueue(domain: string): MaybePromise<SmtpReply> {
    const { inquiries } = this.#handler;
    return inquiries === undefined
      ? this.#notImplemented()
      : startQueue(inquiries, domain, this.#client);
  }

  /** The reply is the greeting of the session that begins. */
  #xclient(claims: ClientClaims): SmtpReply | undefined {
    if (!this.#mayXclient) return this.#budget.fault(replies.XCLIENT_DENIED);
    this.#client = claimedClient(this.#client, claims);
    this.#isSpokenFor = true;
    this.#handler.claimed?.(this.#client);
    this.state = { name: "restart" };
    return undefined;
  }

  #notImplemented(): SmtpReply {
    return this.#budget.fault(replies.NOT_IMPLEMENTED);
  }

  #auth(command: AuthCommand): MaybePromise<SmtpReply> {
    const opened = openAuth(command, this.#authParties);
    if ("code" in opened) return this.#refused(this.#budget.fault(opened));
    this.state = { name: "auth", exchange: opened };
    return opened.begin().then((turn) => this.#endTurn(turn));
  }

  /** Reads a line of an exchange, and takes the turn that it makes. */
  protected override readResponse({ exchange }: AuthState): MaybePromise<boolean> {
    const line = this.#lines.next(this.input);
    if (line === undefined) return false;
    return exchange.respond(line).then((turn) => this.#answer(this.#endTurn(turn)));
  }

  #endTurn(turn: AuthTurn): SmtpReply {
    if (turn.kind === "goes on") return turn.reply;
    this.state = { name: "greeted" };
    if (turn.kind === "broken") return this.#budget.fault(turn.reply);
    if (turn.user === undefined) return this.#budget.judged(turn.reply);
    this.#client = authenticatedClient(this.#client, turn.user);
    return turn.reply;
  }

  get #authParties(): AuthParties {
    const { authenticator } = this.#handler;
    return { client: this.#client, authenticator, endPoint: this.#endPoint };
  }

  #quit(): SmtpReply {
    this.hasQuit = true;
    this.close();
    return replies.BYE;
  }

  /** Whether the content is to come as it is, without the form of lines (RFC 3030 §3). */
  get #isBinary(): boolean {
    return this.#transaction.mail.body === "BINARYMIME";
  }

  /** The open transaction; the table lets no command here that needs one without one. */
  get #transaction(): Transaction {
    if (this.state.name !== "mail") throw new Error(`no transaction in state ${this.state.name}`);
    return this.state.transaction;
  }

  /** Asks where the message of the open transaction goes; the content may be refused already. */
  #openMessage(): MaybePromise<Content> {
    const envelope = envelopeOf(this.#transaction, this.#client);
    const subject = { from: envelope.reversePath };
    const told = (answer: SmtpReply) => void this.#refused(answer, subject);
    const taker = ask("message", () => this.#handler.message(envelope));
    return whenThere(taker, (taker) => new Content(taker, this.#options.limits.messageSize, told));
  }

  protected override readContent(state: DataState | ChunkState): MaybePromise<boolean> {
    const { content, reader } = state;
    const run = reader.read(this.input.rest());
    if (run.used === 0 && !run.ended) return this.input.length > 0;
    this.input.skip(run.used);
    return whenThere(content.write(run.content), () => {
      if (reader.bare) content.refuse(replies.BARE_LINE_END);
      return run.ended ? this.#endContent(state) : true;
    });
  }

  /** A message is all there, or a chunk of one. */
  #endContent(state: DataState | ChunkState): MaybePromise<true> {
    const { content } = state;
    this.state = state.name === "chunk" ? state.after : { name: "greeted" };
    if (state.name === "chunk" && !state.last) {
      return this.#answer(content.refusal ?? replies.CHUNK_TAKEN);
    }
    return whenThere(content.finish(), (answer) => this.#answer(this.#budget.ended(answer)));
  }
}
