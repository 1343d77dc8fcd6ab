/**
 * Logging in on submission listeners: asks the hooks and the file of the users,
 * counts failures and makes them wait, and says what one who has logged in may
 * send. No password, token or response is logged, and a name only where it is
 * somebody's: people type passwords into the wrong field.
 *
 * @module
 */
import { ConcurrencyLimit } from "../base/concurrency_limit.ts";
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import { limitRule } from "../config/setting_text.ts";
import type { Decision } from "../history/story.ts";
import type { ClientInfo } from "../message/envelope.ts";
import type { Hooks, Login } from "../policy/hooks.ts";
import { LoginFailures } from "../policy/login_failures.ts";
import { matches } from "../policy/password.ts";
import { clientNetwork } from "../policy/rate_limit.ts";
import type { Judgement } from "../policy/judgement.ts";
import {
  formatSenderRule,
  parseSenderRule,
  ruleForSender,
  type SenderRule,
} from "../policy/senders.ts";
import type { UserFile } from "../policy/user_file.ts";
import { nameKey, type Users } from "../policy/users.ts";
import type { AuthEnd, Authenticator } from "../protocol/auth.ts";
import { reply, type SmtpReply } from "../protocol/reply.ts";
import type { MechanismName, SaslFailure, SaslResult } from "../protocol/sasl/exchange.ts";
import { saslPrep } from "../protocol/sasl/prep.ts";
import type { ScramKeys } from "../protocol/sasl/scram.ts";

/** What logging in needs of the server. */
export interface LoginOptions {
  /** Whether it is allowed without TLS, what is offered, and the bounds on failures. */
  readonly config: Pick<Config, "authWithoutTls" | "scramPlus" | "limits">;
  /** The file of the users, if there is one. */
  readonly userFile: UserFile | undefined;
  /** The application's say. */
  readonly hooks: Pick<Hooks, "password" | "token">;
  /** What failures wait by. */
  readonly clock: Clock;
  /** Octets at random, for nonces. */
  readonly random: (length: number) => Uint8Array;
}

/** Passwords that are hashed at once: each takes a processor, and 19 MiB. */
const HASHES_AT_ONCE = 4;

/** Failed logins after which a connection is closed. */
const FAILURES_PER_CONNECTION = 3;

/** The most of a name that failures are counted under, in UTF-16 units. */
const LONGEST_NAME = 256;

/** Octets of a nonce. */
const NONCE_LENGTH = 18;

const LOGGED_IN = reply(235, "2.7.0", "Authentication successful");
const WRONG = reply(535, "5.7.8", "Authentication credentials invalid");
const MALFORMED = reply(501, "5.5.2", "Cannot read the authentication response");
const UNBOUND = reply(535, "5.7.8", "Only tls-server-end-point can be bound to");
const ENOUGH = reply(421, "4.7.0", "Too many failed logins, closing connection");
const SHUT_OUT = reply(421, "4.7.0", "Too many failed logins from your address, try again later");
const NEEDS_TLS = reply(530, "5.7.0", "Must issue a STARTTLS command first");
const NEEDS_LOGIN = reply(530, "5.7.0", "Authentication required");
const NOT_YOURS = reply(553, "5.7.1", "You may not send from this address");

const logger = log("login");

/** Somebody with the right to send from some addresses. */
interface Identity {
  readonly user: string;
  readonly from: readonly SenderRule[];
}

/** Told of a login that is refused, and by which rule. */
type RefusalTaker = (client: ClientInfo, refusal: SmtpReply, decision: Decision) => void;

/** What all connections share. */
export class Logins {
  #options: LoginOptions;
  /** How often logins have failed. */
  readonly failures: LoginFailures;
  readonly #hashing = new ConcurrencyLimit(HASHES_AT_ONCE);
  /** Those who wait because they failed; each ends its wait. */
  readonly #waiting = new Set<() => void>();
  #stopped = false;

  /** Nobody has logged in yet. */
  constructor(options: LoginOptions) {
    this.#options = options;
    this.failures = new LoginFailures(options.config.limits, options.clock);
  }

  /** What it goes by now. */
  get options(): LoginOptions {
    return this.#options;
  }

  /** Other users and bounds from now on, for connections that are there too; failures stay counted. */
  change(changed: Pick<LoginOptions, "config" | "userFile">): void {
    this.#options = { ...this.#options, ...changed };
    this.failures.change(changed.config.limits);
  }

