/**
 * Where the program's log goes: to standard error, a line a record. Used by the
 * command line only; an application that embeds the library configures LogTape
 * itself. A standard error that is gone loses records, never mail.
 *
 * @module
 */
import { configureSync, type LogLevel as TapeLevel, type LogRecord } from "@logtape/logtape";
import { encode } from "../base/bytes.ts";
import { LOG_CATEGORY } from "../base/log.ts";
import { jsonLine, prettyLine } from "./log_format.ts";
import type { LogFormat, LogLevel } from "./schema.ts";

const LOWEST: Record<LogLevel, TapeLevel> = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
};

/** Sends the log to standard error from here on. */
export function setUpLog(format: LogFormat, level: LogLevel): void {
  const colours = Deno.stderr.isTerminal() && !Deno.noColor;
  const line = format === "json" ? jsonLine : (record: LogRecord) => prettyLine(record, colours);
  configureSync({
    reset: true,
    sinks: { stderr: (record) => writeAll(encode(line(record))) },
    loggers: [
      { category: [LOG_CATEGORY], lowestLevel: LOWEST[level], sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
}

/** Writes before it returns, so that no line is lost however the process ends. */
function writeAll(line: Uint8Array): void {
  try {
    for (let at = 0; at < line.length;) at += Deno.stderr.writeSync(line.subarray(at));
  } catch {
    // Nobody reads it any more, and there is no other place to say so.
  }
}
