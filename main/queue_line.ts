/**
 * Reads the command line behind `queue`, and behind other commands that are written
 * like those. Everything wrong with it is reported at once, as a
 * {@linkcode ConfigError}.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { didYouMean } from "../config/nearest.ts";
import { ConfigError } from "../config/source.ts";
import type { QueueFlag } from "./queue_commands.ts";

/** What may stand behind a command. */
export interface Grammar {
  /** The command, for problems: `queue list`. */
  readonly name: string;
  /** The words that it takes, as help shows them. */
  readonly words: string;
  readonly leastWords: number;
  readonly mostWords: number;
  readonly flags: readonly QueueFlag[];
}

/** What stands behind a command. */
export interface Line {
  readonly words: readonly string[];
  /** What flags say, by name, at least once each. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** The switches that are on. */
  readonly switches: ReadonlySet<string>;
}

/** @throws {ConfigError} for what is not as the grammar has it */
export function readLine(args: readonly string[], grammar: Grammar): Line {
  const { flags } = grammar;
  const unknown: string[] = [];
  const valued = flags.filter(({ value }) => value !== undefined).map(({ name }) => name);
  const switches = flags.filter(({ value }) => value === undefined).map(({ name }) => name);
  const parsed = parseArgs(args, {
    boolean: switches,
    string: [...valued, "_"],
    collect: valued,
    unknown: (argument, key) => {
      // `-` alone is a word: standard input.
      if (key === undefined || argument === "-") return true;
      unknown.push(argument.replace(/=.*$/s, ""));
      return false;
    },
  });
  const words = parsed._.map(String);
  const values = new Map(valued.map((name) => [name, parsed[name] as readonly string[]]));
  const problems = [
    ...unknown.map((flag) =>
      `unknown flag ${flag}${didYouMean(flag, flags.map(({ name }) => `--${name}`))}`
    ),
    ...flags.flatMap((flag) => flagProblems(flag, values.get(flag.name) ?? [])),
    ...wordProblems(words, grammar),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    words,
    values: new Map([...values].filter(([, given]) => given.length > 0)),
    switches: new Set(switches.filter((name) => parsed[name] === true)),
  };
}

function flagProblems({ name, value, repeatable }: QueueFlag, given: readonly string[]): string[] {
  if (given.includes("")) return [`--${name}: needs a value: --${name} ${value}`];
  if (given.length > 1 && !repeatable) return [`--${name}: given ${given.length} times`];
  return [];
}

function wordProblems(
  words: readonly string[],
  { name, words: usage, leastWords, mostWords }: Grammar,
): string[] {
  if (words.length < leastWords) return [`${name}: expected ${name} ${usage}`];
  return words.slice(mostWords).map((word) => `unexpected "${word}"`);
}

/** The value of a flag that may be given once. */
export function valueOf({ values }: Line, name: string): string | undefined {
  return values.get(name)?.[0];
}

/** A whole number from 1 on. @throws {ConfigError} when it is none */
export function numberOf(
  line: Line,
  name: string,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = valueOf(line, name);
  if (text === undefined) return undefined;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= most) return number;
  const range = most === Number.MAX_SAFE_INTEGER ? "from 1 on" : `from 1 to ${most}`;
  throw new ConfigError([`--${name} "${text}": expected a whole number ${range}`]);
}
