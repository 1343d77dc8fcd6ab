/**
 * Where failures of delivery are classified, and nowhere else: what each one
 * touches (scope), and whether trying again is pointless (permanence). Nothing
 * here throws.
 *
 * Scope `host` says that no mail can be had through this host for now, so that
 * the next one may be tried. Scope `session` says that the host may have taken
 * the message without our hearing of it: trying another one at once would
 * make a duplicate likely.
 *
 * @module
 */
import { printable } from "../base/printable.ts";
import { replyText, type SmtpReply } from "../protocol/reply.ts";
import { ReplySyntaxError } from "../protocol/reply_reader.ts";
import { type DeliveryError, type FailureScope, QueueError } from "../queue/queue.ts";
import { TimeoutError } from "../transport/connection.ts";
import type { Host } from "./route.ts";
import type { SetupFacts } from "./setup_notes.ts";

/** Where in the conversation with a host something failed; `tls` is the handshake. */
export type Stage =
  | "connect"
  | "greeting"
  | "ehlo"
  | "starttls"
  | "tls"
  | "auth"
  | "rset"
  | "mail"
  | "rcpt"
  | "data"
  | "body"
  | "final dot";

/** Each stage in words, after "while". */
const DOING: Record<Stage, string> = {
  connect: "connecting",
  greeting: "waiting for the greeting",
  ehlo: "saying EHLO",
  starttls: "asking for TLS",
  tls: "negotiating TLS",
  auth: "authenticating",
  rset: "sending RSET",
  mail: "sending MAIL",
  rcpt: "sending RCPT",
  data: "sending DATA",
  body: "sending the message",
  "final dot": "waiting for the reply to the message",
};

/** Longest text of an error, in characters. */
const LONGEST_TEXT = 1000;

/** A host with which no conversation could be begun. */
export class DeliveryFailure extends Error {
  /** What the queue records. */
  readonly error: DeliveryError;
  /** Where it happened. */
  readonly stage: Stage;
  /** What was noted on the way to it, where a connection was to be made ready. */
  setup?: SetupFacts;

  /** Makes one. */
  constructor(stage: Stage, error: DeliveryError) {
    super(error.text);
    this.name = "DeliveryFailure";
    this.stage = stage;
    this.error = error;
  }
}

/** The peer hung up where a reply was due. */
export class ConnectionLost extends Error {
  /** Makes one. */
  constructor() {
    super("connection lost");
    this.name = "ConnectionLost";
  }
}

/** A host as errors name it: `name[address]:port`. */
export function hopOf(host: Host): string {
  return `${host.name}[${host.address}]:${host.port}`;
}

/**
 * What a reply means that is not the one that was wanted.
 *
 * - 421 is about the host whenever it comes (RFC 5321 §4.2.2), and passes.
 * - Before MAIL a refusal, be it 5yz, is about us or the state of the host, not
 *   about the mail: temporary, so that the next host is tried, and so that a
 *   fault between two servers does not bounce what can be delivered later.
 * - 552 to RCPT is taken for 452; without an enhanced status code both mean too
 *   many recipients, 4.5.3 (§4.5.3.1.10).
 * - A positive reply in the wrong place is a breach of the protocol.
 */
export function replyFailure(stage: Stage, reply: SmtpReply, host: Host): DeliveryError {
  if (reply.code < 400) return breach(stage, `unexpected reply ${replyText(reply)}`, host);
  const is552ToRcpt = stage === "rcpt" && reply.code === 552;
  const permanent = reply.code >= 500 && scopeOfRefusal(stage) !== "host" && !is552ToRcpt;
  return {
    code: reply.code,
    enhanced: statusOf(stage, reply, permanent),
    text: replyText(reply),
    hop: hopOf(host),
    scope: reply.code === 421 ? "host" : scopeOfRefusal(stage),
    permanent,
  };
}

/** What it means that a connection could not be made, broke, was silent too long, or carried something that is not SMTP. */
export function networkFailure(stage: Stage, error: unknown, host: Host): DeliveryError {
  if (error instanceof ReplySyntaxError) return breach(stage, error.message, host);
  const text = `${wordsFor(error)} while ${DOING[stage]}`;
  return temporary(networkStatus(stage, error), text, scopeOf(stage), host);
}

/** What it means that our own copy of the content could not be read: nothing about the host. */
export function contentFailure(error: QueueError): DeliveryError {
  const text = oneLine(`the message could not be read here: ${error.message}`);
  return { enhanced: "4.3.0", text, scope: "message", permanent: false };
}

/** TLS that is demanded cannot be had (RFC 3463 §3.8: X.7.4, X.7.5). */
export function securityFailure(why: "missing" | "unverifiable", host: Host): DeliveryError {
  return why === "missing"
    ? temporary("4.7.4", "TLS is required, and the host does not offer it", "host", host)
    : temporary("4.7.5", "TLS is required, and the host's name cannot be verified", "host", host);
}

/** What a host lacks for mail that requires TLS, or what became of it. */
export type TlsShortcoming = "not offered" | "no STARTTLS" | "not verifiable" | "not verified";

const SHORTCOMINGS: Readonly<Record<TlsShortcoming, readonly [status: string, text: string]>> = {
  "not offered": ["5.7.30", "the host does not offer REQUIRETLS"],
  "no STARTTLS": ["5.7.10", "the host does not offer STARTTLS"],
  "not verifiable": ["5.7.10", "the host's name cannot be verified"],
  "not verified": ["5.7.10", "the host's certificate does not verify"],
};

/**
 * The message requires TLS, and this host cannot give it (RFC 8689 §4.2.1). Of scope
 * `host`, since the next one may, and permanent: its sender is to be told at once.
 */
