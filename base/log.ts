/**
 * The one way in which this program writes a log: a message and named fields,
 * under a category. A library user sees nothing until the application
 * configures LogTape; the command line does so in `config/log_setup.ts`.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";

/** What may stand in a field of a log record. */
export type LogFields = Record<string, unknown>;

/** Writes log records of one category. Field values may hold anything a peer sent: they are escaped where they are written out. */
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

/** The name of the root category under which everything here logs. */
export const LOG_CATEGORY = "smtp";

/** Gives the log of one room, e.g. `log("deliver")`. */
export function log(room: string): Log {
  return getLogger([LOG_CATEGORY, room]);
}
