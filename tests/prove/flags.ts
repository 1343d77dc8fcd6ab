/**
 * The flags of proofs: whole numbers with defaults. A flag that is not known, or
 * not a number, ends the program with status 2 and a line that says so.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";

/** The values of the flags, as given or by default. */
export function numberFlags<T extends Record<string, number>>(
  args: readonly string[],
  defaults: T,
): { [K in keyof T]: number } {
  const unknown = (arg: string) => refuse(`unknown: ${arg}`);
  const given = parseArgs(args, { string: Object.keys(defaults), unknown });
  const values = Object.entries(defaults).map(([name, value]) => {
    const text = given[name] ?? String(value);
    if (typeof text === "string" && /^\d{1,9}$/.test(text)) return [name, Number(text)];
    return refuse(`--${name} wants a whole number`);
  });
  return Object.fromEntries(values);
}

function refuse(why: string): never {
  console.error(why);
  Deno.exit(2);
}
