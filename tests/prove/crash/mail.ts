/**
 * The mail that the senders of the crash proof bring: each message with a token
 * of its own, in sizes and kinds that take every way through the spool.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { SeededRandom } from "../seeded_random.ts";

/** Where the recipients are; each domain has its own order of next hops. */
export const DOMAINS = ["one.test", "two.test"] as const;

/** Where the senders are, and get their bounces. */
export const SENDER_DOMAIN = "senders.test";

/** How the local part of a recipient begins that no next hop takes. */
const REFUSED = "refused";

/** A message, which may be submitted more than once. */
export interface Mail {
  /** Unlike that of any other. */
  readonly token: string;
  /** The recipients. */
  readonly recipients: readonly string[];
  /** What follows the header field that names the submission. */
  readonly rest: Uint8Array;
  /** How often it was submitted. */
  submissions: number;
}

/** Whether next hops refuse this recipient for good. */
export function isRefused(recipient: string): boolean {
  return recipient.startsWith(REFUSED);
}

/** The address that a submission is sent from, to which its bounce goes. */
export function senderOf(submission: string): string {
  return `${submission}@${SENDER_DOMAIN}`;
}

/** The submission whose bounce is sent to an address. */
export function submissionOfSender(address: string): string {
  return address.slice(0, address.lastIndexOf("@"));
}

/** The whole content of a submission. */
export function contentOf(submission: string, mail: Mail): Uint8Array {
  return Buffer.concat([Buffer.from(`X-Submission: ${submission}\r\n`), mail.rest]);
}

/** What a content is told by. */
export function hashOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("base64");
}

/** The submission that a content names; undefined where it names none. */
export function submissionOfContent(content: Uint8Array): string | undefined {
  const start = Buffer.from(content.buffer, content.byteOffset, Math.min(content.length, 100));
  return /^X-Submission: (\S+)\r\n/.exec(start.toString("latin1"))?.[1];
}

/** Makes the mail of one sender. */
export class MailMaker {
  readonly #random: SeededRandom;
  readonly #name: string;
  #count = 0;

  /** `name` is that of the sender. */
  constructor(name: string, random: SeededRandom) {
    this.#name = name;
    this.#random = random;
  }

  /** The next message. */
  next(): Mail {
    const token = `${this.#name}-${this.#count++}`;
    return { token, recipients: this.#recipients(), rest: this.#rest(), submissions: 0 };
  }

  /** One recipient mostly; else some over the domains, now and then with one whom nobody takes. */
  #recipients(): string[] {
    const random = this.#random;
    const count = random.chance(0.6) ? 1 : 2 + random.below(3);
    return Array.from({ length: count }, (_, i) => {
      const local = random.chance(0.04) ? REFUSED : "box";
      return `${local}-${i}@${random.pick(DOMAINS)}`;
    });
  }

  #rest(): Uint8Array {
    const random = this.#random;
    const { octets, encoding } = random.pick(KINDS);
    const size = random.between(...octets);
    const lines = ["Subject: proof\r\n\r\n"];
    for (let length = 0; length < size;) {
      const line = random.pick(LINES[encoding]);
      lines.push(line);
      length += line.length;
    }
    return Buffer.from(lines.join(""), encoding);
  }
}

/** A kind of content: its octets, roughly, and what its characters become. */
interface Kind {
  readonly octets: readonly [least: number, most: number];
  readonly encoding: "utf8" | "latin1";
}

const KIB = 1024;
const SMALL: Kind = { octets: [KIB, 8 * KIB], encoding: "utf8" };
/** Not valid UTF-8, so that it gets a file of its own however small it is. */
const BINARY: Kind = { octets: [KIB, 8 * KIB], encoding: "latin1" };
const LARGE: Kind = { octets: [65 * KIB, 200 * KIB], encoding: "utf8" };

/** Most mail is small. */
const KINDS: readonly Kind[] = [...new Array<Kind>(18).fill(SMALL), BINARY, LARGE];

/** Lines with what a mail server may stumble over: dots, 8-bit, nothing, length. */
const LINES: Record<Kind["encoding"], readonly string[]> = {
  utf8: linesWith("Grüße, 世界: ", 40),
  latin1: linesWith("Grüße: ", 4),
};

/** One line with 8-bit characters among about `every` lines. */
function linesWith(eightBit: string, every: number): string[] {
  const plain = Array.from(
    { length: every },
    (_, i) => `line ${i} ${"abcdefghij ".repeat(i % 9)}\r\n`,
  );
  const long = `${"x".repeat(998)}\r\n`;
  return [...plain, `${eightBit}${"ä".repeat(30)}\r\n`, "\r\n", ".\r\n", "..dots\r\n", long];
}
