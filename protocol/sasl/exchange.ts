/**
 * What every SASL mechanism (RFC 4422) has in common on the server's side. A
 * mechanism is a generator: it yields challenges, is given the client's responses,
 * and returns what came of it. It knows no SMTP, and asks {@linkcode Credentials}
 * about users. What a client sends never makes one throw.
 *
 * @module
 */
import { type Bytes, concat, decodeStrict } from "../../base/bytes.ts";
import type { MaybePromise } from "../../base/maybe_promise.ts";
import type { ScramKeys } from "./scram.ts";

/** The mechanisms there are, by their registered names. */
export type MechanismName =
  | "SCRAM-SHA-256-PLUS"
  | "SCRAM-SHA-256"
  | "PLAIN"
  | "LOGIN"
  | "OAUTHBEARER"
  | "XOAUTH2";

/** Why nobody was let in. */
export type SaslFailure =
  /** The response cannot be read. */
  | "malformed"
  /** Wrong user, password, proof or token; which of them is not told. */
  | "refused"
  /** The mechanism needs a binding to the TLS channel that this server has not. */
  | "binding";

/** What came of an exchange. */
export type SaslResult =
  /** The client is this user. */
  | { readonly kind: "authenticated"; readonly user: string }
  /** It is not; `user` is the name it gave, where one was read. */
  | { readonly kind: "failed"; readonly why: SaslFailure; readonly user?: string };

/** One exchange: yields challenges, takes responses. */
export type SaslExchange = AsyncGenerator<Bytes, SaslResult, Uint8Array>;

/** Who knows the users. Wrong credentials are no error: none of these throws for them. */
export interface Credentials {
  /** Gives the user whose name and password these are. Takes as long for a name that nobody has. */
  password(user: string, password: string): Promise<string | undefined>;
  /** The keys of a user for SCRAM-SHA-256; for a name that nobody has, keys that look like a user's and that no proof fits. */
  scramKeys(user: string): MaybePromise<ScramKeys>;
  /** Gives the user whom a bearer token stands for; `user` is who the client says that is, `""` where it does not. */
  token(token: string, user: string): Promise<string | undefined>;
}

/** What an exchange needs beside the client's responses. */
export interface SaslContext {
  /** Who knows the users. */
  readonly credentials: Credentials;
  /** Whether SCRAM-SHA-256-PLUS was offered: a client that thinks it was not has been lied to (RFC 5802 §6). */
  readonly plusOffered: boolean;
  /** The `tls-server-end-point` of the connection (RFC 5929 §4), where it has one. */
  readonly endPoint?: Uint8Array;
  /** A new nonce: printable US-ASCII without a comma, never given twice. */
  readonly nonce: () => string;
}

/** How a mechanism begins: with the initial response, where AUTH brought one. */
export type Mechanism = (initial: Uint8Array | undefined, context: SaslContext) => SaslExchange;

/** The challenge that asks for an initial response that did not come. */
export const NOTHING: Bytes = concat([]);

/** An exchange that failed. */
export function failed(why: SaslFailure, user?: string): SaslResult {
  return { kind: "failed", why, user };
}

/** The result of a question to {@linkcode Credentials}: the user, or a refusal of the name that was given. */
export function letIn(user: string | undefined, given: string): SaslResult {
  return user === undefined ? failed("refused", given) : { kind: "authenticated", user };
}

/** A response as text without NUL; undefined when it is not UTF-8 or empty. */
export function textOf(response: Uint8Array): string | undefined {
  const text = decodeStrict(response);
  return text === undefined || text === "" || text.includes("\0") ? undefined : text;
}
