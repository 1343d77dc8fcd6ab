/**
 * `queue list` and `queue summary`.
 *
 * @module
 */
import type { ListRequest, QueueEntry } from "../control/client.ts";
import type { SummaryAnswer } from "../control/routes/summary.ts";
import { countText, listText, pathText, sizeText, spanText, untilText } from "../control/words.ts";
import { type Context, jsonLine, must, OK } from "./context.ts";
import { filterOf } from "./queue_filter.ts";
import { type Line, numberOf, valueOf } from "./queue_line.ts";
import { type Stopped, stoppedIn, tellStopped } from "./stopped.ts";
import { type Column, tabbedLine, tableLines } from "./table.ts";

/** Messages on a terminal, where nothing else is said. */
const SHOWN = 100;
/** The most the API gives in one page. */
const LONGEST_PAGE = 1000;

/** Lists. @throws {CommandError} */
export async function listQueue(line: Line, context: Context): Promise<number> {
  const { client, terminal, now } = context;
  const request = requestOf(line);
  const columns = entryColumns(now);
  const { width } = terminal;
  if (line.switches.has("json") || width === undefined) {
    const text = line.switches.has("json")
      ? jsonLine
      : (entry: QueueEntry) => tabbedLine(entry, columns);
    for await (const entry of client.listAll(request)) await terminal.line(text(must(entry)));
    return OK;
  }
  await tellStopped(await stoppedIn(context), context);
  const limit = request.limit ?? SHOWN;
  const page = must(await client.list({ ...request, limit: Math.min(limit, LONGEST_PAGE) }));
  const entries = limit <= LONGEST_PAGE ? page.messages : await allOf(context, request);
  if (page.matched === 0) await terminal.line(noneText(line));
  else {
    const [titles = "", ...rows] = tableLines(entries, columns, width);
    await terminal.lines([terminal.strong(titles), ...rows]);
    await terminal.text(restText(entries.length, page.matched), terminal.faint);
  }
  return OK;
}

function requestOf(line: Line): ListRequest {
  const filter = filterOf(line) ?? {};
  const sort = valueOf(line, "sort") as ListRequest["sort"];
  const limit = numberOf(line, "limit");
  return {
    ...filter,
    ...(sort !== undefined && { sort }),
    ...(line.switches.has("reverse") && { order: "desc" }),
    ...(limit !== undefined && { limit }),
  };
}

async function allOf({ client }: Context, request: ListRequest): Promise<QueueEntry[]> {
  const entries: QueueEntry[] = [];
  for await (const entry of client.listAll(request)) entries.push(must(entry));
  return entries;
}

function noneText(line: Line): string {
  return filterOf(line) === undefined ? "The queue is empty." : "No message in the queue matches.";
}

function restText(shown: number, matched: number): string {
  const all = countText(matched, "message");
  return shown < matched ? `${shown} of ${all}; --limit shows more` : all;
}

function isoText(ms: number): string {
  return new Date(ms).toISOString();
}

/** For programs: id, state, arrived, due, attempts, size, sender, recipients, next hop, last error. */
function entryColumns(now: number): readonly Column<QueueEntry>[] {
  return [
    { title: "ID", cell: ({ id }) => id },
    { title: "STATE", cell: ({ state }) => state },
    {
      title: "AGE",
      cell: ({ arrived }) => spanText(now - arrived),
      full: ({ arrived }) => isoText(arrived),
      rank: 6,
    },
    {
      title: "NEXT",
      cell: (entry) => nextText(entry, now),
      full: ({ due }) => due === undefined ? "" : isoText(due),
      rank: 4,
    },
    { title: "TRIES", cell: ({ attempts }) => String(attempts), rank: 2 },
    {
      title: "SIZE",
      cell: ({ size }) => sizeText(size),
      full: ({ size }) => String(size),
      rank: 1,
    },
    { title: "FROM", cell: ({ reversePath }) => pathText(reversePath), least: 14, rank: 3 },
    {
      title: "TO",
      cell: ({ recipients }) => listText(recipients, 1),
      full: ({ recipients }) => recipients.join(","),
      least: 14,
    },
    { title: "NEXT HOP", cell: ({ nextHop }) => nextHop ?? "", hidden: true },
    { title: "LAST ERROR", cell: ({ lastError }) => lastError ?? "", least: 12, rank: 5 },
  ];
}

