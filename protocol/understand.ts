/**
 * From a line to what it asks for: finds its command in the table, and checks that
 * the command may come now, and in that form. A line that is wrong in any way is
 * the reply that says so.
 *
 * @module
 */
import { isAscii } from "../base/bytes.ts";
import type { Budget } from "./budget.ts";
import { parseCommandLine } from "./command_syntax.ts";
import type { Action, CommandTable } from "./command_table.ts";
import type { SessionLimits } from "./handler.ts";
import type { Line } from "./line_reader.ts";
import type { Parsed } from "./parsed.ts";
import { LINE_TOO_LONG, NOT_ASCII, TALKS_AHEAD, UNKNOWN_COMMAND } from "./replies.ts";
import { type CommandState, OUT_OF_ORDER } from "./session_state.ts";

/** What there is to understand. */
export interface Vocabulary<Session> {
  /** The commands. */
  readonly table: CommandTable<Session, CommandState>;
  /** Of which `commandLine` is used. */
  readonly limits: SessionLimits;
  /** What counts commands that bring no message nearer. */
  readonly budget: Budget;
}

/**
 * What a line asks for in a state, or the reply to one that is wrong or comes at the wrong time.
 *
 * @param isAhead whether more came behind the line from a client that has to wait for replies
 */
export function understand<Session>(
  line: Line,
  state: CommandState,
  { table, limits, budget }: Vocabulary<Session>,
  isAhead = false,
): Parsed<Action<Session>> {
  if (line.overlong) return { ok: false, reply: LINE_TOO_LONG };
  const parts = parseCommandLine(line.octets);
  if (!parts.ok) return parts;
  const { verb, argument } = parts.value;
  const known = table.get(verb);
  if (line.octets.length + 2 > limits.commandLine + (known?.longer ?? 0)) {
    return { ok: false, reply: LINE_TOO_LONG };
  }
  if (known === undefined) return { ok: false, reply: UNKNOWN_COMMAND };
  if (!known.states.includes(state)) return { ok: false, reply: OUT_OF_ORDER[state] };
  // Before EHLO was answered nobody knows that commands may be sent together at all.
  if (isAhead && (known.last || state === "connected")) return { ok: false, reply: TALKS_AHEAD };
  if (!known.utf8 && !isAscii(argument)) return { ok: false, reply: NOT_ASCII };
  if (known.idle) budget.idle();
  return known.read(argument);
}