  /**
   * The logins of a new connection; its client's failures do not count against others
   * where it is trusted. A user whom a trusted proxy names has logged in there, and
   * has the rights that the file of the users gives.
   */
  async connection(
    isTrusted: boolean,
    refused: RefusalTaker,
    named?: string,
  ): Promise<ConnectionLogins> {
    const users = await this.options.userFile?.current();
    const user = named === undefined ? undefined : users?.find(named);
    const identity = user && { user: user.name, from: user.from };
    return new ConnectionLogins(this, isTrusted, refused, identity);
  }

  /** Whether a password is that of a user; takes as long for a name that nobody has. */
  async verify(users: Users, name: string, password: string): Promise<boolean> {
    const user = users.find(name);
    const stored = user?.password ?? users.decoy(name);
    const prepared = saslPrep(password);
    const fits = await this.#hashing.run(() => matches(stored, prepared ?? ""));
    return fits && user !== undefined && prepared !== undefined;
  }

  /** Resolves after `ms` milliseconds, or when the server stops. */
  async wait(ms: number): Promise<void> {
    if (this.#stopped) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.options.clock.after(ms, resolve);
    const end = () => {
      cancel();
      resolve();
    };
    this.#waiting.add(end);
    await promise;
    this.#waiting.delete(end);
  }

  /** The server stops: nobody waits any more. */
  stop(): void {
    this.#stopped = true;
    for (const end of this.#waiting) end();
  }
}

/** The logins of one connection. */
export class ConnectionLogins implements Authenticator {
  /** See {@linkcode Authenticator}. */
  readonly needsTls: boolean;
  readonly #logins: Logins;
  readonly #isTrusted: boolean;
  readonly #told: RefusalTaker;
  #failures = 0;
  #client: ClientInfo | undefined;
  /** Who the client is if its exchange succeeds. */
  #candidate: Identity | undefined;
  #identity: Identity | undefined;

  /** Made by {@linkcode Logins.connection}. */
  constructor(logins: Logins, isTrusted: boolean, told: RefusalTaker, identity?: Identity) {
    this.#logins = logins;
    this.#told = told;
    this.#identity = identity;
    this.#isTrusted = isTrusted;
    this.needsTls = !logins.options.config.authWithoutTls;
  }

  /** Those whose users can use them: SCRAM only where every user has keys for it, tokens only with a hook. */
  get mechanisms(): readonly MechanismName[] {
    const { userFile, hooks, config } = this.#logins.options;
    const scram = hooks.password === undefined && userFile?.users.allHaveScram === true;
    const password = hooks.password !== undefined || userFile !== undefined;
    const names: MechanismName[] = [];
    if (scram && config.scramPlus) names.push("SCRAM-SHA-256-PLUS");
    if (scram) names.push("SCRAM-SHA-256");
    if (password) names.push("PLAIN", "LOGIN");
    if (hooks.token !== undefined) names.push("OAUTHBEARER", "XOAUTH2");
    return names;
  }

  /** A nonce that cannot be guessed. */
  nonce(): string {
    return this.#logins.options.random(NONCE_LENGTH).toBase64();
  }

  /** A client that has failed too often is not heard. */
  begin(client: ClientInfo): SmtpReply | undefined {
    this.#client = client;
    this.#candidate = undefined;
    const isShutOut = !this.#isTrusted &&
      this.#logins.failures.isShutOut(clientNetwork(client.address));
    if (!isShutOut) return undefined;
    const rule = limitRule("authFailures", this.#logins.options.config.limits);
    this.#told(client, SHUT_OUT, { about: "limit", rule });
    return SHUT_OUT;
  }

  /** See {@linkcode Credentials}. */
  async password(name: string, password: string): Promise<string | undefined> {
    const { hooks, userFile } = this.#logins.options;
    if (hooks.password !== undefined) {
      if (this.#isGuarded(name)) return undefined;
      return this.#propose(await hooks.password(name, password, this.#client!));
    }
    const users = await userFile?.current();
    const isRight = users !== undefined && await this.#logins.verify(users, name, password);
    const user = isRight && !this.#isGuarded(name) ? users.find(name) : undefined;
    this.#candidate = user && { user: user.name, from: user.from };
    return user?.name;
  }

  /** See {@linkcode Credentials}. */
  async scramKeys(name: string): Promise<ScramKeys> {
    const users = await this.#logins.options.userFile!.current();
    const user = this.#isGuarded(name) ? undefined : users.find(name);
    this.#candidate = user && { user: user.name, from: user.from };
    return users.scramKeys(name);
  }

  /** See {@linkcode Credentials}. */
  async token(token: string, name: string): Promise<string | undefined> {
    const { hooks } = this.#logins.options;
    if (this.#isGuarded(name)) return undefined;
    return this.#propose(await hooks.token?.(token, name, this.#client!));
  }

  /** Takes what a hook said. @throws {TypeError} where an address of it is none */
  #propose(login: Login | void): string | undefined {
    if (login === undefined) return undefined;
    const { user, from } = login;
    this.#candidate = { user, from: from.map(parseSenderRule) };
    return user;
  }

  #isGuarded(name: string): boolean {
    return this.#logins.failures.isGuarded(countedName(name), clientNetwork(this.#client!.address));
  }

  /** See {@linkcode Authenticator}. */
  async ended(result: SaslResult, client: ClientInfo): Promise<AuthEnd> {
    const candidate = this.#candidate;
    if (result.kind === "failed") return { reply: await this.#failed(result, client) };
    if (candidate === undefined) {
      return { reply: await this.#failed({ why: "refused", user: result.user }, client) };
    }
    this.#identity = candidate;
    const { user } = candidate;
    this.#logins.failures.succeeded(countedName(result.user), clientNetwork(client.address));
    logger.debug("logged in", { client: client.address, user, tls: client.tls?.version });
    return { reply: LOGGED_IN, user };
  }

  async #failed(
    { why, user = "" }: { why: SaslFailure; user?: string },
    client: ClientInfo,
  ): Promise<SmtpReply> {
    switch (why) {
      case "malformed":
        return MALFORMED;
      case "binding":
        this.#told(client, UNBOUND, {
          about: "login",
          rule: "its channel binding is none we have",
        });
        return UNBOUND;
      case "refused":
        return await this.#refused(user, client);
      default:
        return why satisfies never;
    }
  }

  /** Counts a wrong guess and makes it wait, so that the next one is dear. */
  async #refused(name: string, client: ClientInfo): Promise<SmtpReply> {
    const { failures, options: { config: { limits } } } = this.#logins;
    const rule = this.#isGuarded(name)
      ? limitRule("authFailuresPerUser", limits)
      : this.#refusalRule(name);
    const delay = failures.failed(countedName(name), clientNetwork(client.address));
    await this.#logins.wait(delay);
    const answer = ++this.#failures >= FAILURES_PER_CONNECTION ? ENOUGH : WRONG;
    this.#told(client, answer, { about: "login", rule });
    return answer;
  }

  /** Who knew no such credentials. The name is told only where it is somebody's: people type passwords into the wrong field. */
  #refusalRule(name: string): string {
    const { userFile, hooks } = this.#logins.options;
    const user = userFile?.users.find(name)?.name;
    if (user !== undefined) return `user ${user}, wrong credentials`;
    return hooks.password === undefined && hooks.token === undefined
      ? "no such user"
      : "hooks, wrong credentials";
  }

