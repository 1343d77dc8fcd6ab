/**
 * Times as the program writes them: ISO 8601, in UTC, to the millisecond. Most of
 * what is written in a row happened in the same few milliseconds, so the texts of
 * the last second's are kept. Fails only on what is no time.
 *
 * @module
 */

/** How many texts are kept: one for each millisecond that a second has, whichever second was there last. */
const KEPT = 1000;

const times = new Float64Array(KEPT).fill(NaN);
const texts: string[] = Array.from({ length: KEPT }, () => "");

/** A time, ms since 1970, as ISO 8601. @throws {RangeError} when it is none */
export function isoTime(ms: number): string {
  const place = Math.abs(Math.trunc(ms)) % KEPT;
  if (times[place] === ms) return texts[place]!;
  const text = new Date(ms).toISOString();
  times[place] = ms;
  texts[place] = text;
  return text;
}
