/**
 * Mail whose fate can be read off its addresses: each recipient's says whose
 * message it is and how the next hop treats it, and no address is used twice.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/**
 * How the next hop treats a recipient.
 * - `taken`: at once
 * - `later`: it says 451 the first time
 * - `never`: it says 550
 */
export type Treatment = "taken" | "later" | "never";

/** A message. */
export interface Mail {
  /** Unlike that of any other; letters, digits and hyphens. */
  readonly name: string;
  /** Where its bounces go. */
  readonly sender: string;
  /** The recipients. */
  readonly recipients: readonly string[];
  /** What is sent; it ends in CRLF. */
  readonly content: Uint8Array;
  /** By which command the client sends it. */
  readonly by: "DATA" | "BDAT";
}

const SENDER_DOMAIN = "from.test";
const KIB = 1024;

/** A message of a few lines, with dots where they matter. */
export function small(name: string, ...treatments: Treatment[]): Mail {
  return mail(name, treatments, `Subject: ${name}\r\n\r\n.\r\n..dots\r\n`);
}

/** A message that is too large to stand in a record. */
export function large(name: string, ...treatments: Treatment[]): Mail {
  const line = `${name} ${"abcdefghi ".repeat(7)}\r\n`;
  const lines = line.repeat(150 * KIB / line.length);
  return mail(name, treatments, `Subject: ${name}\r\n\r\n${lines}`);
}

/** A message that is not valid UTF-8, which no record can hold; sent in one chunk. */
export function binary(name: string, ...treatments: Treatment[]): Mail {
  const octets = String.fromCharCode(...Array.from({ length: 64 }, (_, i) => 0xc0 + i));
  const text = `Subject: ${name}\r\n\r\n${`${octets}\r\n`.repeat(50)}`;
  return { ...mail(name, treatments, text), by: "BDAT" };
}

/** A message that takes up much room in the journal, where most of its octets stand as six: `\u0001`. */
export function bulky(name: string, ...treatments: Treatment[]): Mail {
  const line = "\u0001".repeat(898) + "\r\n";
  return mail(name, treatments, `Subject: ${name}\r\n\r\n${line.repeat(70)}`);
}

/** Some messages with one recipient each, whose names begin alike. */
export function many(count: number, name: string, make: (name: string) => Mail): Mail[] {
  return Array.from({ length: count }, (_, i) => make(`${name}${i}`));
}

function mail(name: string, treatments: readonly Treatment[], text: string): Mail {
  const recipients = (treatments.length > 0 ? treatments : ["taken"])
    .map((treatment, i) => `${name}.${i}@${treatment}.test`);
  const content = Buffer.from(`X-Name: ${name}\r\n${text}`, "latin1");
  return { name, sender: senderOf(name), recipients, content, by: "DATA" };
}

/** Where the bounces of a message go. */
export function senderOf(name: string): string {
  return `${name}@${SENDER_DOMAIN}`;
}

/** The name of the message that an address belongs to, its recipient or its sender. */
export function nameOf(address: string): string {
  return /^[^.@]+/.exec(address)![0];
}

/** How the next hop treats an address; bounces are taken. */
export function treatmentOf(address: string): Treatment {
  const domain = address.slice(address.indexOf("@") + 1);
  if (domain === "later.test") return "later";
  return domain === "never.test" ? "never" : "taken";
}

/** What a content is told by. */
export function hashOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("base64");
}

/** The content less the trace field that the server put before it (RFC 5321 §4.4). */
export function withoutTrace(content: Uint8Array): Uint8Array {
  const octets = Buffer.from(content.buffer, content.byteOffset, content.length);
  const start = octets.indexOf("X-Name: ");
  const traced = octets.toString("latin1", 0, 10) === "Received: " && start > 0;
  return traced ? octets.subarray(start) : octets;
}
