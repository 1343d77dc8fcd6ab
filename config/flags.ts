/**
 * The command line: which command it names and what its flags set. Everything
 * wrong with it is reported at once, as a {@linkcode ConfigError}.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { didYouMean } from "./nearest.ts";
import { CONFIG_FLAG, keyOf, OPTIONS } from "./options.ts";
import { ConfigError, KEYED_OPTIONS, type Source } from "./source.ts";
import { readUserLine, type UserLine } from "./user_line.ts";

/** What the command line asks for. */
export type CommandLine =
  | { readonly command: "help" | "version" }
  | { readonly command: "user"; readonly line: UserLine }
  /** `args`: what stands behind it, which the command reads itself. */
  | { readonly command: "queue" | "plan"; readonly args: readonly string[] }
  | { readonly command: "serve"; readonly configFile?: string; readonly flags: Source };

const SWITCHES = OPTIONS.filter(({ value }) => value === undefined).map(({ flag }) => flag);
const VALUED = OPTIONS.filter(({ value }) => value !== undefined).map(({ flag }) => flag);
const SHOWN_FLAGS = ["help", "version"];
const COMMANDS = ["serve", "user", "queue", "plan"];

/**
 * Reads a command line.
 *
 * @throws {ConfigError} for unknown commands and flags, flags without a value,
 * flags given twice that take one value, and words that belong to nothing.
 */
export function readCommandLine(args: readonly string[]): CommandLine {
  if (args[0] === "user" && !args.includes("--help")) {
    return { command: "user", line: readUserLine(args.slice(1)) };
  }
  if (args[0] === "queue" || args[0] === "plan") {
    return { command: args[0], args: args.slice(1) };
  }
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    boolean: [...SWITCHES, ...SHOWN_FLAGS],
    string: [...VALUED, "_"],
    // Every flag is collected, so that a second value is seen rather than taking the first one's place.
    collect: [...SWITCHES, ...VALUED],
    alias: { h: "help" },
    unknown: (argument, key) => {
      if (key === undefined) return true;
      unknown.push(argument.replace(/=.*$/s, ""));
      return false;
    },
  });
  if (parsed.help === true) return { command: "help" };
  if (parsed.version === true) return { command: "version" };
  const given = new Map(OPTIONS.map(({ flag }) => [flag, parsed[flag] as (string | boolean)[]]));
  const problems = [
    ...unknown.map(unknownFlag),
    ...wordProblems(parsed._.map(String)),
    ...switchProblems(args),
    ...valueProblems(given),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  const configFile = given.get(CONFIG_FLAG)![0];
  return {
    command: "serve",
    ...(typeof configFile === "string" && { configFile }),
    flags: flagSource(given),
  };
}

function unknownFlag(flag: string): string {
  const known = [...OPTIONS.map((option) => option.flag), ...SHOWN_FLAGS].map((name) =>
    `--${name}`
  );
  return `unknown flag ${flag}${didYouMean(flag, known)}`;
}

/** What is wrong with the words that are neither flags nor their values. */
function wordProblems([command = "serve", ...rest]: string[]): string[] {
  if (command === "user" || command === "queue" || command === "plan") {
    return [`${command}: comes before its flags`];
  }
  if (!COMMANDS.includes(command)) {
    return [`unknown command "${command}"${didYouMean(command, COMMANDS)}`];
  }
  return rest.map((word) => `unexpected "${word}"`);
}

/** `parseArgs` takes `--hold=no` for true: switches take nothing but true and false. */
function switchProblems(args: readonly string[]): string[] {
  const assigned = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length)
    .map((argument) => /^--([^=]+)=(.*)$/s.exec(argument) ?? [])
    .filter(([, flag]) => SWITCHES.includes(flag ?? ""));
  return assigned
    .filter(([, , value]) => value !== "true" && value !== "false")
    .map(([, flag, value]) => `--${flag} "${value}": expected true or false`);
}

function valueProblems(given: ReadonlyMap<string, (string | boolean)[]>): string[] {
  return OPTIONS.flatMap(({ flag, value, repeatable }) => {
    const values = given.get(flag)!;
    if (values.includes("")) return [`--${flag}: needs a value: --${flag} ${value}`];
    if (values.length > 1 && !repeatable) return [`--${flag}: given ${values.length} times`];
    return [];
  });
}

function flagSource(given: ReadonlyMap<string, (string | boolean)[]>): Source {
  const values: Record<string, unknown> = {};
  for (const option of KEYED_OPTIONS) {
    const found = given.get(option.flag)!;
    if (found.length > 0) values[keyOf(option)] = option.repeatable ? found : found[0];
  }
  return { values, where: ([key]) => `--${String(key).replaceAll("_", "-")}` };
}
