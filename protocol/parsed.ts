/**
 * What parsing a command gives: a value, or the reply that refuses the command.
 * Parsers here never throw.
 *
 * @module
 */
import { reply, type SmtpReply } from "./reply.ts";

/** A parsed value, or the reply to a text that is not one. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reply: SmtpReply };

/** A text that was understood. */
export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** A text that was not: the reply says why. */
export function refused<T>(code: number, enhanced: string, text: string): Parsed<T> {
  return { ok: false, reply: reply(code, enhanced, text) };
}
