/**
 * Another configuration for a server that runs: what it changes, and what cannot
 * change before a restart.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { type Difference, differences } from "../config/differences.ts";
import { ConfigError } from "../config/source.ts";
import { UsersError } from "../policy/users.ts";

/** A configuration that a running server cannot take. */
export class ReloadError extends Error {
  /** What stands against it, a line each; without secrets. */
  readonly problems: readonly string[];

  /** Makes one of at least one problem. */
  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.name = "ReloadError";
    this.problems = problems;
  }
}

/** What is opened at the start and stays as it is. */
const AT_RESTART: ReadonlySet<keyof Config> = new Set([
  "spool",
  "control",
  "api",
  "web",
  "history",
]);

/**
 * What another configuration changes.
 *
 * @throws {ReloadError} naming each setting that cannot change while the server runs
 */
export function changesOf(before: Config, next: Config): Difference[] {
  const found = differences(before, next);
  const stuck = found.filter(({ part }) => AT_RESTART.has(part));
  if (stuck.length === 0) return found;
  throw new ReloadError(
    stuck.map((change) => `${changeText(change)}: needs a restart`),
  );
}

/** A change in a line: `retry.first: 5m → 10m`. */
export function changeText({ key, text }: Difference): string {
  return `${key}: ${text}`;
}

/** What stood against a reload, a line each. */
export function problemsIn(error: unknown): readonly string[] {
  if (error instanceof ConfigError || error instanceof ReloadError) return error.problems;
  if (error instanceof UsersError) return error.problems.map((problem) => `users: ${problem}`);
  return [error instanceof Error ? error.message : String(error)];
}
