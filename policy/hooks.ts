/**
 * Where an application that embeds the server has its say: at connect, MAIL,
 * RCPT and the whole message. A hook that throws or rejects makes the server
 * answer 451 4.3.0 and log the error; the client tries again later.
 *
 * @module
 */
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { ClientInfo, Envelope } from "../message/envelope.ts";
import { reply, type SmtpReply } from "../protocol/reply.ts";
import type { Content } from "../queue/queue.ts";

/** Go on. At RCPT: the recipient is welcome whatever the relay rules say. */
export interface Accept {
  /** Tells verdicts apart. */
  readonly kind: "accept";
}

/** Answer with this reply, 4yz or 5yz. At connect the connection is closed after it. */
export interface Refuse {
  /** Tells verdicts apart. */
  readonly kind: "refuse";
  /** What the client hears. */
  readonly reply: SmtpReply;
}

/** The hook has taken the message over: it is answered for with 250 and is not queued. */
export interface Take {
  /** Tells verdicts apart. */
  readonly kind: "take";
  /** What the client is told after 250 2.0.0. */
  readonly text: string;
}

/** What a hook says; nothing means that it has no opinion and the server's own rules hold. */
export type Verdict = Accept | Refuse | void;

/** Go on; at RCPT even where the relay rules would refuse. */
export function accept(): Accept {
  return { kind: "accept" };
}

/**
 * Refuses with a reply.
 *
 * @param code 400 to 599
 * @param enhanced the enhanced status code (RFC 3463), of the same class
 * @throws {RangeError} when the code is no refusal or the enhanced code is of another class
 */
export function refuse(code: number, enhanced: string, text: string): Refuse {
  const well = Number.isInteger(code) && code >= 400 && code <= 599 &&
    /^[45]\.\d{1,3}\.\d{1,3}$/.test(enhanced) && enhanced[0] === String(code)[0];
  if (!well) {
    throw new RangeError(`a refusal is 4yz or 5yz with a like enhanced code: ${code} ${enhanced}`);
  }
  return { kind: "refuse", reply: reply(code, enhanced, text) };
}

/** Takes the message over. Return it only once the message is safe: the client forgets it then. */
export function take(text = "Message taken"): Take {
  return { kind: "take", text };
}

/**
 * The refusal in a verdict, if it is one.
 *
 * @throws {TypeError} for what is no verdict: taking it for "go on" would let in what a hook meant to keep out.
 */
export function refusalOf(verdict: Verdict | Take): SmtpReply | undefined {
  if (verdict === undefined || verdict?.kind === "accept") return undefined;
  if (verdict?.kind === "refuse" && verdict.reply.code >= 400) return verdict.reply;
  throw new TypeError(`a hook gave what is no verdict: ${JSON.stringify(verdict)}`);
}

/** A message before it is queued. */
export interface IncomingMessage {
  /** The id it has, or would have, in the queue. */
  readonly id: string;
  /** Who it is from and for, and who brought it. */
  readonly envelope: Envelope;
  /** Its content with our Received field; only of use until the hook returns. */
  readonly content: Content;
}

/** One who has logged in. */
export interface Login {
  /** The user's name, as logs and {@linkcode ClientInfo} have it. */
  readonly user: string;
  /** Which addresses the user may send from: `anna@example.org`, `@example.org` for all of a domain, `*` for any. */
  readonly from: readonly string[];
}

/** What an application can decide. Every hook may return a promise. */
export interface Hooks {
  /** A client has connected; `helo` is empty yet. */
  readonly connect?: (client: ClientInfo) => MaybePromise<Verdict>;
  /** A client gave a reverse-path; `""` is the null one. */
  readonly mail?: (reversePath: string, client: ClientInfo) => MaybePromise<Verdict>;
  /** A client gave a recipient. */
  readonly rcpt?: (recipient: string, client: ClientInfo) => MaybePromise<Verdict>;
  /** A client logs in with a password, on a submission listener; nothing asks the file of the users, if there is one. */
  readonly password?: (
    user: string,
    password: string,
    client: ClientInfo,
  ) => MaybePromise<Login | void>;
  /** A client logs in with an OAuth 2.0 bearer token (RFC 7628), on a submission listener; `user` is `""` where it names nobody. Nothing refuses it. */
  readonly token?: (
    token: string,
    user: string,
    client: ClientInfo,
  ) => MaybePromise<Login | void>;
  /** A message is complete and will be queued unless the hook says otherwise. */
  readonly message?: (message: IncomingMessage) => MaybePromise<Verdict | Take>;
}
