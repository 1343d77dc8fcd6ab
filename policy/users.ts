/**
 * The users who may log in, and the TOML text that lists them. Text that is wrong
 * throws a {@linkcode UsersError} with a line for each fault, none of which holds
 * a hash.
 *
 * @module
 */
import { parse, stringify, TomlError } from "smol-toml";
import { z } from "zod";
import type { Bytes } from "../base/bytes.ts";
import { fromBase64, HASH_LENGTH, hmac, type ScramKeys } from "../protocol/sasl/scram.ts";
import { saslPrep } from "../protocol/sasl/prep.ts";
import {
  formatPassword,
  parsePassword,
  SALT_LENGTH,
  SCRAM_ITERATIONS,
  type StoredPassword,
} from "./password.ts";
import { formatSenderRule, parseSenderRule, type SenderRule } from "./senders.ts";

/** One who may log in. */
export interface User {
  /** As it was given; case does not matter. */
  readonly name: string;
  /** The password. */
  readonly password: StoredPassword;
  /** The reverse-paths and authors that the user may send from. */
  readonly from: readonly SenderRule[];
}

/** A list of users that cannot be used. */
export class UsersError extends Error {
  /** What is wrong, a line for each. */
  readonly problems: readonly string[];

  /** Makes one of at least one problem. */
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "UsersError";
    this.problems = problems;
  }
}

/** The form in which names are compared: SASLprep, and no matter what case; undefined for what cannot be a name. */
export function nameKey(name: string): string | undefined {
  return saslPrep(name)?.toLowerCase();
}

/** The users by name, and a stand-in for each name that nobody has. */
export class Users {
  readonly #byKey: ReadonlyMap<string, User>;
  readonly #all: readonly User[];
  /** What stand-ins are made from, so that a name gets the same one at every start. */
  readonly decoyKey: Bytes;

  /** @throws {UsersError} when a name is there twice, or is none */
  constructor(users: readonly User[], decoyKey: Bytes) {
    const byKey = new Map<string, User>();
    for (const user of users) {
      const key = nameKey(user.name);
      if (key === undefined) {
        throw new UsersError([`user ${JSON.stringify(user.name)}: not a name`]);
      }
      if (byKey.has(key)) throw new UsersError([`user ${JSON.stringify(user.name)}: there twice`]);
      byKey.set(key, user);
    }
    this.#byKey = byKey;
    this.#all = users;
    this.decoyKey = decoyKey;
  }

  /** All of them. */
  get all(): readonly User[] {
    return this.#all;
  }

  /** Whether SCRAM can be offered: a client that is offered it does not try anything less. */
  get allHaveScram(): boolean {
    return this.#all.every(({ password }) => password.kind === "scram");
  }

  /** The user of a name, however it is written. */
  find(name: string): User | undefined {
    return this.#byKey.get(nameKey(name) ?? "");
  }

  /** What is kept for a name that nobody has: of the cost of some user's password, and no password fits it. */
  decoy(name: string): StoredPassword {
    const drawn = new DataView(this.#derive("user", name).buffer).getUint32(0) % this.#all.length;
    const model = this.#all[drawn]?.password;
    const salt = this.#derive("salt", name).slice(0, SALT_LENGTH);
    const hash = this.#derive("hash", name); // of nothing that anybody could send
    if (model?.kind === "argon2id") return { kind: "argon2id", cost: model.cost, salt, hash };
    const iterations = model?.keys.iterations ?? SCRAM_ITERATIONS;
    return { kind: "scram", keys: { salt, iterations, storedKey: hash, serverKey: hash } };
  }

  /** The keys of a name for SCRAM; a decoy's for a name that nobody has, and for a user without any. */
  scramKeys(name: string): ScramKeys {
    const stored = this.find(name)?.password ?? this.decoy(name);
    if (stored.kind === "scram") return stored.keys;
    const hash = this.#derive("hash", name);
    return { salt: stored.salt, iterations: SCRAM_ITERATIONS, storedKey: hash, serverKey: hash };
  }

  /** 32 octets that only this list gives, and always the same for a name. */
  #derive(what: string, name: string): Bytes {
    return hmac(this.decoyKey, `${what} ${nameKey(name) ?? name}`);
  }
}

/** A text that `read` reads; its `TypeError` says what was expected. */
function readBy<T>(read: (text: string) => T) {
  return z.string({ error: "expected text in quotes" }).transform((text, context): T => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
}

const FORM = z.strictObject({
  decoy: readBy(parseDecoy).optional(),
  user: z.array(
    z.strictObject({
      name: z.string({ error: "expected text in quotes" }),
      password: readBy(parsePassword),
      from: z.array(readBy(parseSenderRule), { error: "expected a list of texts" }),
    }, { error: "expected a table with name, password and from" }),
    { error: "expected [[user]] tables" },
  ).default([]),
});

function parseDecoy(text: string): Bytes {
  const octets = fromBase64(text);
  if (octets === undefined || octets.length < HASH_LENGTH) {
    throw new TypeError(`expected base64 of at least ${HASH_LENGTH} octets`);
  }
  return octets;
}

/**
 * Reads a list of users.
 *
 * @param spareDecoyKey at random, for a list that brings none
 * @throws {UsersError}
 */
export function parseUsers(text: string, spareDecoyKey: Bytes): Users {
  const result = FORM.safeParse(parseToml(text));
  if (result.success) return new Users(result.data.user, result.data.decoy ?? spareDecoyKey);
  throw new UsersError(result.error.issues.map((issue) => {
    const place = issue.path.map(String).join(".");
    const keys = issue.code === "unrecognized_keys" ? issue.keys.join(", ") : undefined;
    return keys === undefined ? `${place}: ${issue.message}` : `${place}: unknown key ${keys}`;
  }));
}

function parseToml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Its message shows the lines around, which may hold a hash.
    throw new UsersError([`line ${error.line}, column ${error.column}: not valid TOML`]);
  }
}

const HEADING = "# Who may log in. `main.ts user add|passwd|remove` writes this file anew.\n";

/** The text of a list of users. */
export function formatUsers(users: Users): string {
  const user = users.all.map(({ name, password, from }) => ({
    name,
    password: formatPassword(password),
    from: from.map(formatSenderRule),
  }));
  return `${HEADING}${stringify({ decoy: users.decoyKey.toBase64(), user })}\n`;
}

/** Nobody. */
export function noUsers(decoyKey: Bytes): Users {
  return new Users([], decoyKey);
}
