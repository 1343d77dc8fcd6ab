/**
 * The part of a bounce that programs read: the fields of RFC 3464, per message
 * and per recipient. Nothing here fails; remote text is bounded and folded.
 *
 * @module
 */
import { isAscii } from "../base/bytes.ts";
import { rfc5322Date } from "./date.ts";
import type { BounceInput, BounceReason, FailedRecipient } from "./dsn_input.ts";
import { asciiOnly, foldField, LONGEST_ADDRESS, printable } from "./fold.ts";

/** The most of a remote text that a bounce repeats, in characters. */
export const LONGEST_REMOTE_TEXT = 1000;

/** The body of message/delivery-status, or of message/global-delivery-status, where UTF-8 may stand as it is (RFC 6533 §4). */
export function deliveryStatus(input: BounceInput, utf8: boolean): string {
  const message = foldField("Reporting-MTA", `dns; ${input.hostname}`) +
    foldField("X-Deno-SMTP-Server-Queue-ID", input.id) +
    foldField("Arrival-Date", rfc5322Date(input.arrived));
  return [message, ...input.failed.map((failed) => recipientFields(failed, utf8))].join("\r\n");
}

function recipientFields(failed: FailedRecipient, utf8: boolean): string {
  const { reason, lastAttempt } = failed;
  return finalRecipient(typedAddress(failed.address, utf8)) +
    foldField("Action", "failed") +
    foldField("Status", statusOf(reason)) +
    remoteMta(reason, utf8) +
    foldField("Diagnostic-Code", diagnosticCode(reason, utf8)) +
    (lastAttempt === undefined ? "" : foldField("Last-Attempt-Date", rfc5322Date(lastAttempt)));
}

/** Not folded, for an address may hold spaces that count; one as xtext that no line could hold is no address that anybody accepted. */
function finalRecipient(typed: string): string {
  return typed.length < 960 ? `Final-Recipient: ${typed}\r\n` : foldField("Final-Recipient", typed);
}

/** An address with its type; in a 7-bit report a non-ASCII one has the xtext form of RFC 6533 §3. */
function typedAddress(address: string, utf8: boolean): string {
  const safe = printable(address, LONGEST_ADDRESS);
  if (isAscii(safe)) return `rfc822; ${safe}`;
  return `utf-8; ${utf8 ? safe : xtext(safe)}`;
}

function xtext(address: string): string {
  return address.replace(
    /[^\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e]/gu,
    (character) => `\\x{${character.codePointAt(0)!.toString(16).toUpperCase()}}`,
  );
}

/** The enhanced status code to report: 4.4.7 when time ran out (RFC 3463 §3.5), else the reply's own where it fits. */
export function statusOf(reason: BounceReason): string {
  if (!reason.permanent) return "4.4.7";
  const enhanced = reason.enhanced ?? "";
  return /^5\.\d{1,3}\.\d{1,3}$/.test(enhanced) ? enhanced : "5.0.0";
}

/** The host's name of a hop written `name[address]:port`, or its address literal where it has no name. */
function remoteMta(reason: BounceReason, utf8: boolean): string {
  if (reason.hop === undefined) return "";
  const bracket = reason.hop.indexOf("[");
  const name = bracket > 0 ? reason.hop.slice(0, bracket) : reason.hop;
  return foldField("Remote-MTA", `dns; ${remoteText(name, utf8)}`);
}

/** A remote reply with its code; our own words have a type of their own (RFC 3464 §2.3.6). */
function diagnosticCode(reason: BounceReason, utf8: boolean): string {
  const type = reason.code === undefined ? "X-Deno-SMTP-Server" : "smtp";
  return `${type}; ${remoteText(replyWithCode(reason), utf8)}`;
}

/** The text of a reason, with the code of the reply in front unless it is there. */
export function replyWithCode({ code, enhanced, text }: BounceReason): string {
  if (code === undefined || text.startsWith(String(code))) return text;
  return [code, enhanced, text].filter((part) => part !== undefined).join(" ");
}

function remoteText(text: string, utf8: boolean): string {
  const safe = printable(text, LONGEST_REMOTE_TEXT);
  return utf8 ? safe : asciiOnly(safe);
}
