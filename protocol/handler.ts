/**
 * What the SMTP conversation asks of the server around it: whether a sender and
 * a recipient are welcome, and where the content goes. The conversation itself
 * (`protocol.ts`) knows no sockets, files or policy.
 *
 * @module
 */
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { DeliverBy } from "../message/deliver_by.ts";
import type { DsnRequest, RecipientRequest } from "../message/dsn_request.ts";
import type { ClientInfo, Envelope } from "../message/envelope.ts";
import type { Authenticator } from "./auth.ts";
import type { Inquiries } from "./inquiries.ts";
import type { SmtpReply } from "./reply.ts";

/** A parsed MAIL command (RFC 5321 §4.1.1.2), with RET and ENVID (RFC 3461) where they were given. */
export interface MailCommand extends Pick<DsnRequest, "ret" | "envid"> {
  /** The mailbox; `""` for `<>`. */
  readonly reversePath: string;
  /** The SIZE parameter in octets (RFC 1870). */
  readonly size?: number;
  /** The BODY parameter (RFC 6152, RFC 3030); 7BIT when absent. */
  readonly body: "7BIT" | "8BITMIME" | "BINARYMIME";
  /** Whether SMTPUTF8 was given (RFC 6531). */
  readonly smtputf8: boolean;
  /** The HOLDFOR parameter (RFC 4865), ms. */
  readonly holdFor?: number;
  /** When the message is to be released, by HOLDUNTIL or what HOLDFOR comes to, ms since 1970. */
  readonly release?: number;
  /** HOLDFOR or HOLDUNTIL as it was given: `for;…` or `until;…` (RFC 4865 §5.1.2). */
  readonly holdRequest?: string;
  /** The MT-PRIORITY parameter (RFC 6710), -9 to 9; 0 when absent. */
  readonly priority?: number;
  /** Whether REQUIRETLS was given (RFC 8689). */
  readonly requireTls?: true;
  /** The BY parameter (RFC 2852). */
  readonly deliverBy?: DeliverBy;
  /** The AUTH parameter (RFC 4954 §5): who submitted the message, as somebody says; `""` for `<>`. */
  readonly submitter?: string;
}

/** What a client that may submit mail (RFC 6409) is offered beyond what every client is. */
export interface SubmissionOffer {
  /** How long a message may be held until its release (RFC 4865), ms; below a second: it may not. */
  readonly longestHold: number;
  /** The time now, ms since 1970. */
  readonly now: number;
}

/** A parsed RCPT command (RFC 5321 §4.1.1.3), with NOTIFY and ORCPT (RFC 3461) where they were given. */
export interface RcptCommand extends RecipientRequest {
  /** The mailbox: source routes are dropped, `Postmaster` without a domain stays as it is. */
  readonly address: string;
  /** Its domain as the mail system compares it: lower case, A-labels, no trailing dot; an address literal in its brackets; `""` for bare `postmaster`. */
  readonly domain: string;
}

/** Where the content of one message goes. Ends with exactly one of `finish` and `abort`. */
export interface MessageSink {
  /** Takes decoded content: no dot-stuffing, no end-of-data. Copied before it returns or its promise resolves. Never throws. */
  write(chunk: Uint8Array): MaybePromise<void>;
  /** The true end of a well-framed message: gives the reply, positive only once the message is durable. */
  finish(): MaybePromise<SmtpReply>;
  /** The message is not to be kept: refused by the framing, over its size, reset, or the client is gone. */
  abort(): void;
}

/** The sender or the recipient that something is about. */
export type Subject = { readonly from: string } | { readonly to: string };

/** What the conversation asks. A method that throws makes the session answer 451 4.3.0 and log; it never ends it. */
export interface SessionHandler {
  /** Who knows the users; absent where nobody can log in. */
  readonly authenticator?: Authenticator;
  /** Who answers VRFY and ETRN; absent where nothing is told and no queue can be started. */
  readonly inquiries?: Inquiries;
  /** Whether the client may say by XCLIENT for whom it speaks. */
  readonly mayXclient?: boolean;
  /** Whether the client must wait for replies where RFC 2920 §3.1 says so, or the session ends. */
  readonly forbidsTalkingAhead?: boolean;
  /** How many transactions the client may begin over this connection; absent for one that may begin any number. */
  readonly mailMax?: number;
  /** What a client that may submit mail is offered; undefined, or absent, for one that may not. */
  submission?(): SubmissionOffer | undefined;
  /** Whether the sender is welcome. */
  mail(mail: MailCommand, client: ClientInfo): MaybePromise<SmtpReply>;
  /** Whether the recipient is; a positive reply puts it into the envelope. */
  rcpt(rcpt: RcptCommand, client: ClientInfo): MaybePromise<SmtpReply>;
  /** Told that the client has said by XCLIENT for whom it speaks. */
  claimed?(client: ClientInfo): void;
  /** Told of what the conversation has refused by itself, be it for its form, its order or a limit. */
  refused?(answer: SmtpReply, client: ClientInfo, subject?: Subject): void;
  /** DATA or the first BDAT came with at least one recipient: a sink, or a refusal. */
  message(envelope: Envelope): MaybePromise<MessageSink | SmtpReply>;
}

/** Bounds on one session. */
export interface SessionLimits {
  /** Octets of a command line, CRLF included (RFC 5321 §4.5.3.1.4: 512; MAIL and RCPT get what their extensions add). */
  readonly commandLine: number;
  /** Recipients of one message. */
  readonly recipients: number;
  /** Octets of a message's content. */
  readonly messageSize: number;
  /** Faulty commands (form, order, unknown; not policy) that are answered before 421 closes the session. */
  readonly errors: number;
  /**
   * Commands between two accepted messages that bring none nearer, before 421 closes
   * the session: NOOP, RSET, VRFY, HELP, HELO, EHLO, empty chunks, and whatever the
   * handler refuses (which bounds how many addresses can be tried).
   */
  readonly idleCommands: number;
}

/** What a session needs to know of its server. */
export interface SessionOptions {
  /** What the server calls itself in the greeting and in EHLO. */
  readonly hostname: string;
  /** What the greeting says after that. */
  readonly banner: string;
  /** Whether STARTTLS can be had. */
  readonly startTls: boolean;
  /** Whether BINARYMIME is offered; absent: it is not. */
  readonly binaryMime?: boolean;
  /** Bounds on what a client may do. */
  readonly limits: SessionLimits;
}

/** What the transport does after a step of the session: sends `output`, then `next`. */
export interface Step {
  /** Octets to send; may be empty. */
  readonly output: Uint8Array;
  /**
   * `read`: wait for octets and `receive` them; `step`: go on with those that are there;
   * `starttls`: upgrade, then `secured`; `restart`: see who answers `client`, then
   * `restart` and `greeting`; `close`: hang up.
   */
  readonly next: "read" | "step" | "starttls" | "restart" | "close";
}
