/**
 * Where a session stands, as a union of named states: what each one holds is there
 * in that state and in no other.
 *
 * @module
 */
import type { AuthExchange } from "./auth.ts";
import type { Budget } from "./budget.ts";
import { type ChunkCommand, ChunkReader } from "./chunk_reader.ts";
import { Content } from "./content.ts";
import { DataReader } from "./data_reader.ts";
import { NEED_RCPT, NO_VALID_RCPT } from "./replies.ts";
import { reply, type SmtpReply } from "./reply.ts";
import type { Transaction } from "./transaction.ts";

/** A transaction is open; RCPT goes on. */
export interface MailState {
  /** Its name. */
  readonly name: "mail";
  /** What was said in it. */
  readonly transaction: Transaction;
}

/** Octets are the content of DATA, up to the final dot. */
export interface DataState {
  /** Its name. */
  readonly name: "data";
  /** Where its octets go. */
  readonly content: Content;
  /** What takes their framing off. */
  readonly reader: DataReader;
}

/** A chunk was taken and was not the last; commands are read. */
export interface BdatState {
  /** Its name. */
  readonly name: "bdat";
  /** Where its octets go. */
  readonly content: Content;
  /** What takes their framing off. */
  readonly reader: ChunkReader;
}

/** Octets are a chunk. */
export interface ChunkState {
  /** Its name. */
  readonly name: "chunk";
  /** Where its octets go. */
  readonly content: Content;
  /** What takes their framing off. */
  readonly reader: ChunkReader;
  /** Whether the message ends with it. */
  readonly last: boolean;
  /** Where the session stands once it is read. */
  readonly after: SessionState;
}

/** AUTH is under way; lines are responses (RFC 4954 §4). */
export interface AuthState {
  /** Its name. */
  readonly name: "auth";
  /** What they answer. */
  readonly exchange: AuthExchange;
}

/**
 * Where a session stands. Of the states that hold nothing:
 * - `connected`: no HELO or EHLO yet, or TLS has just begun
 * - `greeted`: between transactions
 * - `starttls`: the transport makes TLS; octets that come are nobody's
 * - `restart`: the client is another one, whom somebody else answers
 * - `closed`: nothing is read any more
 */
export type SessionState =
  | { readonly name: "connected" | "greeted" | "starttls" | "restart" | "closed" }
  | AuthState
  | MailState
  | DataState
  | BdatState
  | ChunkState;

/** The states in which octets are commands. */
export type CommandState = "connected" | "greeted" | "mail" | "bdat";

/** All of them, for commands that are always legal. */
export const ALWAYS: readonly CommandState[] = ["connected", "greeted", "mail", "bdat"];

/** The reply to a command that is not legal in a state: what to send instead. */
export const OUT_OF_ORDER: Readonly<Record<CommandState, SmtpReply>> = {
  connected: reply(503, "5.5.1", "Send EHLO or HELO first"),
  greeted: reply(503, "5.5.1", "Send MAIL first"),
  mail: reply(503, "5.5.1", "A transaction is open, send RCPT, DATA or RSET"),
  bdat: reply(503, "5.5.1", "A BDAT transfer is under way, send BDAT or RSET"),
};

/** Why content cannot come: no transaction, or no recipient in it. The budget counts what is the client's fault. */
export function recipientsMissing(state: SessionState, budget: Budget): SmtpReply | undefined {
  if (state.name === "connected") return budget.fault(OUT_OF_ORDER.connected);
  if (state.name !== "mail") return budget.fault(OUT_OF_ORDER.greeted);
  const { recipients, refused } = state.transaction;
  if (recipients.length > 0) return undefined;
  return refused > 0 ? budget.judged(NO_VALID_RCPT) : budget.fault(NEED_RCPT);
}

/** DATA begins. */
export function dataState(content: Content): DataState {
  return { name: "data", content, reader: new DataReader() };
}

/** BDAT begins, its first chunk still to come; `binary` content need not have the form of lines. */
export function bdatState(content: Content, binary: boolean): BdatState {
  return { name: "bdat", content, reader: new ChunkReader(binary) };
}

/** A chunk of a message begins. */
export function chunkState(bdat: BdatState, { size, last }: ChunkCommand): ChunkState {
  const { content, reader } = bdat;
  reader.begin(size, last);
  return { name: "chunk", content, reader, last, after: last ? { name: "greeted" } : bdat };
}

/** A chunk begins that belongs to no message: it is read, refused, and all is as it was `before`. */
export function strayChunkState(
  refusal: SmtpReply,
  { size }: ChunkCommand,
  before: SessionState,
): ChunkState {
  const content = new Content(refusal, 0);
  const reader = new ChunkReader(true);
  reader.begin(size, true);
  return { name: "chunk", content, reader, last: true, after: before };
}
