/**
 * The names of queued messages: ULIDs, which sort by time and carry 80 random
 * bits. Never derived from anything a peer sent. Making one does not fail.
 *
 * @module
 */
import { ulid } from "@std/ulid";

/** What an id looks like; nothing else is ever taken for a message's file. */
const ID = /^[0-9A-Z]{26}$/;

/** Makes an id for a message that arrives at `now` (ms since 1970) and is in use nowhere. */
export function newId(now: number, inUse: (id: string) => boolean): string {
  let id = ulid(now);
  while (inUse(id)) id = ulid(now);
  return id;
}

/** Whether a text is an id. */
export function isId(text: unknown): text is string {
  return typeof text === "string" && ID.test(text);
}

/** The digits of a ULID's time: Crockford's base 32. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** What each is worth, by its character code; what is none is worth nothing. */
const WORTH = Uint8Array.from(
  { length: 128 },
  (_, code) => Math.max(DIGITS.indexOf(String.fromCharCode(code)), 0),
);
/** How many of them are its time. */
const TIME_LENGTH = 10;

/** When the message of an id began to come in, ms since 1970. A file that somebody named by hand may say anything. */
export function arrivalOf(id: string): number {
  let time = 0;
  for (let i = 0; i < TIME_LENGTH; i++) time = time * 32 + WORTH[id.charCodeAt(i)]!;
  return time;
}

/** When messages whose ids begin so began to come in, ms since 1970: `since` then, and before `until`. */
export function arrivalsOf(start: string): { since: number; until: number } {
  const time = start.slice(0, TIME_LENGTH);
  const since = arrivalOf(time.padEnd(TIME_LENGTH, DIGITS[0]));
  return { since, until: since + DIGITS.length ** (TIME_LENGTH - time.length) };
}
