/**
 * Attacks on the framing that are known from other servers, and what has to come
 * of each: the replies by their codes, and the number of messages.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { FALSE_ENDS } from "../../helpers/false_ends.ts";
import { LIMITS } from "../../protocol/talk.ts";
import type { Script } from "./script.ts";

/** Limits under which the cases are tried, in octets where they are sizes. */
export const CASE_LIMITS = {
  ...LIMITS,
  errors: 20,
  idleCommands: 100,
  recipients: 120,
  messageSize: 65_536,
  headerSize: 8192,
} as const;

/** An attack. Texts have one character for each octet. */
export interface FramingCase {
  readonly name: string;
  /** What opens the dialogue; only its end is worth cutting. */
  readonly lead: string;
  /** What is cut everywhere. */
  readonly attack: string;
  /** What is sent after a TLS handshake, where the attack asks for one. */
  readonly afterHandshake?: string;
  /** The codes of all replies after that to EHLO, each with a space behind it. */
  readonly codes: RegExp;
  /** How many messages are taken. */
  readonly messages: number;
  /** Whether the limit that it meets is none of the session's. */
  readonly serverOnly?: boolean;
}

/** Nobody may have taken a message from this sender. */
export const SMUGGLER = "smuggled@c.example";

const EHLO = "EHLO c.example\r\n";
const ENVELOPE = "MAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example>\r\n";
const SMUGGLED_ENVELOPE = `MAIL FROM:<${SMUGGLER}>\r\nRCPT TO:<victim@mx.example>\r\n`;

/** How smuggled content may come. */
const SMUGGLED = {
  DATA: SMUGGLED_ENVELOPE + "DATA\r\nsmuggled",
  BDAT: SMUGGLED_ENVELOPE + "BDAT 10 LAST\r\nsmuggled",
} as const;

/** Lines that are more than a message may have. */
const TOO_MUCH = ("x".repeat(62) + "\r\n").repeat(CASE_LIMITS.messageSize / 64 + 1);

/** All of them. */
export const FRAMING_CASES: readonly FramingCase[] = [
  ...ends(),
  injection(),
  ...forbiddenOctets(),
  ...limits(),
  ...chunks(),
];

/** The octets of a case's dialogue. */
export function scriptOf({ lead, attack, afterHandshake }: FramingCase): Script {
  const stretches = [lead + attack, ...(afterHandshake === undefined ? [] : [afterHandshake])];
  return {
    limits: CASE_LIMITS,
    startTls: afterHandshake !== undefined,
    tls: false,
    stretches: stretches.map((text) => Buffer.from(text, "latin1")),
  };
}

/** A case that begins when the envelope is there. */
function withEnvelope(
  name: string,
  { before = "", attack, codes, messages = 0 }: {
    before?: string;
    attack: string;
    codes: string;
    messages?: number;
  },
): FramingCase {
  return {
    name,
    lead: EHLO + ENVELOPE + before,
    attack,
    codes: new RegExp(`^250 250 ${codes} $`),
    messages,
  };
}

function ends(): FramingCase[] {
  return FALSE_ENDS.flatMap((end) =>
    Object.entries(SMUGGLED).flatMap(([command, smuggled]) => {
      const attack = `one${end}${smuggled}\r\n.\r\nNOOP\r\n`;
      const shown = `${JSON.stringify(end)} and ${command} behind it`;
      const bare = !end.includes("\0");
      const [reply, messages] = bare ? [550, 0] : [250, 1];
      return [
        withEnvelope(shown, { before: "DATA\r\n", attack, codes: `354 ${reply} 250`, messages }),
        withEnvelope(`${shown}, too big`, {
          before: "DATA\r\n" + TOO_MUCH,
          attack,
          codes: "354 552 250",
        }),
      ];
    })
  );
}

function injection(): FramingCase {
  return {
    name: "commands behind STARTTLS",
    lead: EHLO + "MAIL FROM:<a@c.example>\r\n",
    attack: `STARTTLS\r\nRSET\r\nMAIL FROM:<${SMUGGLER}>\r\nNOO`,
    afterHandshake: "P\r\nRCPT TO:<b@mx.example>\r\n",
    codes: /^250 220 500 503 $/,
    messages: 0,
  };
}

