/**
 * The date-time of RFC 5322 §3.3, as Received, Date and the fields of a bounce
 * have it. Does not fail.
 *
 * @module
 */

const SECOND = 1000;

let lastSecond = 0;
let lastDate = "Thu, 01 Jan 1970 00:00:00 +0000";

/** A time in ms since 1970 as e.g. `Thu, 01 Jan 2026 00:00:00 +0000`. */
export function rfc5322Date(ms: number): string {
  const second = Math.floor(ms / SECOND);
  // Each message has one, and many come in one second: the last one is remembered.
  if (second !== lastSecond) {
    lastSecond = second;
    // ECMAScript fixes this format: `Thu, 01 Jan 2026 00:00:00 GMT`.
    lastDate = new Date(ms).toUTCString().slice(0, -"GMT".length) + "+0000";
  }
  return lastDate;
}
