/**
 * AUTH (RFC 4954) on the server's side: the command, which mechanisms there are,
 * and one exchange from the command to its last reply. Who the users are, and what
 * a failure costs, is for the {@linkcode Authenticator} to say. No octet of an
 * exchange is logged or kept.
 *
 * @module
 */
import { decodeStrict } from "../base/bytes.ts";
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { ClientInfo } from "../message/envelope.ts";
import { ask } from "./ask.ts";
import type { Line } from "./line_reader.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";
import { NOT_IMPLEMENTED } from "./replies.ts";
import { reply, type SmtpReply } from "./reply.ts";
import { oauthBearer, xOAuth2 } from "./sasl/bearer.ts";
import {
  type Credentials,
  type Mechanism,
  type MechanismName,
  NOTHING,
  type SaslExchange,
  type SaslResult,
} from "./sasl/exchange.ts";
import { login, plain } from "./sasl/plain.ts";
import { fromBase64 } from "./sasl/scram.ts";
import { scram, scramPlus } from "./sasl/scram_server.ts";

/** Octets of a line of AUTH, command or response, CRLF included (RFC 4954 §4). */
export const AUTH_LINE_LENGTH = 12_288;

/** What the conversation asks of those who know the users. What throws makes the session answer 451 4.3.0. */
export interface Authenticator extends Credentials {
  /** The mechanisms on offer, best first; may change while the session lasts. */
  readonly mechanisms: readonly MechanismName[];
  /** Whether a client has to be in TLS first. */
  readonly needsTls: boolean;
  /** A new nonce for SCRAM; see {@linkcode SaslContext.nonce}. */
  nonce(): string;
  /** AUTH came: the refusal, where this client may not try now. */
  begin(client: ClientInfo): MaybePromise<SmtpReply | undefined>;
  /** An exchange came to its end. */
  ended(result: SaslResult, client: ClientInfo): MaybePromise<AuthEnd>;
}

/** How an exchange is answered. */
export interface AuthEnd {
  /** Positive exactly when there is a user. */
  readonly reply: SmtpReply;
  /** Who the client is from now on. */
  readonly user?: string;
}

const MECHANISMS: ReadonlyMap<string, Mechanism> = new Map<MechanismName, Mechanism>([
  ["SCRAM-SHA-256-PLUS", scramPlus],
  ["SCRAM-SHA-256", scram],
  ["PLAIN", plain],
  ["LOGIN", login],
  ["OAUTHBEARER", oauthBearer],
  ["XOAUTH2", xOAuth2],
]);

const ALREADY = reply(503, "5.5.1", "Already authenticated");
/** AUTH in plaintext where the server demands TLS for it (RFC 4954 §6). */
export const AUTH_NEEDS_TLS: SmtpReply = reply(
  538,
  "5.7.11",
  "Encryption required for authentication",
);
const UNKNOWN_MECHANISM = reply(504, "5.5.4", "Mechanism not offered");
const NOT_BASE64 = reply(501, "5.5.2", "Cannot decode base64");
const CANCELLED = reply(501, "5.7.0", "Authentication cancelled");
const LINE_TOO_LONG = reply(500, "5.5.6", "Authentication line too long");

/** A parsed AUTH command. */
export interface AuthCommand {
  /** In upper case; perhaps none that exists. */
  readonly mechanism: string;
  /** The initial response, decoded; empty for `=`. */
  readonly initial?: Uint8Array;
}

/** `mechanism [initial-response]` (RFC 4954 §4). */
export function parseAuth(argument: string): Parsed<AuthCommand> {
  const match = /^([A-Za-z0-9_-]{1,20})(?: +([^ ]+))?$/.exec(argument);
  if (match === null) return refused(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]");
  const mechanism = match[1]!.toUpperCase();
  const text = match[2];
  if (text === undefined) return parsed({ mechanism });
  const initial = text === "=" ? NOTHING : fromBase64(text);
  return initial === undefined ? { ok: false, reply: NOT_BASE64 } : parsed({ mechanism, initial });
}

