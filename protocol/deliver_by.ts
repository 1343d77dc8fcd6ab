/**
 * The BY parameter of MAIL (RFC 2852 §4), read and written. What is wrong is answered
 * 501 5.5.4; nothing here throws.
 *
 * @module
 */
import type { DeliverBy } from "../message/deliver_by.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";

/** Octets that BY adds to the line of MAIL (§2). */
export const BY_LENGTH = 17;

/** by-value: seconds, what to do then, and whether to trace. */
const BY = /^([+-]?[0-9]{1,9});([NR])(T?)$/i;
/** The largest number of seconds that it holds. */
const MOST_SECONDS = 999_999_999;

/** BY, as MAIL has it. */
export function parseBy(value = ""): Parsed<{ readonly deliverBy: DeliverBy }> {
  const [, time, mode, trace] = BY.exec(value) ?? [];
  if (time === undefined) return refused(501, "5.5.4", "BY is a number of seconds, and ;N or ;R");
  const seconds = Number(time);
  const isReturn = mode!.toUpperCase() === "R";
  if (isReturn && seconds <= 0) return refused(501, "5.5.4", "BY with R needs time to come");
  const deliverBy = { seconds, mode: isReturn ? "return" : "notify" } as const;
  return parsed({ deliverBy: trace === "" ? deliverBy : { ...deliverBy, trace: true } });
}

/** BY, as it is passed on with the time that is left. */
export function byValue({ seconds, mode, trace }: DeliverBy): string {
  const left = Math.max(-MOST_SECONDS, Math.min(Math.floor(seconds), MOST_SECONDS));
  return `${left};${mode === "return" ? "R" : "N"}${trace ? "T" : ""}`;
}
