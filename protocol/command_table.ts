/**
 * The shape of the command table: what a row says of its command, and how a form and
 * a handler become one. The table itself is in `protocol.ts`.
 *
 * @module
 */
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { SubmissionOffer } from "./handler.ts";
import type { PeerLimits } from "./limits.ts";
import { type Parsed, parsed } from "./parsed.ts";
import type { SmtpReply } from "./reply.ts";

/** What decides which extensions are offered. */
export interface Offer {
  /** Octets a message may have. */
  readonly messageSize: number;
  /** Whether content of any octets can be brought (RFC 3030). */
  readonly binaryMime: boolean;
  /** What only a client that may submit mail is offered. */
  readonly submission: SubmissionOffer | undefined;
  /** What is announced of recipients and transactions. */
  readonly limits: PeerLimits;
  /** Whether TLS is active. */
  readonly tls: boolean;
  /** Whether STARTTLS can be had now. */
  readonly startTls: boolean;
  /** The SASL mechanisms that can be used now. */
  readonly mechanisms: readonly string[];
  /** Whether the client may start queues. */
  readonly etrn: boolean;
  /** Whether the client may say for whom it speaks. */
  readonly xclient: boolean;
  /** Whether VRFY is answered. */
  readonly vrfy: boolean;
}

/** What a row says of its command, beside how to read and run it. */
export interface CommandFacts<State extends string> {
  /** The states it is legal in; elsewhere 503 5.5.1. */
  readonly states: readonly State[];
  /** Whether it brings no message nearer even when it succeeds. */
  readonly idle?: boolean;
  /** Whether it may only be the last of those sent together (RFC 2920 §3.1). */
  readonly last?: boolean;
  /** Whether its argument may hold UTF-8 (RFC 6531). */
  readonly utf8?: boolean;
  /** Octets by which extensions make its line longer (RFC 5321 §4.5.3.1.4). */
  readonly longer?: number;
  /** The EHLO lines that say it, or a parameter of it, is there. */
  readonly keywords?: (offer: Offer) => readonly string[];
  /** Whether it is there for a client, where it is not for all: neither EHLO nor HELP speak of it otherwise. */
  readonly offered?: (offer: Offer) => boolean;
}

/** What a command does, once it is understood. No reply now: the content that follows is answered. */
export type Action<Session> = (session: Session) => MaybePromise<SmtpReply | undefined>;

/** A row of the table: `Session` is what runs it, `State` the names of its states. */
export interface Command<Session, State extends string> extends CommandFacts<State> {
  /** How it is written; the first word is the verb. */
  readonly usage: string;
  /** Reads the argument. */
  readonly read: (argument: string) => Parsed<Action<Session>>;
}

/** A table, by upper-case verb. */
export type CommandTable<Session, State extends string> = ReadonlyMap<
  string,
  Command<Session, State>
>;

/** How a command is written, when it is legal, and how its argument is read. */
export interface CommandForm<T, State extends string> extends CommandFacts<State> {
  /** How it is written; the first word is the verb. */
  readonly usage: string;
  /** Reads the argument. */
  readonly parse: (argument: string) => Parsed<T>;
}

/** Makes a row; whatever type lies between parser and handler is its own affair. */
export type RowMaker<Session, State extends string> = <T>(
  form: CommandForm<T, State>,
  handle: (session: Session, value: T) => MaybePromise<SmtpReply | undefined>,
) => Command<Session, State>;

/**
 * Makes the table of the rows that `write` gives. It is a `Map`, so that a verb from
 * the wire finds nothing but a verb.
 */
export function commandTable<Session, State extends string>(
  write: (row: RowMaker<Session, State>) => readonly Command<Session, State>[],
): CommandTable<Session, State> {
  const rows = write(({ parse, ...form }, handle) => ({
    ...form,
    read: (argument) => {
      const result = parse(argument);
      return result.ok ? parsed((session) => handle(session, result.value)) : result;
    },
  }));
  return new Map(rows.map((row) => [row.usage.split(" ", 1)[0]!, row]));
}
