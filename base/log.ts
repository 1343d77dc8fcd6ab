/**
 * The one way in which this program writes a log: a message and named fields,
 * under a room. A library user sees nothing until the application configures
 * LogTape; the command line takes the records itself, in `config/log_setup.ts`.
 *
 * @module
 */
import { getLogger, type Logger } from "@logtape/logtape";

/** What may stand in a field of a log record. */
export type LogFields = Record<string, unknown>;

/** How much a record matters, in rising order. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** One thing that happened. */
export interface LogRecord {
  /** When, ms since 1970. */
  readonly time: number;
  /** How much it matters. */
  readonly level: LogLevel;
  /** Where, e.g. `deliver`. */
  readonly room: string;
  /** What, in words. */
  readonly message: string;
  /** The particulars; a field that is undefined is left out. */
  readonly fields: LogFields;
}

/** Writes log records of one room. Field values may hold anything a peer sent: they are escaped where they are written out. */
export interface Log {
  /** For one who is looking for a fault: every command and every step. */
  debug(message: string, fields?: LogFields): void;
  /** One line for each session, message and attempt. */
  info(message: string, fields?: LogFields): void;
  /** Something the operator may want to change. */
  warn(message: string, fields?: LogFields): void;
  /** Something that did not work and should have. */
  error(message: string, fields?: LogFields): void;
}

/** The name of LogTape's category under which everything here logs. */
export const LOG_CATEGORY = "smtp";

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Who takes the records instead of LogTape, and from which rank on. */
let taker: { readonly least: number; readonly take: (record: LogRecord) => void } | undefined;

/**
 * From here on records go to `take`, from this level on, and none to LogTape, which
 * costs as much for a record as writing it out does.
 */
export function takeLog(level: LogLevel, take: (record: LogRecord) => void): void {
  taker = { least: RANK[level], take };
}

/** Gives the log of one room, e.g. `log("deliver")`. */
export function log(room: string): Log {
  return new RoomLog(room);
}

class RoomLog implements Log {
  readonly #room: string;
  readonly #tape: Logger;

  constructor(room: string) {
    this.#room = room;
    this.#tape = getLogger([LOG_CATEGORY, room]);
  }

  debug(message: string, fields?: LogFields): void {
    this.#log("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#log("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#log("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#log("error", message, fields);
  }

  #log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (taker === undefined) return this.#tape[level](message, fields);
    if (RANK[level] < taker.least) return;
    taker.take({ time: Date.now(), level, room: this.#room, message, fields });
  }
}
