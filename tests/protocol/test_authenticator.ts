/** The one user of RFC 7677's example, and what the server says to a failure. */
import { pbkdf2Sync } from "node:crypto";
import type { MaybePromise } from "../../base/maybe_promise.ts";
import type { ClientInfo } from "../../message/envelope.ts";
import type { AuthEnd, Authenticator } from "../../protocol/auth.ts";
import { reply, type SmtpReply } from "../../protocol/reply.ts";
import type { MechanismName, SaslResult } from "../../protocol/sasl/exchange.ts";
import {
  clientKeyOf,
  fromBase64,
  type ScramKeys,
  serverKeyOf,
  sha256,
} from "../../protocol/sasl/scram.ts";

export const USER = "user";
export const PASSWORD = "pencil";
export const TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
export const SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SALT = fromBase64("W22ZaJ0SNY7soEsUEjb6gQ==")!;

// At once, and by other code than the program's: a worker whose modules have to be waited for misses what it is told meanwhile.
const SALTED = pbkdf2Sync(PASSWORD, SALT, 4096, 32, "sha256");
const KEYS: ScramKeys = {
  salt: SALT,
  iterations: 4096,
  storedKey: sha256(clientKeyOf(SALTED)),
  serverKey: serverKeyOf(SALTED),
};
const NO_KEYS = { ...KEYS, storedKey: new Uint8Array(32), serverKey: new Uint8Array(32) };

/** Knows one user. A client that calls itself `shut.example` is not heard, a user `throw` makes it throw. */
export class TestAuthenticator implements Authenticator {
  readonly mechanisms: readonly MechanismName[] = [
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-256",
    "PLAIN",
    "LOGIN",
    "OAUTHBEARER",
    "XOAUTH2",
  ];
  /** The results so far. */
  readonly results: SaslResult[] = [];
  #failures = 0;

  constructor(readonly needsTls = false, readonly asynchronous = false) {}

  nonce(): string {
    return SERVER_NONCE;
  }

  begin({ helo }: ClientInfo): MaybePromise<SmtpReply | undefined> {
    return this.#give(helo === "shut.example" ? reply(421, "4.7.0", "Go away") : undefined);
  }

  password(user: string, password: string): Promise<string | undefined> {
    if (user === "throw") throw new Error("asking failed");
    return Promise.resolve(user === USER && password === PASSWORD ? user : undefined);
  }

  scramKeys(user: string): MaybePromise<ScramKeys> {
    return this.#give(user === USER ? KEYS : NO_KEYS);
  }

  token(token: string, user: string): Promise<string | undefined> {
    const isRight = token === TOKEN && (user === USER || user === "");
    return Promise.resolve(isRight ? USER : undefined);
  }

  ended(result: SaslResult): MaybePromise<AuthEnd> {
    this.results.push(result);
    return this.#give(this.#judge(result));
  }

  #judge(result: SaslResult): AuthEnd {
    if (result.kind === "authenticated") {
      return { reply: reply(235, "2.7.0", "Welcome"), user: result.user };
    }
    if (result.why === "malformed") return { reply: reply(501, "5.5.2", "Malformed") };
    if (result.why === "binding") return { reply: reply(535, "5.7.8", "Unbound") };
    return ++this.#failures > 1
      ? { reply: reply(421, "4.7.0", "Enough") }
      : { reply: reply(535, "5.7.8", "Wrong") };
  }

  #give<T>(value: T): MaybePromise<T> {
    return this.asynchronous ? Promise.resolve(value) : value;
  }
}
