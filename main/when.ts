/**
 * Moments as people write them on a command line: `yesterday`, `2h`, `14:30`,
 * `2026-11-22`, and as they read them: in the zone of the machine. What is none is a
 * `TypeError` that says what was expected.
 *
 * @module
 */
import { parseDuration } from "../config/units.ts";

const EXPECTED =
  'expected a time such as "today", "yesterday", "2h" (ago), "14:30", "2026-11-22", "2026-11-22T14:30"';

/** The start of the day that is `days` after that of a moment. */
function dayStart(ms: number, days = 0): number {
  const at = new Date(ms);
  // By the calendar: a day may have 23 or 25 hours.
  return new Date(at.getFullYear(), at.getMonth(), at.getDate() + days).getTime();
}

/**
 * A moment, ms since 1970; a day is its start.
 *
 * @throws {TypeError} when it is none
 */
export function parseWhen(text: string, now: number): number {
  const word = text.trim().toLowerCase();
  if (word === "now") return now;
  if (word === "today") return dayStart(now);
  if (word === "yesterday") return dayStart(now, -1);
  if (/^\d+ ?(ms|s|m|h|d)$/.test(word)) return now - parseDuration(word);
  return dated(text.trim(), now);
}

function dated(text: string, now: number): number {
  const [, hour, minute] = /^(\d{1,2}):(\d\d)$/.exec(text) ?? [];
  if (hour !== undefined && minute !== undefined) {
    const at = new Date(now);
    if (Number(hour) > 23 || Number(minute) > 59) throw new TypeError(EXPECTED);
    return at.setHours(Number(hour), Number(minute), 0, 0);
  }
  const date = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  // A date alone is read as UTC (ECMA-262 §21.4.1.18), with a time as local.
  const isDated = date !== null || /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text);
  const ms = isDated ? Date.parse(date === null ? text.replace(" ", "T") : `${text}T00:00`) : NaN;
  if (Number.isNaN(ms)) throw new TypeError(EXPECTED);
  return ms;
}

/**
 * The day that a moment is in: its start, and that of the next.
 *
 * @throws {TypeError} when it is none
 */
export function parseDay(text: string, now: number): { since: number; until: number } {
  const since = dayStart(parseWhen(text, now));
  return { since, until: dayStart(since, 1) };
}

/** A moment as people read it: the time, and where it is not today's the date before it. */
export function whenText(ms: number, now: number): string {
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  if (dayStart(ms) === dayStart(now)) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}
