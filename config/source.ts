/**
 * The three places a setting can come from, in one form, and the error that
 * lists what is wrong in any of them.
 *
 * @module
 */
import { CONFIG_FLAG, keyOf, type Option, OPTIONS, variableOf } from "./options.ts";

/** What one place sets. */
export interface Source {
  /** Keys as in the file, values as they were found. */
  readonly values: Record<string, unknown>;
  /** Says where a key was set, for people: `--listen`, `SMTP_LISTEN`, `mail.toml:3: listen`. */
  where(path: readonly (string | number)[]): string;
}

/** The configuration cannot be used. Its message has a line for each problem. */
export class ConfigError extends Error {
  /** What is wrong, a line for each; without secrets. */
  readonly problems: readonly string[];

  /** Makes one of at least one problem. */
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** The options that are keys too. */
export const KEYED_OPTIONS: readonly Option[] = OPTIONS.filter(({ flag }) => flag !== CONFIG_FLAG);

/** Reads the environment: the variable of each option, lists separated by commas. */
export function environmentSource(variable: (name: string) => string | undefined): Source {
  const values: Record<string, unknown> = {};
  for (const option of KEYED_OPTIONS) {
    const text = variable(variableOf(option));
    if (text === undefined) continue;
    values[keyOf(option)] = option.repeatable ? text.split(",").map((item) => item.trim()) : text;
  }
  const names = new Map(KEYED_OPTIONS.map((option) => [keyOf(option), variableOf(option)]));
  return { values, where: ([key]) => names.get(String(key)) ?? String(key) };
}
