/**
 * What `queue --help` and `queue COMMAND --help` print, from the table of the commands.
 *
 * @module
 */
import {
  COMMON_FLAGS,
  QUEUE_COMMANDS,
  type QueueCommand,
  type QueueFlag,
} from "./queue_commands.ts";
import { wrapped } from "./text_width.ts";

const START = "deno run -A main.ts";
const WIDTH = 96;

/** What `queue` can do. */
export function queueHelp(): string {
  const rows = QUEUE_COMMANDS.map(({ name, words, summary }) =>
    [`${name} ${words}`.trimEnd(), summary] as const
  );
  return [
    "See and steer the queue, of a running server or of a spool that no server has open.",
    "",
    `Usage: ${START} queue COMMAND [options]`,
    "",
    ...columns(rows),
    "",
    "Why is this message late?          queue list --recipient bob@example.org; queue explain ID",
    "Send it now:                       queue retry ID",
    "Stop all mail to a domain:         queue hold --domain example.org",
    "What came to an address: queue history --to bob@example.org --outcome delivered --on yesterday",
    "What was refused, and why:         queue history --refused --from '*@example.com'",
    "",
    "An ID may be shortened as long as one message in the queue begins with it; for `explain` one",
    "that is gone, too. `queue COMMAND --help` lists the options of a command. Exit status: 0; 1",
    "when something is not there or could not be done; 2 for a wrong command line.",
    "docs/operate.md describes the output.",
  ].join("\n");
}

/** What one command takes. */
export function commandHelp({ name, words, summary, details = [], flags }: QueueCommand): string {
  return [
    `queue ${name}: ${summary}.`,
    ...details.flatMap((detail) => wrapped(detail, WIDTH)),
    "",
    `Usage: ${[START, "queue", name, words].join(" ").trimEnd()} [options]`,
    "",
    ...flagLines([...flags, ...COMMON_FLAGS]),
  ].join("\n");
}

/** Flags and what they do. */
export function flagLines(flags: readonly QueueFlag[]): string[] {
  return columns(
    flags.map(({ name, value = "", help }) => [`--${name} ${value}`.trimEnd(), help] as const),
  );
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
