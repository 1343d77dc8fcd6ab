/**
 * Log records as lines: for people, or JSON for programs. One record is one
 * line of bounded length, whatever a peer put into a field: control characters
 * and those that reorder text are escaped. Nothing here fails on any record.
 *
 * @module
 */
import { cyan, dim, red, yellow } from "@std/fmt/colors";
import type { LogLevel, LogRecord } from "../base/log.ts";
import { isoTime } from "../base/iso_time.ts";
import { escapeMisleading } from "../base/printable.ts";

/** The longest form of one field, in UTF-16 units; what is longer is cut. */
const LONGEST_FIELD = 4096;

/** How deep the causes of an error are told. */
const DEEPEST_CAUSE = 5;

/** Text that can stand in a line for people without quotes. */
const BARE = /^[\w.:@/[\]<>+-]+$/;

/** Text that quotes would leave as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

const LABEL: Record<LogLevel, string> = {
  debug: "DEBUG",
  info: "INFO ",
  warn: "WARN ",
  error: "ERROR",
};

const PAINT: Record<LogLevel, (text: string) => string> = {
  debug: dim,
  info: cyan,
  warn: yellow,
  error: red,
};

/** A record as one object of JSON, LF included: time, level, room, message, fields. */
export function jsonLine({ time, level, room, message, fields }: LogRecord): string {
  let shown = "";
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    shown += `${shown === "" ? "" : ","}${quote(name)}:${render(value)}`;
  }
  return `{"time":"${isoTime(time)}","level":"${level}","room":${quote(room)},` +
    `"message":${quote(message)},"fields":{${shown}}}\n`;
}

/** A record for people, LF included: time, level, room, message, then `name=value` for each field. */
export function prettyLine(record: LogRecord, colours: boolean): string {
  const { time, level, room, message, fields } = record;
  let shown = "";
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    shown += ` ${word(name)}=${typeof value === "string" ? word(value) : render(value)}`;
  }
  const label = LABEL[level];
  return `${isoTime(time)} ${colours ? PAINT[level](label) : label} ` +
    `${room.padEnd(9)} ${sentence(message)}${colours ? dim(shown) : shown}\n`;
}

/** A message without the quotes that a field would get. */
function sentence(text: string): string {
  return isPlain(text) ? text : quote(text).slice(1, -1).replaceAll('\\"', '"');
}

function isPlain(text: string): boolean {
  return text.length <= LONGEST_FIELD && PLAIN.test(text);
}

/** A text in quotes, bounded and without anything misleading. */
function quote(text: string): string {
  if (isPlain(text)) return `"${text}"`;
  const cut = text.length > LONGEST_FIELD ? `${text.slice(0, LONGEST_FIELD)}…` : text;
  return escapeMisleading(JSON.stringify(cut));
}

/** A text as it is where that is safe, else in quotes. */
function word(text: string): string {
  return text.length <= LONGEST_FIELD && BARE.test(text) ? text : quote(text);
}

/** Any value as JSON. */
function render(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Number.isFinite(value)) return String(value);
  try {
    const json = jsonOf(value);
    return json.length > LONGEST_FIELD ? quote(json) : escapeMisleading(json);
  } catch {
    return quote("[not printable]");
  }
}

function jsonOf(value: unknown): string {
  // A list of texts, as the ids of a session are, is worth its own way: a replacer makes V8 slow.
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    return JSON.stringify(value);
  }
  return JSON.stringify(value, plain) ?? quote(typeof value);
}

/** What JSON cannot say, in words. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return describe(value, DEEPEST_CAUSE);
  return typeof value === "bigint" ? String(value) : value;
}

/** An error with its stack and its causes. */
function describe(error: Error, depth: number): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  if (error.cause === undefined || depth === 0) return own;
  const cause = error.cause instanceof Error
    ? describe(error.cause, depth - 1)
    : String(error.cause);
  return `${own}\ncaused by ${cause}`;
}
