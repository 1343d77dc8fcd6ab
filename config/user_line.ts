/**
 * The command line of `user add|passwd|list|remove`. Everything wrong with it is
 * reported at once, as a {@linkcode ConfigError}. A password is never part of it:
 * other users of the machine can see command lines.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { didYouMean } from "./nearest.ts";
import { ConfigError } from "./source.ts";

/** What is to be done to the file of the users. */
export type UserAction =
  /** `from`: which addresses the user may send from, as written; empty: the user's own. */
  | {
    readonly kind: "add";
    readonly name: string;
    readonly from: readonly string[];
    readonly argon2id: boolean;
  }
  | { readonly kind: "passwd"; readonly name: string; readonly argon2id: boolean }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "list" };

/** What the command line of `user` asks for. */
export interface UserLine {
  /** What is to be done. */
  readonly action: UserAction;
  /** The file, where `--users` names it. */
  readonly users?: string;
  /** The configuration file, where `--config` names it. */
  readonly configFile?: string;
}

/** How it is written. */
export const USER_USAGE: readonly string[] = [
  "user add NAME [--from ADDRESS|@DOMAIN|*]... [--argon2id]",
  "user passwd NAME [--argon2id]",
  "user list",
  "user remove NAME",
];

const ACTIONS = ["add", "passwd", "list", "remove"];
const FLAGS = ["from", "users", "config"];
const SWITCHES = ["argon2id"];

/** Which flags an action takes, beside the two that name files. */
const FLAGS_OF: ReadonlyMap<string, readonly string[]> = new Map([
  ["add", ["from", "argon2id"]],
  ["passwd", ["argon2id"]],
]);

/**
 * Reads what stands behind `user`.
 *
 * @throws {ConfigError} for what is not one of {@linkcode USER_USAGE}.
 */
export function readUserLine(args: readonly string[]): UserLine {
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    boolean: SWITCHES,
    string: [...FLAGS, "_"],
    collect: FLAGS,
    unknown: (argument, key) => {
      if (key === undefined) return true;
      unknown.push(argument.replace(/=.*$/s, ""));
      return false;
    },
  });
  const words = parsed._.map(String);
  const given = new Map(FLAGS.map((flag) => [flag, parsed[flag] as string[]]));
  const argon2id = parsed.argon2id === true;
  const problems = [
    ...unknown.map((flag) =>
      `unknown flag ${flag}${didYouMean(flag, [...FLAGS, ...SWITCHES].map((name) => `--${name}`))}`
    ),
    ...wordProblems(words),
    ...flagProblems(words[0], given, argon2id),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    action: actionOf(words[0]!, words[1] ?? "", given.get("from")!, argon2id),
    users: given.get("users")![0],
    configFile: given.get("config")![0],
  };
}

function wordProblems([action, name, ...rest]: readonly string[]): string[] {
  if (action === undefined) return [`user: expected one of ${ACTIONS.join(", ")}`];
  if (!ACTIONS.includes(action)) {
    return [`user: unknown command "${action}"${didYouMean(action, ACTIONS)}`];
  }
  const unexpected = action === "list" && name !== undefined ? [name, ...rest] : rest;
  const problems = unexpected.map((word) => `unexpected "${word}"`);
  if (action !== "list" && !name) problems.push(`user ${action}: the name is missing`);
  return problems;
}

function flagProblems(
  action: string | undefined,
  given: ReadonlyMap<string, readonly string[]>,
  argon2id: boolean,
): string[] {
  const own = FLAGS_OF.get(action ?? "") ?? [];
  const problems = FLAGS.flatMap((flag) => {
    const values = given.get(flag)!;
    if (values.includes("")) return [`--${flag}: needs a value`];
    if (flag !== "from" && values.length > 1) return [`--${flag}: given ${values.length} times`];
    return [];
  });
  if (given.get("from")!.length > 0 && !own.includes("from")) problems.push(notFor("from", action));
  if (argon2id && !own.includes("argon2id")) problems.push(notFor("argon2id", action));
  return problems;
}

function notFor(flag: string, action = ""): string {
  return `--${flag}: not a flag of user ${action}`.trimEnd();
}

function actionOf(
  action: string,
  name: string,
  from: readonly string[],
  argon2id: boolean,
): UserAction {
  switch (action) {
    case "add":
      return { kind: "add", name, from, argon2id };
    case "passwd":
      return { kind: "passwd", name, argon2id };
    case "remove":
      return { kind: "remove", name };
    default:
      return { kind: "list" };
  }
}
