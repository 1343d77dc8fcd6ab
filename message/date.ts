/**
 * The date-time of RFC 5322 §3.3, as Received, Date and the fields of a bounce
 * have it. Does not fail.
 *
 * @module
 */

/** A time in ms since 1970 as e.g. `Thu, 01 Jan 2026 00:00:00 +0000`. */
export function rfc5322Date(ms: number): string {
  // ECMAScript fixes this format: `Thu, 01 Jan 2026 00:00:00 GMT`.
  return new Date(ms).toUTCString().slice(0, -"GMT".length) + "+0000";
}
