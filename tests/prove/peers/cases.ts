/**
 * The cases of the peers proof, and what has to come of each: hosts that
 * misbehave at a stage, that answer recipients in different ways, and whose TLS
 * has a fault.
 *
 * @module
 */
import type { Fate } from "./bench.ts";
import type { Manners, Misbehaviour, Place } from "./mail_host.ts";
import {
  type Act,
  close,
  hang,
  hangAndClose,
  inject,
  readByOctet,
  reset,
  say421,
  sayByOctet,
  sayGarbage,
  type Scene,
} from "./scene.ts";

/** A host, and what has to come of a message to it. */
export interface PeerCase {
  /** Where it misbehaves, or what it is about. */
  readonly stage: string;
  readonly behaviour: string;
  /** `refuses`: nobody listens at first; `full`: nobody takes connections at first. */
  readonly door?: "refuses" | "full";
  /** The manners on one connection after the other; the last for all that follow. */
  readonly manners: (scene: Scene) => readonly Manners[] | Promise<readonly Manners[]>;
  /** Whether the content is more than fits on the way. */
  readonly large?: boolean;
  /** The timeout that ends the attempt, ms; absent where no time passes. */
  readonly timeout?: number;
  /** What becomes of each recipient in the first attempt; whoever is deferred is reached in the second. */
  readonly first: readonly Fate[];
  /** Stands in the recorded error of who is deferred. */
  readonly error: string;
  /** The TLS of the first attempt. */
  readonly tls?: "verified" | "unverified" | "plaintext";
  /** Whether the host may have the message though nobody heard so: one duplicate is possible. */
  readonly mayRepeat?: boolean;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** A stage of the conversation. */
interface Stage {
  readonly at: Place;
  /** How long the client waits there, ms (RFC 5321 §4.5.3.2; DATA has 2 minutes there). */
  readonly timeout: number;
  /** What the client was doing, as errors say it. */
  readonly doing: string;
}

const STAGES: readonly Stage[] = [
  { at: "banner", timeout: 5 * MINUTE, doing: "waiting for the greeting" },
  { at: "EHLO", timeout: 5 * MINUTE, doing: "saying EHLO" },
  { at: "STARTTLS", timeout: 5 * MINUTE, doing: "asking for TLS" },
  { at: "MAIL", timeout: 5 * MINUTE, doing: "sending MAIL" },
  { at: "RCPT", timeout: 5 * MINUTE, doing: "sending RCPT" },
  { at: "DATA", timeout: 3 * MINUTE, doing: "sending DATA" },
  { at: "body", timeout: 3 * MINUTE, doing: "sending the message" },
  { at: "final dot", timeout: 10 * MINUTE, doing: "waiting for the reply to the message" },
];

/** A host that misbehaves on the first connection and on no other. */
function once(part: Omit<Misbehaviour, "act">, act: Act): PeerCase["manners"] {
  return (scene) => [{ misbehaviour: { ...part, act: act(scene) } }, {}];
}

function connectCases(): PeerCase[] {
  const common = { stage: "connect", manners: () => [{}], first: ["deferred"] } as const;
  return [
    {
      ...common,
      behaviour: "hang",
      door: "full",
      timeout: 30 * SECOND,
      error: "timed out while connecting",
    },
    { ...common, behaviour: "reset", door: "refuses", error: "refused while connecting" },
  ];
}

function stageCases({ at, timeout, doing }: Stage): PeerCase[] {
  const isBody = at === "body";
  const common = { stage: at, large: isBody, first: ["deferred"] } as const;
  const heard = at === "final dot" ? { at, takes: true } : { at };
  const mayRepeat = at === "final dot";
  const timedOut = `timed out while ${doing}`;
  return [
    {
      ...common,
      behaviour: "hang",
      manners: once(heard, hang),
      timeout,
      error: timedOut,
      mayRepeat,
    },
    {
      ...common,
      behaviour: "octet a second",
      manners: once(heard, isBody ? readByOctet : sayByOctet),
      timeout,
      error: timedOut,
      mayRepeat,
    },
    { ...common, behaviour: "reset", manners: resetAt(at), error: `while ${doing}` },
    { ...common, behaviour: "421", manners: once({ at }, say421), error: "421 4.3.2" },
    {
      ...common,
      behaviour: "garbage",
      manners: once(heard, sayGarbage),
      // Nobody listens to replies in the body, so the garbage is met after it.
      error: `while ${isBody ? STAGES.at(-1)!.doing : doing}`,
      mayRepeat,
    },
  ];
}

/** Before the banner nothing is sent that could stay unread, which a reset is made of; and the final dot comes with a small content. */
function resetAt(at: Place): PeerCase["manners"] {
  if (at === "banner") return once({ at }, close);
  if (at === "final dot") return once({ at: "body" }, reset);
  return once({ at, unheard: at !== "body" }, reset);
}

/** The host has the message and is gone before it said so. */
const DROP: PeerCase = {
  stage: "final dot",
  behaviour: "take, then drop",
  manners: once({ at: "final dot", takes: true }, close),
  first: ["deferred"],
  error: "connection lost while waiting for the reply to the message",
  mayRepeat: true,
};

/** The second recipient is put off, so that there is a record of the first attempt to look at. */
const RCPT = ["250 2.1.5 ok", "450 4.2.1 not now"];
const BOTH = { stage: "TLS", first: ["delivered", "deferred"], error: "not now" } as const;

function tlsCases(): PeerCase[] {
  const deferred = { stage: "TLS", first: ["deferred"] } as const;
  return [
    {
      ...BOTH,
      behaviour: "nothing wrong",
      tls: "verified",
      manners: async ({ authority, host }) => withCertificate(await authority.issue([host]), 1),
    },
    {
      ...BOTH,
      behaviour: "expired certificate",
      tls: "unverified",
      manners: async ({ authority, host }) =>
        withCertificate(await authority.issue([host], "expired"), 2),
    },
    {
      ...BOTH,
      behaviour: "wrong name",
      tls: "unverified",
      manners: async ({ authority }) => withCertificate(await authority.issue(["else.test"]), 2),
    },
    {
      ...BOTH,
      behaviour: "handshake reset",
      tls: "plaintext",
      manners: (scene) => {
        const broken = { misbehaviour: { at: "handshake", act: reset(scene) } } as const;
        return [broken, broken, { rcpt: RCPT }, {}];
      },
    },
    {
      ...deferred,
      behaviour: "handshake hangs",
      manners: once({ at: "handshake" }, hangAndClose),
      timeout: 30 * SECOND,
      error: "timed out while negotiating TLS",
    },
    {
      ...deferred,
      behaviour: "response injection",
      manners: once({ at: "STARTTLS" }, inject),
      error: "plaintext behind the reply to STARTTLS",
    },
  ];
}

/** A host with a certificate that puts a recipient off on its first connections. */
function withCertificate(certificate: Manners["certificate"], connections: number): Manners[] {
  return [...new Array(connections).fill({ certificate, rcpt: RCPT }), { certificate }];
}

/** What a host may say to a recipient, and what comes of it when it takes the message. */
const ANSWERS: readonly { readonly reply: string; readonly fate: Fate }[] = [
  { reply: "250 2.1.5 ok", fate: "delivered" },
  { reply: "450 4.2.1 not now", fate: "deferred" },
  { reply: "550 5.1.1 never", fate: "bounced" },
];

/** What a host may say to the message, and what comes of it for recipients that it took. */
const VERDICTS: readonly { readonly name: string; readonly says: Manners; readonly fate: Fate }[] =
  [
    { name: "taken", says: {}, fate: "delivered" },
    { name: "DATA 451", says: { data: "451 4.3.0 not now" }, fate: "deferred" },
    { name: "DATA 554", says: { data: "554 5.6.0 never" }, fate: "bounced" },
    { name: "dot 451", says: { dot: "451 4.3.0 not now" }, fate: "deferred" },
    { name: "dot 554", says: { dot: "554 5.6.0 never" }, fate: "bounced" },
  ];

/** Three recipients in every combination of answers, with every verdict on the message. */
function mixedCases(): PeerCase[] {
  return VERDICTS.flatMap(({ name, says, fate }) =>
    combinations().map((answers) => ({
      stage: `mixed, ${name}`,
      behaviour: answers.map(({ reply }) => reply.slice(0, 3)).join(" "),
      manners: () => [{ ...says, rcpt: answers.map(({ reply }) => reply) }, {}],
      first: answers.map((answer) => answer.fate === "delivered" ? fate : answer.fate),
      error: "not now",
    }))
  );
}

function combinations() {
  return ANSWERS.flatMap((a) => ANSWERS.flatMap((b) => ANSWERS.map((c) => [a, b, c])));
}

/** All cases, in the order in which they are reported. */
export const CASES: readonly PeerCase[] = [
  ...connectCases(),
  ...STAGES.flatMap(stageCases),
  DROP,
  ...tlsCases(),
  ...mixedCases(),
];