export function requireTlsFailure(why: TlsShortcoming, host: Host): DeliveryError {
  const [status, text] = SHORTCOMINGS[why];
  return refusal(status, `the message requires TLS, and ${text}`, "host", host);
}

/**
 * The message is to be returned unless it is delivered in time, and through this host
 * it cannot be (RFC 2852 §4.1.4.1: X.4.7). Of scope `host`, since the next may be quick:
 * §6 has all MX hosts tried, §7 advises against it, and nobody gains by what comes back.
 */
export function deliverByFailure(
  why: "over" | "not offered" | "too short",
  host: Host,
): DeliveryError {
  const texts = {
    "over": "the time is over by which its sender wanted it delivered",
    "not offered": "the host does not offer DELIVERBY, and its sender wants it in time or back",
    "too short": "less time is left to deliver it than the host asks for",
  };
  return refusal("5.4.7", texts[why], why === "over" ? "message" : "host", host);
}

/** Octets came in plaintext behind the reply to STARTTLS: somebody put them there (CVE-2011-0411). */
export function injectionFailure(host: Host): DeliveryError {
  return breach("starttls", "plaintext behind the reply to STARTTLS", host);
}

/** There is a password for the host, and no mechanism to give it by. Temporary: the operator can mend it. */
export function mechanismFailure(host: Host): DeliveryError {
  return temporary(
    "4.7.4",
    "the host offers AUTH by no mechanism that is known here",
    "host",
    host,
  );
}

/** The host does not keep to SCRAM, or does not know the password. Temporary: the operator can mend it. */
export function scramFailure(why: string, host: Host): DeliveryError {
  return temporary("4.7.0", `the host is not believed: ${why}`, "host", host);
}

/** The message is larger than the host takes, as it said beforehand (RFC 1870 §6.1). */
export function sizeFailure(size: number, limit: number, host: Host): DeliveryError {
  const text = `message of ${size} octets is larger than the ${limit} that ${host.name} takes`;
  return { ...refusal("5.3.4", text, "message", host), code: 552 };
}

/** What of a message or recipient the host could only take with SMTPUTF8 (RFC 6531 §3.5: X.6.7, X.6.9). */
export function smtputf8Failure(
  what: "sender" | "recipient" | "header",
  host: Host,
): DeliveryError {
  const text = `${host.name} does not offer SMTPUTF8, which the ${what} needs`;
  const status = what === "header" ? "5.6.9" : "5.6.7";
  return refusal(status, text, what === "recipient" ? "recipient" : "message", host);
}

/** Content without the form of lines, which the host could only take with BINARYMIME (RFC 3030 §3: X.6.3, no conversion). */
export function binaryFailure(host: Host): DeliveryError {
  const text = `${host.name} does not offer BINARYMIME, which the message needs`;
  return refusal("5.6.3", text, "message", host);
}

/** An address that cannot stand in a command: it would end the line. */
export function addressFailure(what: "sender" | "recipient", host: Host): DeliveryError {
  const [status, scope] = what === "sender"
    ? ["5.1.7", "message"] as const
    : ["5.1.3", "recipient"] as const;
  return refusal(status, `the ${what}'s address holds control characters`, scope, host);
}

/** What a refusal at this stage judges. */
function scopeOfRefusal(stage: Stage): FailureScope {
  switch (stage) {
    case "mail":
    case "data":
    case "body":
    case "final dot":
      return "message";
    case "rcpt":
      return "recipient";
    case "connect":
    case "greeting":
    case "ehlo":
    case "starttls":
    case "tls":
    case "auth":
    case "rset":
      return "host";
  }
}

/** Once the end of the data may have gone out, the host may have the message. */
function scopeOf(stage: Stage): FailureScope {
  return stage === "final dot" ? "session" : "host";
}

/** The enhanced status code of a refusal; its class says whether we take it for permanent. */
function statusOf(stage: Stage, reply: SmtpReply, permanent: boolean): string | undefined {
  if (reply.enhanced !== undefined) return (permanent ? "5" : "4") + reply.enhanced.slice(1);
  const isCount = stage === "rcpt" && (reply.code === 452 || reply.code === 552);
  return isCount ? "4.5.3" : undefined;
}

/** RFC 3463 §3.5 and §3.8: no answer, a cryptographic failure, a bad connection. */
function networkStatus(stage: Stage, error: unknown): string {
  if (stage === "connect") return "4.4.1";
  return stage === "tls" && !(error instanceof TimeoutError) ? "4.7.5" : "4.4.2";
}

function breach(stage: Stage, what: string, host: Host): DeliveryError {
  return temporary("4.5.0", `${what} while ${DOING[stage]}`, scopeOf(stage), host);
}

function temporary(
  enhanced: string,
  text: string,
  scope: FailureScope,
  host: Host,
): DeliveryError {
  return { enhanced, text: oneLine(text), hop: hopOf(host), scope, permanent: false };
}

function refusal(
  enhanced: string,
  text: string,
  scope: FailureScope,
  host: Host,
): DeliveryError {
  return { enhanced, text: oneLine(text), hop: hopOf(host), scope, permanent: true };
}

/** What an error of the network says, without the numbers of the system. */
function wordsFor(error: unknown): string {
  if (error instanceof TimeoutError) return "timed out";
  if (error instanceof Deno.errors.UnexpectedEof) return "connection lost"; // without TLS's own farewell
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/ \(os error \d+\)$/, "") || "connection lost";
}

function oneLine(text: string): string {
  return printable(text).slice(0, LONGEST_TEXT);
}
