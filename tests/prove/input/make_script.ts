/**
 * Makes up dialogues: golden ones and invented ones, damaged in a few places.
 * The same seed and number give the same dialogue.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { concat, encode } from "../../../base/bytes.ts";
import type { SessionLimits } from "../../../protocol/handler.ts";
import { SeededRandom } from "../seeded_random.ts";
import { mutated } from "./mutate.ts";
import type { Cut, Script } from "./script.ts";

/** A dialogue, and how to say it. */
export interface Attempt {
  readonly script: Script;
  /** Two ways to cut it, which must not make a difference. */
  readonly cuts: readonly [Cut, Cut];
  /** Whether the handler answers later. */
  readonly asynchronous: boolean;
}

/** An odd number; multiplying by it spreads successive numbers over all 32-bit ones, each once. */
const SPREAD = 0x9e3779b1;

/** The dialogue with this number. */
export function makeAttempt(golden: readonly Script[], seed: number, index: number): Attempt {
  const random = new SeededRandom(Math.imul(index + 1, SPREAD) ^ Math.imul(seed, 0x85ebca6b));
  const base = random.chance(0.6) ? random.pick(golden) : invented(random);
  const { stretches } = base;
  const count = random.chance(0.1) ? 0 : 1 + random.below(6);
  const target = random.below(stretches.length);
  const damaged = stretches.map((stretch, i) =>
    i === target
      ? mutated(stretch, count, random, () => random.pick(golden).stretches[0]!)
      : stretch
  );
  return {
    script: { ...base, limits: limitsFor(base, random), stretches: damaged },
    cuts: [cutFor(random), cutFor(random)],
    asynchronous: random.chance(0.1),
  };
}

function cutFor(random: SeededRandom): Cut {
  const way = random.next();
  if (way < 0.25) return { kind: "whole" };
  if (way < 0.32) return { kind: "singly" };
  return { kind: "places", seed: random.below(2 ** 31), count: random.pick([1, 3, 10, 40]) };
}

/** Those of the base, sometimes tighter ones. */
function limitsFor({ limits }: Script, random: SeededRandom): Partial<SessionLimits> {
  if (random.chance(0.7)) return limits;
  return {
    errors: random.pick([1, 3, 20]),
    idleCommands: random.pick([3, 10, 100]),
    messageSize: random.pick([5, 40, 400]),
    recipients: random.pick([1, 2, 100]),
    ...limits,
  };
}

/** A dialogue that means to be right. */
function invented(random: SeededRandom): Script {
  const parts: Uint8Array[] = [
    random.chance(0.9) ? encode("EHLO client.example\r\n") : encode("HELO c\r\n"),
  ];
  const auth = random.chance(0.15) ? random.pick(["tls", "anywhere"] as const) : undefined;
  if (auth) parts.push(login(random));
  const count = 1 + random.below(4);
  for (let i = 0; i < count; i++) parts.push(...transaction(random));
  if (random.chance(0.5)) parts.push(encode("QUIT\r\n"));
  const startTls = random.chance(0.3);
  if (!startTls) {
    return { limits: {}, startTls, auth, tls: random.chance(0.1), stretches: [concat(parts)] };
  }
  const plain = concat([parts[0]!, encode("STARTTLS\r\n")]);
  return { limits: {}, startTls, auth, tls: false, stretches: [plain, concat(parts)] };
}

const SENDERS = ["a@c.example", "", '"a b"@c.example', "full@c.example", "é@c.example> SMTPUTF8"];
const RECIPIENTS = [
  "b@d.example",
  "unknown@d.example",
  "later@d.example",
  "postmaster",
  "b@[1.2.3.4]",
];
const BETWEEN = [
  "NOOP\r\n",
  "RSET\r\n",
  "VRFY b\r\n",
  "HELP\r\n",
  "EHLO again.example\r\n",
  "XYZZY\r\n",
];

/** How exchanges begin, and the right and wrong ways on. */
const MECHANISMS = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "XOAUTH2", "PLAIN AHVzZXIAcGVuY2ls"];
const RESPONSES = [
  "dXNlcg==",
  "cGVuY2ls",
  "AHVzZXIAcGVuY2ls",
  "bixuPXVzZXIscj1yT3ByTkdmd0ViZVJXZ2JORWtxTw==",
  "*",
  "",
  "=",
  "MAIL FROM:<smuggled@c.example>",
  "QUIT",
  "BDAT 5 LAST",
];

function login(random: SeededRandom): Uint8Array {
  const lines = [`AUTH ${random.pick(MECHANISMS)}`];
  for (let left = random.below(4); left > 0; left--) lines.push(random.pick(RESPONSES));
  return encode(lines.map((line) => `${line}\r\n`).join(""));
}

function transaction(random: SeededRandom): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const say = (line: string) => parts.push(encode(line));
  const sender = random.chance(0.6) ? "a@c.example" : random.pick(SENDERS);
  say(`MAIL FROM:<${sender}${sender.includes(">") ? "" : ">"}\r\n`);
  for (let left = 1 + random.below(3); left > 0; left--) {
    say(`RCPT TO:<${random.chance(0.7) ? "b@d.example" : random.pick(RECIPIENTS)}>\r\n`);
  }
  if (random.chance(0.15)) say(random.pick(BETWEEN));
  parts.push(...(random.chance(0.5) ? byData(random) : byChunks(random)));
  if (random.chance(0.15)) say(random.pick(BETWEEN));
  return parts;
}

/** Lines as content has them, and as those have them who want to be taken for commands. */
const LINES = [
  "Subject: hello\r\n",
  "\r\n",
  "text\r\n",
  ".\r\n",
  "..\r\n",
  ".text\r\n",
  "\xe9\xff\r\n",
  "\0\r\n",
  "MAIL FROM:<smuggled@c.example>\r\n",
  "RCPT TO:<victim@d.example>\r\n",
  "DATA\r\n",
  "BDAT 5 LAST\r\n",
  "x".repeat(998) + "\r\n",
] as const;

function content(random: SeededRandom): Uint8Array {
  const lines = Array.from({ length: random.below(8) }, () => random.pick(LINES));
  return Buffer.from(lines.join(""), "latin1");
}

function byData(random: SeededRandom): Uint8Array[] {
  return [encode("DATA\r\n"), content(random), encode(".\r\n")];
}

function byChunks(random: SeededRandom): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let left = random.below(3); left >= 0; left--) {
    const chunk = content(random);
    parts.push(encode(`BDAT ${chunk.length}${left === 0 ? " LAST" : ""}\r\n`), chunk);
  }
  return parts;
}
