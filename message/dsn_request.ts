/**
 * What a sender asks to be told about its message (RFC 3461 §4): how MAIL and RCPT
 * said it, kept in that form with the message, and read for notifications. What was
 * accepted can be read; nothing here fails.
 *
 * @module
 */
import { decodeXtext } from "./xtext.ts";

/** What may happen to a recipient that a sender wants to be told of (RFC 3461 §4.1). */
export type NotifyEvent = "SUCCESS" | "FAILURE" | "DELAY";

/** What was asked about one recipient, in RCPT. */
export interface RecipientRequest {
  /** NOTIFY: what to tell of; empty for NEVER, absent where it was not given. */
  readonly notify?: readonly NotifyEvent[];
  /** ORCPT as it was given: `type;address`, the address as xtext, or as RFC 6533 §3 has it. */
  readonly orcpt?: string;
}

/** What was asked about a message. */
export interface DsnRequest {
  /** RET: how much of a message that failed comes back. */
  readonly ret?: "FULL" | "HDRS";
  /** ENVID as it was given, xtext. */
  readonly envid?: string;
  /** One for each recipient of the envelope, in their order; absent where nothing was asked of any. */
  readonly recipients?: readonly RecipientRequest[];
}

/** Whether the sender wants to be told of it; undefined where nothing was said. */
export function isWanted(
  request: DsnRequest | undefined,
  index: number,
  event: NotifyEvent,
): boolean | undefined {
  return request?.recipients?.[index]?.notify?.includes(event);
}

/** The request for some of a message's recipients, by their positions. */
export function requestFor(request: DsnRequest, indexes: readonly number[]): DsnRequest {
  const { recipients } = request;
  if (recipients === undefined) return request;
  return { ...request, recipients: indexes.map((index) => recipients[index] ?? {}) };
}

/** The text that the `\x{2B}` of RFC 6533 §3 stand for. */
export function unitextDecoded(text: string): string {
  return text.replace(
    /\\x\{([0-9A-F]{1,6})\}/g,
    (_, hex: string) => String.fromCodePoint(parseInt(hex, 16)),
  );
}

/** The address in the form of RFC 6533 §3 that holds US-ASCII only: utf-8-addr-xtext. */
export function unitextEncoded(address: string): string {
  return address.replace(
    /[^\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e]/gu,
    (character) => `\\x{${character.codePointAt(0)!.toString(16).toUpperCase()}}`,
  );
}

/** An ORCPT in US-ASCII, for hosts that do not offer SMTPUTF8. */
export function asciiOrcpt(orcpt: string): string {
  return orcpt.replace(
    /[\u{80}-\u{10ffff}]/gu,
    (character) => `\\x{${character.codePointAt(0)!.toString(16).toUpperCase()}}`,
  );
}

/** An original recipient, taken apart. */
export interface OriginalRecipient {
  /** The address type, lower case: `rfc822`, `utf-8`, … */
  readonly type: string;
  /** The address, decoded. */
  readonly address: string;
}

/** The original recipient that an ORCPT names. */
export function originalRecipient(orcpt: string): OriginalRecipient {
  const semicolon = orcpt.indexOf(";");
  const type = orcpt.slice(0, semicolon).toLowerCase();
  const encoded = orcpt.slice(semicolon + 1);
  const address = type === "utf-8" ? unitextDecoded(encoded) : decodeXtext(encoded) ?? encoded;
  return { type, address };
}
