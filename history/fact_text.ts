/**
 * A fact as a line of the history's files: JSON with times in ISO 8601. Reading
 * gives undefined for what is no such line, as a torn one is.
 *
 * @module
 */
import { isoTime } from "../base/iso_time.ts";
import { escapeMisleading } from "../base/printable.ts";
import type { StoryFact } from "./story.ts";

/** As many octets of a line as the kind and the time are looked for in: both are among the first that a fact names. */
const HEAD_SIZE = 128;
const KIND = /"kind":"([a-z]+)"/;
const TIME = /"at":"([^"]+)"/;

const decoder = new TextDecoder();

/** The fact as JSON text, without the line's end. */
export function factText(fact: StoryFact): string {
  // Each further spread, and each rest, makes this line half as fast.
  return JSON.stringify(withWrittenTimes(fact, isoTime(fact.at)));
}

/** The same for people who read the file: no character may mislead them. */
export function factTextEscaped(fact: StoryFact): string {
  return escapeMisleading(factText(fact));
}

/** The fact of a line's octets; undefined when it is none. */
export function readFact(line: Uint8Array): StoryFact | undefined {
  try {
    const json = JSON.parse(decoder.decode(line));
    for (const key of ["at", "nextAttempt", "until"]) {
      if (typeof json[key] === "string") json[key] = Date.parse(json[key]);
    }
    return isFact(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** The time, ms since 1970, and the kind of the fact in a line, without reading the rest. What is not there is NaN, or undefined. */
export function headOf(line: Uint8Array): { readonly at: number; readonly kind?: string } {
  const text = decoder.decode(line.subarray(0, HEAD_SIZE));
  return { at: Date.parse(TIME.exec(text)?.[1] ?? ""), kind: KIND.exec(text)?.[1] };
}

/** The fact with its times as they are written. */
function withWrittenTimes(fact: StoryFact, at: string): object {
  switch (fact.kind) {
    case "attempt":
      if (fact.nextAttempt === undefined) return { ...fact, at };
      return { ...fact, at, nextAttempt: isoTime(fact.nextAttempt) };
    case "waits":
      return fact.until === undefined
        ? { ...fact, at }
        : { ...fact, at, until: isoTime(fact.until) };
    case "accepted":
    case "notice":
    case "steered":
    case "finished":
    case "refused":
    case "session":
      return { ...fact, at };
    default:
      return fact satisfies never;
  }
}

/** Files are written by this program, so only what a tear can cost is looked at. */
function isFact(json: { at?: unknown; id?: unknown; kind?: unknown }): json is StoryFact {
  return Number.isFinite(json.at) && typeof json.id === "string" && typeof json.kind === "string";
}
