/**
 * Log records as lines: for people, or JSON for programs. One record is one
 * line of bounded length, whatever a peer put into a field: control characters
 * and those that reorder text are escaped. Nothing here fails on any record.
 *
 * @module
 */
import type { LogRecord } from "@logtape/logtape";
import { cyan, dim, red, yellow } from "@std/fmt/colors";
import { escapeMisleading } from "../base/printable.ts";
import type { LogLevel } from "./schema.ts";

/** The longest form of one field, in UTF-16 units; what is longer is cut. */
const LONGEST_FIELD = 4096;

/** How deep the causes of an error are told. */
const DEEPEST_CAUSE = 5;

/** Text that can stand in a line for people without quotes. */
const BARE = /^[\w.:@/[\]<>+-]+$/;

const LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ["trace", "debug"],
  ["debug", "debug"],
  ["info", "info"],
  ["warning", "warn"],
  ["error", "error"],
  ["fatal", "error"],
]);

const PAINT: Record<LogLevel, (text: string) => string> = {
  debug: dim,
  info: cyan,
  warn: yellow,
  error: red,
};

/** A record as one object of JSON, LF included: time, level, room, message, fields. */
export function jsonLine(record: LogRecord): string {
  const fields = fieldsOf(record)
    .map(([name, value]) => `${quote(name)}:${render(value)}`)
    .join(",");
  return `{"time":"${time(record)}","level":"${level(record)}","room":${quote(room(record))},` +
    `"message":${quote(message(record))},"fields":{${fields}}}\n`;
}

/** A record for people, LF included: time, level, room, message, then `name=value` for each field. */
export function prettyLine(record: LogRecord, colours: boolean): string {
  const name = level(record);
  const label = name.toUpperCase().padEnd(5);
  const fields = fieldsOf(record)
    .map(([field, value]) =>
      ` ${word(field)}=${typeof value === "string" ? word(value) : render(value)}`
    )
    .join("");
  const shown = quote(message(record)).slice(1, -1).replaceAll('\\"', '"');
  return `${time(record)} ${colours ? PAINT[name](label) : label} ` +
    `${room(record).padEnd(9)} ${shown}${colours ? dim(fields) : fields}\n`;
}

/** The fields that say something. */
function fieldsOf({ properties }: LogRecord): [string, unknown][] {
  return Object.entries(properties).filter(([, value]) => value !== undefined);
}

function time(record: LogRecord): string {
  return new Date(record.timestamp).toISOString();
}

function level(record: LogRecord): LogLevel {
  return LEVELS.get(record.level) ?? "error";
}

/** The category below the root. */
function room(record: LogRecord): string {
  return record.category.slice(1).join(".");
}

/** The message with the values of its placeholders, which stand at the odd places. */
function message({ message }: LogRecord): string {
  return message.map((part, i) => typeof part === "string" ? part : i % 2 ? render(part) : "")
    .join("");
}

/** A text in quotes, bounded and without anything misleading. */
function quote(text: string): string {
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
  try {
    const json = JSON.stringify(value, plain) ?? quote(typeof value);
    return json.length > LONGEST_FIELD ? quote(json) : escapeMisleading(json);
  } catch {
    return quote("[not printable]");
  }
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
