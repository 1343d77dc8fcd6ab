/**
 * Text that others chose, made fit to be shown. A character may end a line where
 * there is none, drive a terminal (which takes U+009B for ESC `[`), hide, or
 * change the order in which the text around it appears. Nothing here fails.
 *
 * @module
 */

/** Control characters, line separators, and what embeds, overrides or isolates a direction of writing. */
// deno-lint-ignore no-control-regex
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+/g;

/** What ends a line, moves on in one, or drives a terminal. */
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f]/g;

/** What JSON leaves as it is of these, and characters that are not seen or say how others are. */
const MISLEADING =
  /[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** The text on one line: each run of characters that are no text becomes a space. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, " ");
}

/** Whether the text is on one line and shows all that is in it. */
export function isPrintable(text: string): boolean {
  return text.search(UNPRINTABLE) < 0 && text.search(MISLEADING) < 0;
}

/** The text on one line, with every character that is no text or may mislead written as an escape, e.g. `\\u001b`. */
export function visible(text: string): string {
  return escapeMisleading(text).replace(CONTROL, escape);
}

/** JSON in which every character that may mislead is written as an escape; it says the same. */
export function escapeMisleading(json: string): string {
  return json.replace(MISLEADING, escape);
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
