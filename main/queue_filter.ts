/**
 * The filter that the flags of a command make. What its values mean is checked by the
 * API.
 *
 * @module
 */
import type { FilterInput } from "../control/filter.ts";
import { FILTER_FLAGS } from "./queue_commands.ts";
import { type Line, valueOf } from "./queue_line.ts";

/** Where the value of each flag goes. */
const KEYS: ReadonlyMap<string, keyof FilterInput> = new Map([
  ["sender", "sender"],
  ["recipient", "recipient"],
  ["domain", "domain"],
  ["next-hop", "nextHop"],
  ["older-than", "olderThan"],
  ["newer-than", "newerThan"],
  ["error", "error"],
]);

/** The filter; undefined when no flag makes one. */
export function filterOf(line: Line): FilterInput | undefined {
  if (!FILTER_FLAGS.some(({ name }) => line.values.has(name))) return undefined;
  const filter: Record<string, unknown> = {};
  for (const [flag, key] of KEYS) {
    const value = valueOf(line, flag);
    if (value !== undefined) filter[key] = value;
  }
  const state = valueOf(line, "state");
  if (state !== undefined) filter.state = state.split(",");
  return filter;
}
