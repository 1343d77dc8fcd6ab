/**
 * Builds the notification that tells a sender what became of recipients, above all
 * the bounce, which says who was not delivered to and why: a multipart/report
 * (RFC 6522) with a text for people, a delivery status (RFC 3464) for programs, and
 * the original. Whatever a remote server or a sender put into its input, the result
 * is one valid MIME tree with bounded lines; nothing here fails.
 *
 * A notification needs SMTPUTF8 only when the address it goes to does. Every other one
 * is pure 7-bit, so that no next hop can refuse it for its form.
 *
 * @module
 */
import { type Bytes, concat, encode, isAscii } from "../base/bytes.ts";
import { hasEightBit } from "../base/scan.ts";
import { rfc5322Date } from "./date.ts";
import type { DsnAction, DsnInput } from "./dsn_input.ts";
import { type MimePart, originalPart } from "./dsn_original.ts";
import { deliveryStatus } from "./dsn_status.ts";
import { explanation } from "./dsn_text.ts";
import { LONGEST_ADDRESS, printable } from "./fold.ts";
import { quotedPrintable } from "./quoted_printable.ts";

export type { DsnAction, DsnInput, DsnReason, DsnRecipient } from "./dsn_input.ts";
export { RETURNED_CONTENT } from "./dsn_original.ts";

/** A notification, to be sent with the null reverse-path. */
export interface Dsn {
  /** The whole message, header section included. */
  readonly content: Bytes;
  /** Whether it can only be sent with SMTPUTF8 (RFC 6531). */
  readonly smtputf8: boolean;
  /** Whether it holds octets above 127. */
  readonly eightBit: boolean;
}

const SUBJECTS: Readonly<Record<DsnAction, string>> = {
  failed: "Undelivered mail returned to sender",
  delayed: "Delayed mail (still being tried)",
  relayed: "Mail relayed to a system that sends no notifications",
  delivered: "Mail delivered",
};

/** Builds the notification. */
export function buildDsn(input: DsnInput): Dsn {
  const smtputf8 = !isAscii(input.reversePath);
  const parts = [
    textPart(explanation(input), smtputf8),
    statusPart(deliveryStatus(input, smtputf8), smtputf8),
    originalPart(input, smtputf8),
  ];
  const boundary = freshBoundary(parts, input.random);
  const content = concat([
    encode(header(input, boundary, smtputf8)),
    ...parts.flatMap((part) => [encode(partHeader(boundary, part)), part.body]),
    encode(`\r\n--${boundary}--\r\n`),
  ]);
  return { content, smtputf8, eightBit: hasEightBit(content) };
}

function header(input: DsnInput, boundary: string, smtputf8: boolean): string {
  const to = printable(input.reversePath, LONGEST_ADDRESS);
  const messageId = `${input.now.toString(36)}.${randomToken(input.random)}@${input.hostname}`;
  const reportType = smtputf8 ? "global-delivery-status" : "delivery-status";
  return [
    `Date: ${rfc5322Date(input.now)}`,
    `From: Mail Delivery System <MAILER-DAEMON@${input.hostname}>`,
    `To: <${to}>`,
    `Subject: ${SUBJECTS[input.action]}`,
    `Message-ID: <${messageId}>`,
    "Auto-Submitted: auto-replied", // RFC 3834 §5
    "MIME-Version: 1.0",
    `Content-Type: multipart/report; report-type=${reportType};`,
    `\tboundary="${boundary}"`,
    ...(smtputf8 ? ["Content-Transfer-Encoding: 8bit"] : []),
    "",
    "This is a MIME-encapsulated message.",
    "",
  ].join("\r\n");
}

function partHeader(boundary: string, part: MimePart): string {
  return [
    "",
    `--${boundary}`,
    `Content-Type: ${part.type}`,
    `Content-Description: ${part.description}`,
    `Content-Transfer-Encoding: ${part.encoding}`,
    "",
    "",
  ].join("\r\n");
}

function textPart(text: string, smtputf8: boolean): MimePart {
  const type = "text/plain; charset=utf-8";
  const description = "Notification";
  if (smtputf8) return { type, description, encoding: "8bit", body: encode(text) };
  if (isAscii(text)) return { type, description, encoding: "7bit", body: encode(text) };
  return { type, description, encoding: "quoted-printable", body: encode(quotedPrintable(text)) };
}

function statusPart(status: string, smtputf8: boolean): MimePart {
  return {
    type: smtputf8 ? "message/global-delivery-status" : "message/delivery-status", // RFC 6533 §4
    description: "Delivery report",
    encoding: smtputf8 ? "8bit" : "7bit",
    body: encode(status),
  };
}

/** A boundary that occurs in none of the parts; the original is the sender's, who may try to guess it. */
function freshBoundary(parts: readonly MimePart[], random: () => number): string {
  const bodies = parts.map((part) => asciiView(part.body));
  const token = randomToken(random);
  for (let count = 0;; count++) {
    const boundary = `=_${token}.${count}`;
    if (!bodies.some((body) => body.includes(`--${boundary}`))) return boundary;
  }
}

const latin1 = new TextDecoder("latin1");

/** Octets as text in which at least the ASCII is exact. */
function asciiView(octets: Uint8Array): string {
  return latin1.decode(octets);
}

/** 24 random characters of `0-9a-z`. */
function randomToken(random: () => number): string {
  return Array.from({ length: 24 }, () => Math.floor(random() * 36).toString(36)).join("");
}