/** When it is tried next; a parked one by no clock of its own. */
function nextText({ state, due, parked, hostFailure }: QueueEntry, now: number): string {
  if (state === "active" || due === undefined) return "";
  if (parked) return hostFailure ? "when it answers" : "in turn";
  return due <= now ? "now" : untilText(due, now);
}

type Destination = SummaryAnswer["destinations"][number];

/** Summarizes. @throws {CommandError} */
export async function summarizeQueue(line: Line, context: Context): Promise<number> {
  const { client, terminal, now } = context;
  const summary = must(await client.summary(numberOf(line, "limit")));
  const stopped = await stoppedIn(context);
  if (line.switches.has("json")) {
    await terminal.line(jsonLine({ ...summary, ...stopped }));
    return OK;
  }
  const columns = destinationColumns(now, stopped);
  if (terminal.width === undefined) {
    await terminal.lines(summary.destinations.map((row) => tabbedLine(row, columns)));
    return OK;
  }
  await tellStopped(stopped, context);
  if (summary.destinations.length > 0) {
    const [titles = "", ...rows] = tableLines(summary.destinations, columns, terminal.width);
    await terminal.lines([terminal.strong(titles), ...rows]);
  }
  await terminal.text(countsText(summary), terminal.faint);
  return OK;
}

function countsText({ counts, more }: SummaryAnswer): string {
  const { messages, active, incoming, deferred, scheduled, captured } = counts;
  const states = { active, incoming, deferred, scheduled, held: counts.held, captured };
  const parts = Object.entries(states).filter(([, n]) => n > 0).map(([name, n]) => `${n} ${name}`);
  const all = messages === 0 ? "The queue is empty" : countText(messages, "message");
  const which = parts.length > 0 ? `: ${parts.join(", ")}` : "";
  const rest = more > 0 ? `; ${countText(more, "more destination")}, see --limit` : "";
  return `${all}${which}${rest}`;
}

/** For programs: destination, messages, octets, oldest, due, whether it is held or resting until when, last error. */
function destinationColumns(
  now: number,
  { allHeld, heldDomains }: Stopped,
): readonly Column<Destination>[] {
  const isHeld = ({ destination }: Destination) => allHeld || heldDomains.includes(destination);
  return [
    { title: "DESTINATION", cell: ({ destination }) => destination, least: 20 },
    { title: "MESSAGES", cell: ({ messages }) => String(messages) },
    {
      title: "SIZE",
      cell: ({ size }) => sizeText(size),
      full: ({ size }) => String(size),
      rank: 1,
    },
    {
      title: "OLDEST",
      cell: ({ oldest }) => spanText(now - oldest),
      full: ({ oldest }) => isoText(oldest),
    },
    {
      title: "NEXT",
      cell: (row) => nextForText(row, now),
      full: ({ due }) => due === undefined ? "" : isoText(due),
      rank: 2,
    },
    {
      title: "STATE",
      cell: (row) => isHeld(row) ? "held" : deliveryText(row, (ms) => untilText(ms, now)),
      full: (row) => isHeld(row) ? "held" : deliveryText(row, isoText),
      rank: 3,
    },
    { title: "LAST ERROR", cell: ({ lastError }) => lastError ?? "", least: 16, rank: 4 },
  ];
}

/** When it is tried next: the rest of a destination is that of its messages too. */
function nextForText({ due, until, messages, states }: Destination, now: number): string {
  const next = until ?? due;
  if (next === undefined) return messages > (states.held ?? 0) ? "in turn" : "";
  return next <= now ? "now" : untilText(next, now);
}

/** How delivery to a destination is doing, where that is worth a word. */
function deliveryText({ delivery, until }: Destination, time: (ms: number) => string): string {
  if (delivery === undefined || delivery === "idle" || delivery === "open") return "";
  return until === undefined ? delivery : `${delivery}, ends ${time(until)}`;
}
