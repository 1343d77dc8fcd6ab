/**
 * Where the program's log goes: to standard error, a line a record. Used by the
 * command line only; an application that embeds the library configures LogTape
 * itself. A standard error that is gone loses records, never mail.
 *
 * @module
 */
import { encodeInto } from "../base/bytes.ts";
import { type LogLevel, type LogRecord, takeLog } from "../base/log.ts";
import { jsonLine, prettyLine } from "./log_format.ts";
import type { LogFormat } from "./schema.ts";

/** The most that is gathered before it is written, in characters. */
const MOST_GATHERED = 64 * 1024;

/** Room for what is written at a time, when it is not more than usual, octets: an array of its own for each costs more than the rest. */
const ROOM = 64 * 1024;

/** Sends the log to standard error from here on; gives what changes its form and level. */
export function setUpLog(
  format: LogFormat,
  level: LogLevel,
): (format: LogFormat, level: LogLevel) => void {
  const colours = Deno.stderr.isTerminal() && !Deno.noColor;
  const lines = new GatheredLines(Deno.stderr);
  const change = (format: LogFormat, level: LogLevel) => {
    const line = format === "json" ? jsonLine : (record: LogRecord) => prettyLine(record, colours);
    takeLog(level, (record) => {
      lines.add(line(record));
      if (record.level === "warn" || record.level === "error") lines.write();
    });
  };
  change(format, level);
  // What ends in one of these ways gets no further turn.
  for (const end of ["unload", "error", "unhandledrejection"]) {
    globalThis.addEventListener(end, () => lines.write());
  }
  return change;
}

/**
 * Lines on their way out: those that come together, as when one sync of the journal
 * answers fifty clients, are one write. They wait for a microtask and never for the
 * event loop, so that nothing but a kill in mid-turn comes between a record and its line.
 */
class GatheredLines {
  readonly #out: { writeSync(octets: Uint8Array): number };
  readonly #room = new Uint8Array(ROOM);
  #text = "";
  #booked = false;

  /** Writes to this stream. */
  constructor(out: { writeSync(octets: Uint8Array): number }) {
    this.#out = out;
  }

  /** Adds a line, LF included. */
  add(line: string): void {
    this.#text += line;
    if (this.#text.length >= MOST_GATHERED) return this.write();
    if (this.#booked) return;
    this.#booked = true;
    queueMicrotask(() => {
      this.#booked = false;
      this.write();
    });
  }

  /** Writes what there is, and returns when all of it is written. */
  write(): void {
    if (this.#text === "") return;
    const octets = encodeInto(this.#text, this.#room);
    this.#text = "";
    try {
      for (let at = 0; at < octets.length;) at += this.#out.writeSync(octets.subarray(at));
    } catch {
      // Nobody reads it any more, and there is no other place to say so.
    }
  }
}