  /** Whether a client may send from this reverse-path, or not yet. */
  judgeSender(reversePath: string, { tls, user }: ClientInfo): Judgement {
    if (this.needsTls && tls === undefined) {
      return { refusal: NEEDS_TLS, decision: { about: "sender", rule: "auth_without_tls false" } };
    }
    if (user === undefined || this.#identity === undefined) {
      const rule = user === undefined
        ? "a submission listener takes mail from users who have logged in"
        : `user ${user} is not in the file of the users`;
      return { refusal: NEEDS_LOGIN, decision: { about: "sender", rule } };
    }
    // The null reverse-path is nobody's: receipts are sent from it (RFC 8098 §2.1).
    if (reversePath === "") {
      return { decision: { about: "sender", rule: `user ${user}, from the null reverse-path` } };
    }
    const own = ruleForSender(this.#identity.from, reversePath);
    if (own === undefined) {
      const rule = `user ${user}, from ${this.#identity.from.map(formatSenderRule).join(", ")}`;
      return { refusal: NOT_YOURS, decision: { about: "sender", rule } };
    }
    return { decision: { about: "sender", rule: `user ${user}, from ${formatSenderRule(own)}` } };
  }

  /** Whether the client may send from a mailbox. */
  mayAppearAs(mailbox: string): boolean {
    const rules = this.#identity?.from ?? [];
    return ruleForSender(rules, mailbox) !== undefined;
  }
}

/** What failures for a name are counted under. */
function countedName(name: string): string {
  return (nameKey(name) ?? name).slice(0, LONGEST_NAME);
}
