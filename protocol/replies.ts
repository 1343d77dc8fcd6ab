/**
 * The server's side of the dialogue in fixed words: the replies that do not depend
 * on what the client said. Those that other rooms give as well are in `reply.ts`.
 *
 * @module
 */
import { reply, type SmtpReply } from "./reply.ts";

/** RSET, NOOP. */
export const OK: SmtpReply = reply(250, "2.0.0", "OK");
/** QUIT. */
export const BYE: SmtpReply = reply(221, "2.0.0", "Bye");
/** STARTTLS (RFC 3207 §4). */
export const READY_FOR_TLS: SmtpReply = reply(220, "2.0.0", "Ready to start TLS");
/** DATA; 3yz replies have no enhanced status code (RFC 2034 §4). */
export const START_DATA: SmtpReply = reply(354, "", "End data with <CR><LF>.<CR><LF>");
/** VRFY: nothing is told, nothing is denied (RFC 5321 §7.3). */
export const CANNOT_VERIFY: SmtpReply = reply(252, "2.1.5", "Cannot verify, send mail to find out");
/** A chunk that is not the last (RFC 3030 §2). */
export const CHUNK_TAKEN: SmtpReply = reply(250, "2.0.0", "Chunk received");

/** A verb that does not exist. */
export const UNKNOWN_COMMAND: SmtpReply = reply(500, "5.5.2", "Command not recognized");
/** A verb that does, elsewhere. */
export const NOT_IMPLEMENTED: SmtpReply = reply(502, "5.5.1", "Command not implemented");
/** A line over its bound. */
export const LINE_TOO_LONG: SmtpReply = reply(500, "5.5.2", "Line too long");
/** NUL, bare CR or bare LF in a command. */
export const BAD_OCTETS: SmtpReply = reply(
  500,
  "5.5.2",
  "Only CRLF may end a command, no NUL, CR or LF in it",
);
/** A command that is not valid UTF-8. */
export const NOT_UTF8: SmtpReply = reply(500, "5.5.2", "Command is not valid UTF-8");
/** Octets above 127 where only US-ASCII may be. */
export const NOT_ASCII: SmtpReply = reply(501, "5.5.2", "Only US-ASCII in this command");
/** A sender that is not US-ASCII without SMTPUTF8 (RFC 6531 §3.5). */
export const SENDER_NEEDS_SMTPUTF8: SmtpReply = reply(
  550,
  "5.6.7",
  "Non-ASCII address needs SMTPUTF8",
);
/** A recipient that is not, where MAIL had no SMTPUTF8 (RFC 6531 §3.5). */
export const RECIPIENT_NEEDS_SMTPUTF8: SmtpReply = reply(
  553,
  "5.6.7",
  "Non-ASCII address needs SMTPUTF8",
);
/** A BDAT that does not say where its chunk ends: what follows cannot be told from commands. */
export const BAD_CHUNK: SmtpReply = reply(501, "5.5.4", "Bad chunk size, closing connection");
/** STARTTLS inside TLS. */
export const TLS_ACTIVE: SmtpReply = reply(503, "5.5.1", "TLS already active");

/** XCLIENT of a client that is trusted with nothing of the kind. */
export const XCLIENT_DENIED: SmtpReply = reply(550, "5.7.0", "Insufficient authorization");
/** More came before the reply to a command that has to be waited for; closes the session. */
export const TALKS_AHEAD: SmtpReply = reply(554, "5.5.0", "Wait for the reply, closing connection");

/** Content before any RCPT. */
export const NEED_RCPT: SmtpReply = reply(503, "5.5.1", "Send RCPT first");
/** Content after RCPTs that were all refused (RFC 5321 §4.1.1.4). */
export const NO_VALID_RCPT: SmtpReply = reply(554, "5.5.1", "No valid recipients");
/** RCPT over the bound (RFC 5321 §4.5.3.1.10). */
export const TOO_MANY_RCPT: SmtpReply = reply(452, "4.5.3", "Too many recipients");
/** DATA after BODY=BINARYMIME (RFC 3030 §3). */
export const NEEDS_BDAT: SmtpReply = reply(503, "5.5.1", "BINARYMIME needs BDAT");
/** A message over the size limit, as declared or as sent (RFC 1870 §6). */
export const TOO_BIG: SmtpReply = reply(552, "5.3.4", "Message too big");
/** Content with line ends other than CRLF. */
export const BARE_LINE_END: SmtpReply = reply(550, "5.6.11", "Bare CR or LF in message");

/** Too many faulty commands. */
export const TOO_MANY_ERRORS: SmtpReply = reply(
  421,
  "4.7.0",
  "Too many errors, closing connection",
);
/** Too many commands that bring no mail. */
export const TOO_MANY_IDLE: SmtpReply = reply(
  421,
  "4.7.0",
  "Too many commands without mail, closing connection",
);
