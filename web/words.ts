/**
 * What peers sent, made fit for a page: cut, and without the characters that would
 * turn what stands around it. Escaping is the templates' part. Pure; nothing fails.
 *
 * @module
 */

/** The most of a text that a page shows where nothing else is said, characters. */
const LONGEST = 500;

/** Controls, and what sets the direction of text (UAX #9 §2). */
const UNSEEN =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text as it is shown: what cannot be seen is a mark. */
export function shown(text: string, longest: number = LONGEST): string {
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return cut.toWellFormed().replace(UNSEEN, "\ufffd");
}

/** A moment, exactly: `2026-01-31 12:00:00 UTC`. */
export function exactTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** A path with a query of what is given. */
export function pathWith(
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}