function forbiddenOctets(): FramingCase[] {
  const texts = ["\0", "\r", "\n", "\r\r", "\xc3\xa9", "\xc2\x85", "\xe2\x80\xa8", "\xe9"];
  const commands = ["EHLO c", "HELO c", "NOOP", "VRFY a", "RSET", "DATA", "HELP", "XYZZY"];
  const addresses = ["MAIL FROM:<a", "RCPT TO:<a"];
  return texts.flatMap((text) => [
    ...commands.map((command) => ({
      name: `${command} with ${JSON.stringify(text)}`,
      lead: EHLO,
      attack: `${command}${text} x\r\nNOOP\r\n`,
      // RFC 6531 §3.7.4.2: VRFY may have UTF-8.
      codes: command === "VRFY a" && isWideUtf8(text) ? /^252 250 $/ : /^50[01] 250 $/,
      messages: 0,
    })),
    ...addresses.map((command) => ({
      name: `${command} with ${JSON.stringify(text)}`,
      lead: EHLO + (command.startsWith("RCPT") ? "MAIL FROM:<a@c.example>\r\n" : ""),
      attack: `${command}${text}@c.example>\r\nNOOP\r\n`,
      codes: /^(250 )?(50[01]|55[03]) 250 $/,
      messages: 0,
    })),
  ]);
}

/** Whether octets, a character each, are one character of UTF-8 beyond US-ASCII. */
function isWideUtf8(octets: string): boolean {
  return octets.length > 1 && octets >= "\x80";
}

function limits(): FramingCase[] {
  const { recipients, messageSize, headerSize } = CASE_LIMITS;
  const rcpt = "RCPT TO:<b@mx.example>\r\n";
  return [
    {
      name: "a megabyte without a line end",
      lead: EHLO + "x".repeat(1 << 20),
      attack: "\r\nNOOP\r\n",
      codes: /^500 250 $/,
      messages: 0,
    },
    {
      name: "one recipient too many",
      lead: EHLO + "MAIL FROM:<a@c.example>\r\n" + rcpt.repeat(recipients - 1),
      attack: `${rcpt}${rcpt}DATA\r\n.\r\nNOOP\r\n`,
      codes: new RegExp(`^(250 ){${recipients + 1}}452 354 250 250 $`),
      messages: 1,
    },
    {
      name: "too big, as declared",
      lead: EHLO,
      attack: `MAIL FROM:<a@c.example> SIZE=${messageSize + 1}\r\nNOOP\r\n`,
      codes: /^552 250 $/,
      messages: 0,
    },
    withEnvelope("too big, by DATA", {
      before: "DATA\r\n" + TOO_MUCH,
      attack: "end\r\n.\r\nNOOP\r\n",
      codes: "354 552 250",
    }),
    withEnvelope("too big, by BDAT", {
      before: `BDAT ${messageSize + 1} LAST\r\n` + "x".repeat(messageSize - 4),
      attack: "xxxxxNOOP\r\n",
      codes: "552 250",
    }),
    {
      ...withEnvelope("a header section that is too long", {
        before: "DATA\r\n" + "X-Header: field\r\n".repeat(headerSize / 10),
        attack: "\r\nend\r\n.\r\nNOOP\r\n",
        codes: "354 552 250",
      }),
      serverOnly: true,
    },
  ];
}

function chunks(): FramingCase[] {
  const inner = "a\r\n.\r\n" + SMUGGLED.DATA + "\r\n.\r\n";
  const sizes = ["-1", "+5", "0x10", "1e3", "18446744073709551616", "9".repeat(21), "", "5,5"];
  return [
    ...sizes.map((size) =>
      withEnvelope(`a chunk of ${JSON.stringify(size)} octets`, {
        attack: `BDAT ${size} LAST\r\n${SMUGGLED.BDAT}`,
        codes: "501",
      })
    ),
    withEnvelope("a chunk with more octets than it said", {
      attack: "BDAT 5 LAST\r\n1234567890\r\nNOOP\r\n",
      codes: "250 500 250",
      messages: 1,
    }),
    withEnvelope("an empty last chunk", {
      attack: "BDAT 0 LAST\r\nNOOP\r\n",
      codes: "250 250",
      messages: 1,
    }),
    withEnvelope("DATA between chunks", {
      attack: "BDAT 3\r\nabcDATA\r\nBDAT 0 LAST\r\nNOOP\r\n",
      codes: "250 503 250 250",
      messages: 1,
    }),
    withEnvelope("an end of data in a chunk", {
      attack: `BDAT ${inner.length} LAST\r\n${inner}NOOP\r\n`,
      codes: "250 250",
      messages: 1,
    }),
    withEnvelope("a CRLF over two chunks", {
      attack: "BDAT 4\r\nabc\rBDAT 4 LAST\r\n\ndefNOOP\r\n",
      codes: "250 250 250",
      messages: 1,
    }),
    withEnvelope("a CR at the end of the last chunk", {
      attack: "BDAT 4 LAST\r\nabc\rNOOP\r\n",
      codes: "550 250",
    }),
    {
      name: "commands in a chunk that is refused",
      lead: EHLO,
      attack: `BDAT ${inner.length} LAST\r\n${inner}NOOP\r\n`,
      codes: /^503 250 $/,
      messages: 0,
    },
  ];
}
