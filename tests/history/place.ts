/** A history in a directory of its own, and what tests tell it and ask it. */
import { ulid } from "@std/ulid";
import { History, type HistoryOptions, type MessageQuery } from "../../history/history.ts";
import type { AcceptedFact } from "../../history/story.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { accepted, attempt, BEGIN, finished } from "./facts.ts";

/** ms. */
export const DAY = 86_400_000;
/** Octets. */
export const MIB = 1024 * 1024;

/** Where a history is. */
export interface Place {
  readonly directory: string;
  readonly clock: TestClock;
  /** Opens the history there. */
  open(change?: Partial<HistoryOptions>): Promise<History>;
}

/** With an open history in a directory of its own. */
export async function withHistory(
  check: (history: History, place: Place) => Promise<void>,
  options?: Partial<HistoryOptions>,
) {
  await withPlace(async (place) => {
    const history = await place.open(options);
    try {
      await check(history, place);
    } finally {
      await history.close();
    }
  });
}

/** With a directory for a history. */
export async function withPlace(check: (place: Place) => Promise<void>): Promise<void> {
  await withTempDir(async (parent) => {
    const directory = `${parent}/history`;
    const clock = new TestClock(BEGIN);
    const open = (change: Partial<HistoryOptions> = {}) =>
      History.open({ directory, keep: 30 * DAY, size: 4 * MIB, clock, reserve: 0, ...change });
    await check({ directory, clock, open });
  });
}

/** The files in a directory that end so, in order. */
export async function names(directory: string, ending: string): Promise<string[]> {
  const found = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
  return found.filter((name) => name.endsWith(ending)).sort();
}

/** Tells of `count` messages, a millisecond apart. */
export function tell(
  history: History,
  count: number,
  change: Partial<AcceptedFact> = {},
): AcceptedFact[] {
  const messages = Array.from({ length: count }, (_, i) => {
    const at = (change.at ?? BEGIN) + i;
    return accepted({ to: [`user${i}@example.net`], ...change, at, id: ulid(at) });
  });
  for (const message of messages) {
    for (const fact of [message, attempt(message), finished(message)]) history.take(fact);
  }
  return messages;
}

/** The ids of the messages that are found. */
export async function idsOf(history: History, query: Partial<MessageQuery>): Promise<string[]> {
  return (await history.find({ limit: 100, ...query })).messages.map(({ accepted }) => accepted.id);
}