/** What a turn of an exchange comes to. */
export type AuthTurn =
  /** The client is to respond. */
  | { readonly kind: "goes on"; readonly reply: SmtpReply }
  /** The exchange is over; `user` is there where the client is that one. */
  | { readonly kind: "over"; readonly reply: SmtpReply; readonly user?: string }
  /** The client broke it off, or a line is none. */
  | { readonly kind: "broken"; readonly reply: SmtpReply };

/** Who wants to log in, and with whom. */
export interface AuthParties {
  /** The client as it stands. */
  readonly client: ClientInfo;
  /** Who knows the users; undefined where nobody can log in. */
  readonly authenticator: Authenticator | undefined;
  /** The channel's binding; see {@linkcode SaslContext.endPoint}. */
  readonly endPoint: Uint8Array | undefined;
}

/** The mechanisms that a client can use now. */
export function offeredMechanisms(
  { client, authenticator, endPoint }: AuthParties,
): readonly string[] {
  if (authenticator === undefined || authenticator.needsTls && client.tls === undefined) return [];
  return authenticator.mechanisms.filter((name) =>
    name !== "SCRAM-SHA-256-PLUS" || endPoint !== undefined
  );
}

/** Opens an exchange, or gives the reply why there is none. */
export function openAuth(command: AuthCommand, parties: AuthParties): AuthExchange | SmtpReply {
  const { client, authenticator } = parties;
  if (authenticator === undefined) return NOT_IMPLEMENTED;
  if (client.user !== undefined) return ALREADY;
  if (authenticator.needsTls && client.tls === undefined) return AUTH_NEEDS_TLS;
  const offered = offeredMechanisms(parties);
  const mechanism = MECHANISMS.get(command.mechanism);
  if (mechanism === undefined || !offered.includes(command.mechanism)) return UNKNOWN_MECHANISM;
  const exchange = mechanism(command.initial, {
    credentials: authenticator,
    plusOffered: offered.includes("SCRAM-SHA-256-PLUS"),
    endPoint: parties.endPoint,
    nonce: () => authenticator.nonce(),
  });
  return new AuthExchange(exchange, authenticator, client);
}

/** One exchange. None of its methods rejects. */
export class AuthExchange {
  readonly #exchange: SaslExchange;
  readonly #authenticator: Authenticator;
  readonly #client: ClientInfo;

  /** Made by {@linkcode openAuth}. */
  constructor(exchange: SaslExchange, authenticator: Authenticator, client: ClientInfo) {
    this.#exchange = exchange;
    this.#authenticator = authenticator;
    this.#client = client;
  }

  /** The first turn, after the command. */
  async begin(): Promise<AuthTurn> {
    const refusal = await ask("auth", () => this.#authenticator.begin(this.#client));
    return refusal === undefined ? await this.#turn() : { kind: "over", reply: refusal };
  }

  /** The turn after a line of the client's. */
  async respond(line: Line): Promise<AuthTurn> {
    if (line.overlong) return { kind: "broken", reply: LINE_TOO_LONG };
    const text = decodeStrict(line.octets);
    if (text === "*") return { kind: "broken", reply: CANCELLED };
    const response = fromBase64(text ?? " ");
    if (response === undefined) return { kind: "broken", reply: NOT_BASE64 };
    return await this.#turn(response);
  }

  async #turn(response: Uint8Array = NOTHING): Promise<AuthTurn> {
    const next = await ask("auth", () => this.#exchange.next(response));
    if ("code" in next) return { kind: "over", reply: next };
    if (!next.done) return { kind: "goes on", reply: reply(334, "", next.value.toBase64()) };
    const result = next.value;
    const end = await ask("auth", () => this.#authenticator.ended(result, this.#client));
    return { kind: "over", ...("code" in end ? { reply: end } : end) };
  }
}
