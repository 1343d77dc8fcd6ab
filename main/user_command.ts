/**
 * `user add|passwd|list|remove`: changes the file of the users, which a running
 * server reads again by itself. What cannot be done is a {@linkcode UserCommandError}
 * with a line that says why; the file is then as it was.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import { decode } from "../base/bytes.ts";
import { printable } from "../base/printable.ts";
import type { UserAction } from "../config/user_line.ts";
import { SALT_LENGTH, storeArgon2id, type StoredPassword, storeScram } from "../policy/password.ts";
import { formatSenderRule, parseSenderRule, type SenderRule } from "../policy/senders.ts";
import { changeUsers } from "../policy/user_file.ts";
import { parseUsers, type User, Users, UsersError } from "../policy/users.ts";
import { saslPrep } from "../protocol/sasl/prep.ts";

/** Octets of the key that stand-ins for unknown users are made from. */
const DECOY_KEY_LENGTH = 32;

/** The longest line of standard input that is read as a password, octets. */
const LONGEST_PASSWORD = 1024;

/** Something about the request that cannot be. */
export class UserCommandError extends Error {
  /** Makes one. */
  constructor(message: string) {
    super(message);
    this.name = "UserCommandError";
  }
}

/**
 * Does it to a file; gives the lines to print.
 *
 * @throws {UserCommandError} when it cannot be done, or the file cannot be used.
 */
export async function userCommand(action: UserAction, path: string): Promise<string[]> {
  try {
    switch (action.kind) {
      case "list":
        return parseUsers(await Deno.readTextFile(path), octets(DECOY_KEY_LENGTH)).all.map(lineOf);
      case "add":
      case "passwd":
      case "remove":
        return await change(action, path);
      default:
        return action satisfies never;
    }
  } catch (error) {
    throw explained(error, path);
  }
}

function octets(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

function lineOf({ name, password, from }: User): string {
  return printable(`${name}  ${password.kind}  ${from.map(formatSenderRule).join(" ")}`);
}

async function change(
  action: Exclude<UserAction, { kind: "list" }>,
  path: string,
): Promise<string[]> {
  // Before the file is touched: whoever is asked takes their time.
  const from = action.kind === "add" ? sendersOf(action.name, action.from) : [];
  const password = action.kind === "remove" ? undefined : await newPassword(action.argon2id);
  await changeUsers(path, octets(DECOY_KEY_LENGTH), (users) => {
    const others = users.all.filter((user) => user !== users.find(action.name));
    const old = users.find(action.name);
    const changed = changedUser(action, old, from, password);
    const position = old === undefined ? others.length : users.all.indexOf(old);
    const all = changed === undefined ? others : others.toSpliced(position, 0, changed);
    return new Users(all, users.decoyKey);
  });
  return [];
}

/** The user as the action leaves it; undefined when it is removed. */
function changedUser(
  { kind, name }: UserAction & { name: string },
  old: User | undefined,
  from: readonly SenderRule[],
  password: StoredPassword | undefined,
): User | undefined {
  if (kind === "add") {
    if (old !== undefined) throw new UserCommandError(`there is a user "${old.name}" already`);
    return { name, from, password: password! };
  }
  if (old === undefined) throw new UserCommandError(`there is no user "${name}"`);
  return kind === "remove" ? undefined : { ...old, password: password! };
}

/** What the user may send from: as told, or the address that the name is. */
function sendersOf(name: string, from: readonly string[]): readonly SenderRule[] {
  if (from.length === 0 && !name.includes("@")) {
    throw new UserCommandError(
      `"${name}" is no address: say with --from which addresses the user may send from`,
    );
  }
  return (from.length === 0 ? [name] : from).map((text) => {
    try {
      return parseSenderRule(text);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new UserCommandError(`--from "${text}": ${error.message}`);
    }
  });
}

async function newPassword(argon2id: boolean): Promise<StoredPassword> {
  const password = saslPrep(await readPassword());
  if (password === undefined) {
    throw new UserCommandError("the password is empty, or holds characters that none may hold");
  }
  const salt = octets(SALT_LENGTH);
  return argon2id ? await storeArgon2id(password, salt) : await storeScram(password, salt);
}

/** Asks twice on a terminal, without showing what is typed; else takes the first line of standard input. */
async function readPassword(): Promise<string> {
  if (!Deno.stdin.isTerminal()) return await firstLine();
  const password = promptSecret("Password:", { mask: "" });
  if (password !== promptSecret("Once more:", { mask: "" })) {
    throw new UserCommandError("the passwords are not the same");
  }
  return password ?? "";
}

async function firstLine(): Promise<string> {
  const buffer = new Uint8Array(LONGEST_PASSWORD);
  let size = 0;
  while (size < buffer.length && !buffer.subarray(0, size).includes(10)) {
    const n = await Deno.stdin.read(buffer.subarray(size));
    if (n === null) break;
    size += n;
  }
  if (size === buffer.length) throw new UserCommandError("the password is too long");
  return decode(buffer.subarray(0, size)).split(/\r?\n/, 1)[0]!;
}

/** The error in a line; none of its text comes from inside the file. */
function explained(error: unknown, path: string): UserCommandError {
  if (error instanceof UserCommandError) return error;
  if (error instanceof UsersError) return new UserCommandError(`${path}: ${error.message}`);
  if (error instanceof Deno.errors.AlreadyExists) {
    return new UserCommandError(
      `${path}.tmp: another change is under way, or broke off: remove it then`,
    );
  }
  return new UserCommandError(`${path}: ${error instanceof Error ? error.message : error}`);
}
