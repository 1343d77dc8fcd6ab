/**
 * Times as the program writes them: ISO 8601, in UTC, to the millisecond. Most of
 * what is written in a row happened in the same few milliseconds, so the texts of
 * the last ones are kept. Fails only on what is no time.
 *
 * @module
 */

/** How many texts are kept: those of a second. */
const MOST_KEPT = 1000;

const kept = new Map<number, string>();

/** A time, ms since 1970, as ISO 8601. @throws {RangeError} when it is none */
export function isoTime(ms: number): string {
  let text = kept.get(ms);
  if (text === undefined) {
    text = new Date(ms).toISOString();
    if (kept.size >= MOST_KEPT) kept.clear();
    kept.set(ms, text);
  }
  return text;
}
