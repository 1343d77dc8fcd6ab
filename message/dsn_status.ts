/**
 * The part of a notification that programs read: the fields of RFC 3464, per message
 * and per recipient. Nothing here fails; remote text is bounded and folded.
 *
 * @module
 */
import { isAscii } from "../base/bytes.ts";
import { rfc5322Date } from "./date.ts";
import type { DsnAction, DsnInput, DsnReason, DsnRecipient } from "./dsn_input.ts";
import { originalRecipient, unitextEncoded } from "./dsn_request.ts";
import { asciiOnly, foldField, LONGEST_ADDRESS, printable } from "./fold.ts";
import { decodeXtext } from "./xtext.ts";

/** The most of a request to hold a message that a notification repeats, in characters. */
const LONGEST_HOLD = 64;

/** The most of a remote text that a notification repeats, in characters. */
export const LONGEST_REMOTE_TEXT = 1000;

/** The body of message/delivery-status, or of message/global-delivery-status, where UTF-8 may stand as it is (RFC 6533 §4). */
export function deliveryStatus(input: DsnInput, utf8: boolean): string {
  const message = envelopeId(input.envid) +
    foldField("Reporting-MTA", `dns; ${input.hostname}`) +
    foldField("Arrival-Date", rfc5322Date(input.arrived)) +
    dateField("Deliver-By-Date", input.deliverBy) +
    holdField(input.holdRequest) +
    foldField("X-Deno-SMTP-Server-Queue-ID", input.id); // RFC 3464 §2.2: extensions come last
  const recipients = input.recipients.map((one) => recipientFields(input.action, one, utf8));
  return [message, ...recipients].join("\r\n");
}

function holdField(request: string | undefined): string {
  return request === undefined
    ? ""
    : foldField("Future-Release-Request", printable(request, LONGEST_HOLD));
}

function envelopeId(envid: string | undefined): string {
  return envid === undefined
    ? ""
    : addressField("Original-Envelope-Id", decodeXtext(envid) ?? envid);
}

function recipientFields(action: DsnAction, recipient: DsnRecipient, utf8: boolean): string {
  const { address, orcpt, reason, lastAttempt, retryUntil } = recipient;
  return (orcpt === undefined ? "" : originalField(orcpt, utf8)) +
    addressField("Final-Recipient", typedAddress(address, utf8)) +
    foldField("Action", action) +
    foldField("Status", statusOf(action, recipient)) +
    remoteMta(reason, utf8) +
    (reason.text === "" ? "" : foldField("Diagnostic-Code", diagnosticCode(reason, utf8))) +
    dateField("Last-Attempt-Date", lastAttempt) +
    dateField("Will-Retry-Until", retryUntil);
}

function dateField(name: string, at: number | undefined): string {
  return at === undefined ? "" : foldField(name, rfc5322Date(at));
}

/** The recipient that the sender meant at first, as it said it (RFC 3464 §2.3.1). */
function originalField(orcpt: string, utf8: boolean): string {
  const { type, address } = originalRecipient(orcpt);
  const typed = type === "utf-8" ? typedAddress(address, utf8) : `${type}; ${address}`;
  return addressField("Original-Recipient", typed);
}

/** Not folded, for an address may hold spaces that count; one as xtext that no line could hold is no address that anybody accepted. */
function addressField(name: string, value: string): string {
  return value.length < 960 ? `${name}: ${value}\r\n` : foldField(name, value);
}

/** An address with its type; in a 7-bit report a non-ASCII one has the xtext form of RFC 6533 §3. */
function typedAddress(address: string, utf8: boolean): string {
  const safe = printable(address, LONGEST_ADDRESS);
  if (isAscii(safe)) return `rfc822; ${safe}`;
  return `utf-8; ${utf8 ? safe : unitextEncoded(safe)}`;
}

/** A status code (RFC 3464 §2.3.4): its numbers have no zeros in front. */
const STATUS = /^[245](?:\.(?:0|[1-9]\d{0,2})){2}$/;

/** Of each action: the class of the status codes that fit it. */
const CLASSES: Readonly<Record<DsnAction, string>> = {
  failed: "5",
  delayed: "4",
  relayed: "2",
  delivered: "2",
};

/**
 * The enhanced status code to report: 4.4.7 when our time ran out (RFC 3463 §3.5), that
 * of RFC 2852 when the sender's did, else the reply's own where it fits.
 */
export function statusOf(
  action: DsnAction,
  { reason, overdue }: Pick<DsnRecipient, "reason" | "overdue">,
): string {
  if (overdue !== undefined) return overdue;
  if (action === "failed" && !reason.permanent) return "4.4.7";
  const { enhanced = "" } = reason;
  const fits = enhanced[0] === CLASSES[action] && STATUS.test(enhanced);
  return fits ? enhanced : `${CLASSES[action]}.0.0`;
}

/** The host's name of a hop written `name[address]:port`, or its address literal where it has no name. */
function remoteMta(reason: DsnReason, utf8: boolean): string {
  if (reason.hop === undefined) return "";
  const bracket = reason.hop.indexOf("[");
  const name = bracket > 0 ? reason.hop.slice(0, bracket) : reason.hop;
  return foldField("Remote-MTA", `dns; ${remoteText(name, utf8)}`);
}

/** A remote reply with its code; our own words have a type of their own (RFC 3464 §2.3.6). */
function diagnosticCode(reason: DsnReason, utf8: boolean): string {
  const type = reason.code === undefined ? "X-Deno-SMTP-Server" : "smtp";
  return `${type}; ${remoteText(replyWithCode(reason), utf8)}`;
}

/** The text of a reason, with the code of the reply in front unless it is there. */
export function replyWithCode({ code, enhanced, text }: DsnReason): string {
  if (code === undefined || text.startsWith(String(code))) return text;
  return [code, enhanced, text].filter((part) => part !== undefined).join(" ");
}

function remoteText(text: string, utf8: boolean): string {
  const safe = printable(text, LONGEST_REMOTE_TEXT);
  return utf8 ? safe : asciiOnly(safe);
}
