/**
 * The commands as they are written: when each is legal, what EHLO says of it, and
 * what reads its argument. What each of them does is in `protocol.ts`. Nothing here
 * throws: a parser that does not understand gives the reply that says so.
 *
 * @module
 */
import type { MailCommand, RcptCommand } from "./handler.ts";
import { AUTH_LINE_LENGTH, type AuthCommand, parseAuth } from "./auth.ts";
import { type ChunkCommand, parseChunk } from "./chunk_reader.ts";
import * as syntax from "./command_syntax.ts";
import type { CommandForm } from "./command_table.ts";
import { parseEtrn, parseVrfy, type Verification } from "./inquiries.ts";
import { limitsKeyword } from "./limits.ts";
import * as params from "./params.ts";
import { ALWAYS, type CommandState } from "./session_state.ts";
import { type ClientClaims, parseXclient, XCLIENT_KEYWORD } from "./xclient.ts";

/** A command whose argument is read as a `T`. */
type Form<T> = CommandForm<T, CommandState>;

/** Where a command that brings no message nearer is legal: everywhere. */
const IDLE = { states: ALWAYS, idle: true };
/** Likewise, where the reply has to be waited for before anything else is sent. */
const IDLE_LAST = { ...IDLE, last: true };

/** RFC 5321 §4.1.1.1; its argument is the client's name. */
export const EHLO: Form<string> = { ...IDLE_LAST, usage: "EHLO domain", parse: syntax.helo };

/** RFC 5321 §4.1.1.1; its argument is the client's name. */
export const HELO: Form<string> = { ...IDLE_LAST, usage: "HELO domain", parse: syntax.helo };

/** RFC 5321 §4.1.1.2. */
export const MAIL: Form<MailCommand> = {
  usage: "MAIL FROM:<reverse-path> [parameters]",
  states: ["greeted"],
  utf8: true,
  longer: params.MAIL_LENGTH,
  keywords: params.mailKeywords,
  parse: syntax.mail,
};

/** RFC 5321 §4.1.1.3. */
export const RCPT: Form<RcptCommand> = {
  usage: "RCPT TO:<forward-path> [parameters]",
  states: ["mail"],
  utf8: true,
  longer: params.RCPT_LENGTH,
  keywords: (offer) => ["DSN", limitsKeyword(offer.limits)],
  parse: syntax.rcpt,
};

/** RFC 5321 §4.1.1.4. */
export const DATA: Form<void> = {
  usage: "DATA",
  states: ["mail"],
  last: true,
  parse: syntax.nothing,
};

/** RFC 3030 §2. */
export const BDAT: Form<ChunkCommand> = {
  usage: "BDAT octets [LAST]",
  // Where it is out of order, the octets of its chunk come all the same.
  states: ALWAYS,
  keywords: () => ["CHUNKING"],
  parse: parseChunk,
};

/** RFC 5321 §4.1.1.5. */
export const RSET: Form<void> = { ...IDLE, usage: "RSET", parse: syntax.nothing };

/** RFC 5321 §4.1.1.9. */
export const NOOP: Form<string> = { ...IDLE_LAST, usage: "NOOP [text]", parse: syntax.anything };

/** RFC 5321 §4.1.1.6. */
export const VRFY: Form<Verification> = {
  ...IDLE_LAST,
  usage: "VRFY address [SMTPUTF8]",
  utf8: true,
  offered: ({ vrfy }) => vrfy,
  parse: parseVrfy,
};

/** RFC 5321 §4.1.1.8. */
export const HELP: Form<string> = {
  ...IDLE,
  usage: "HELP [command]",
  keywords: () => ["HELP"],
  parse: syntax.anything,
};

/** RFC 1985; its argument is the domain. */
export const ETRN: Form<string> = {
  usage: "ETRN domain",
  states: ["greeted"],
  idle: true,
  keywords: () => ["ETRN"],
  offered: ({ etrn }) => etrn,
  parse: parseEtrn,
};

/** RFC 3207. */
export const STARTTLS: Form<void> = {
  usage: "STARTTLS",
  states: ["greeted", "mail"],
  keywords: () => ["STARTTLS"],
  offered: ({ startTls }) => startTls,
  parse: syntax.nothing,
};

/** RFC 4954. */
export const AUTH: Form<AuthCommand> = {
  usage: "AUTH mechanism [initial-response]",
  states: ["greeted"],
  longer: AUTH_LINE_LENGTH,
  keywords: ({ mechanisms }) => [["AUTH", ...mechanisms].join(" ")],
  offered: ({ mechanisms }) => mechanisms.length > 0,
  parse: parseAuth,
};

/** Postfix's, by which a trusted client says for whom it speaks. */
export const XCLIENT: Form<ClientClaims> = {
  usage: "XCLIENT attribute=value ...",
  states: ["connected", "greeted"],
  idle: true,
  keywords: () => [XCLIENT_KEYWORD],
  offered: ({ xclient }) => xclient,
  parse: parseXclient,
};

/** RFC 5321 §4.1.1.10. */
export const QUIT: Form<void> = { usage: "QUIT", states: ALWAYS, parse: syntax.nothing };

/** RFC 5321 §4.1.1.7; the verb is known, and nothing more. */
export const EXPN: Form<string> = {
  usage: "EXPN",
  states: ALWAYS,
  utf8: true,
  offered: () => false,
  parse: syntax.anything,
};
