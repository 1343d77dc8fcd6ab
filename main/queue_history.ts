/**
 * `queue history`: what became of messages, also of those that are gone, and with
 * `--refused` what was never let in.
 *
 * @module
 */
import { isoTime } from "../base/iso_time.ts";
import { ConfigError } from "../config/source.ts";
import type { FindRequest, RefusalsRequest } from "../control/client.ts";
import { countText, pathText } from "../control/words.ts";
import type { RecipientFate } from "../history/fates.ts";
import type { RefusedFact } from "../history/story.ts";
import type { FindingsAnswer } from "../control/routes/history.ts";
import { CommandError, type Context, jsonLine, must, OK, timeWriter } from "./context.ts";
import { type Line, numberOf, valueOf } from "./queue_line.ts";
import { type Column, tabbedLine, tableLines } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { parseDay, parseWhen } from "./when.ts";

/** One recipient of a message that was found. */
interface Found extends RecipientFate {
  readonly id: string;
  readonly accepted: number;
  readonly from: string;
  readonly subject: string;
}

/** The most messages that the history gives. */
const MOST = 1000;

/** Finds messages. @throws {CommandError} @throws {ConfigError} for a time that is none */
export async function searchHistory(line: Line, context: Context): Promise<number> {
  checkKind(line);
  if (line.switches.has("refused")) return await searchRefusals(line, context);
  const { client, terminal, now } = context;
  const limit = numberOf(line, "limit", MOST) ?? 100;
  const request = { ...findRequest(line, now), limit };
  const findings = must(await client.find(request));
  const { messages } = findings;
  if (line.switches.has("json")) {
    await terminal.lines(messages.map(jsonLine));
    return await ended(findings, terminal);
  }
  const isMeant = recipientTest(request);
  const rows = messages.flatMap(({ accepted, recipients }): Found[] => {
    const { id, at, from, subject = "" } = accepted;
    return recipients.filter(isMeant).map((fate) => ({ ...fate, id, accepted: at, from, subject }));
  });
  const found = { rows, count: messages.length, limit, what: "message" };
  await tellFound(found, foundColumns(timeWriter(context)), terminal);
  return await ended(findings, terminal);
}

/** A search that was not gone through with is not taken for one that was. @throws {CommandError} */
async function ended({ lookedBackTo }: FindingsAnswer, terminal: Terminal): Promise<number> {
  if (lookedBackTo === undefined) return OK;
  await terminal.flush();
  const until = isoTime(lookedBackTo);
  throw new CommandError(
    `that was too much to look at: only what was accepted since ${until} was; ` +
      `--until ${until} goes on from there, --from, --to and --since make it less`,
  );
}

async function searchRefusals(line: Line, { client, terminal, now }: Context): Promise<number> {
  const limit = numberOf(line, "limit", MOST) ?? 100;
  const { refusals } = must(await client.refusals(refusalsRequest(line, now, limit)));
  if (line.switches.has("json")) {
    await terminal.lines(refusals.map(jsonLine));
    return OK;
  }
  const found = { rows: refusals, count: refusals.length, limit, what: "refusal" };
  await tellFound(found, refusalColumns(timeWriter({ now })), terminal);
  return OK;
}

function refusalsRequest(line: Line, now: number, limit: number): RefusalsRequest {
  const text = (name: string) => valueOf(line, name);
  return {
    ...{ from: text("from"), to: text("to"), id: text("id"), client: text("client") },
    ...spanOf(line, now),
    limit,
  };
}

/** Of what was refused there is neither a Message-ID nor an outcome, and of a message no client to be found by. @throws {ConfigError} */
function checkKind(line: Line): void {
  const isRefused = line.switches.has("refused");
  const strange = isRefused ? ["message-id", "outcome"] : ["client"];
  const problems = strange.filter((name) => line.values.has(name))
    .map((name) => `--${name}: ${isRefused ? "not" : "only"} with --refused`);
  if (problems.length > 0) throw new ConfigError(problems);
}

/** What was found, as rows of a table. */
interface Findings<T> {
  readonly rows: readonly T[];
  /** How many of `what` these are, and how many there are to be at most. */
  readonly count: number;
  readonly limit: number;
  readonly what: string;
}

async function tellFound<T>(
  { rows, count, limit, what }: Findings<T>,
  columns: readonly Column<T>[],
  terminal: Terminal,
): Promise<void> {
  if (terminal.width === undefined) {
    await terminal.lines(rows.map((row) => tabbedLine(row, columns)));
  } else if (count === 0) {
    await terminal.line(`The history knows of no such ${what}.`);
  } else {
    const [titles = "", ...texts] = tableLines(rows, columns, terminal.width);
    await terminal.lines([terminal.strong(titles), ...texts]);
    const more = count === limit ? "; there may be more: --limit, --until" : "";
    await terminal.text(countText(count, what) + more, terminal.faint);
  }
}

/** With a recipient or an outcome asked for, the others of its messages are left out. */
function recipientTest({ to, outcome }: FindRequest): (fate: RecipientFate) => boolean {
  const isTo = addressTest(to);
  return (fate) =>
    (outcome === undefined || fate.outcome === outcome) &&
    [fate.address, ...fate.formerly ?? []].some(isTo);
}

function addressTest(to: string | undefined): (address: string) => boolean {
  if (to === undefined) return () => true;
  const wanted = to.toLowerCase();
  const end = wanted.startsWith("*@") ? wanted.slice(1) : undefined;
  // A domain may be written in two ways (RFC 5891), so with others than ASCII all are shown.
  // deno-lint-ignore no-control-regex
  if (/[^\x00-\x7f]|@xn--|\.xn--/.test(wanted)) return () => true;
  return (address) =>
    end === undefined ? address.toLowerCase() === wanted : address.toLowerCase().endsWith(end);
}

function findRequest(line: Line, now: number): FindRequest {
  const text = (name: string) => valueOf(line, name);
  return {
    ...{ from: text("from"), to: text("to"), id: text("id")?.toUpperCase() },
    ...{ messageId: text("message-id"), outcome: text("outcome") },
    ...spanOf(line, now),
  };
}

/** What a command line says of times. @throws {ConfigError} for a time that is none */
function spanOf(line: Line, now: number): { since?: number; until?: number } {
  const text = (name: string) => valueOf(line, name);
  const day = momentOf("on", text("on"), (value) => parseDay(value, now));
  const moment = (name: string) => momentOf(name, text(name), (value) => parseWhen(value, now));
  if (day !== undefined && (text("since") ?? text("until")) !== undefined) {
    throw new ConfigError(["--on: not with --since and --until"]);
  }
  return { since: day?.since ?? moment("since"), until: day?.until ?? moment("until") };
}

function momentOf<T>(
  flag: string,
  text: string | undefined,
  parse: (text: string) => T,
): T | undefined {
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ConfigError([`--${flag} "${text}": ${error.message}`]);
  }
}

/** For programs: accepted, id, sender, recipient, outcome, when that was, host, reply, subject. */
function foundColumns(time: (ms: number) => string): readonly Column<Found>[] {
  return [
    {
      title: "ACCEPTED",
      cell: ({ accepted }) => time(accepted),
      full: ({ accepted }) => isoTime(accepted),
    },
    { title: "ID", cell: ({ id }) => id },
    { title: "FROM", cell: ({ from }) => pathText(from), least: 12, rank: 2 },
    { title: "TO", cell: ({ address }) => address, least: 12, rank: 4 },
    { title: "OUTCOME", cell: ({ outcome }) => outcome },
    {
      title: "AT",
      cell: ({ at }) => at === undefined ? "" : time(at),
      full: ({ at }) => at === undefined ? "" : isoTime(at),
      hidden: true,
    },
    { title: "HOST", cell: ({ host }) => host ?? "", least: 12, rank: 1 },
    { title: "REPLY", cell: ({ reply }) => reply ?? "", least: 12, rank: 3 },
    { title: "SUBJECT", cell: ({ subject }) => subject, hidden: true },
  ];
}

/** For programs: when, session, client, HELO, user, sender, recipient, reply, about what, rule. */
function refusalColumns(time: (ms: number) => string): readonly Column<RefusedFact>[] {
  return [
    { title: "WHEN", cell: ({ at }) => time(at), full: ({ at }) => isoTime(at) },
    { title: "SESSION", cell: ({ id }) => id, hidden: true },
    { title: "CLIENT", cell: ({ client }) => client.address },
    { title: "HELO", cell: ({ client }) => client.helo, least: 12, rank: 1 },
    { title: "USER", cell: ({ client }) => client.user ?? "", hidden: true },
    {
      title: "FROM",
      cell: ({ from }) => from === undefined ? "" : pathText(from),
      least: 12,
      rank: 3,
    },
    { title: "TO", cell: ({ to }) => to ?? "", least: 12, rank: 4 },
    { title: "REPLY", cell: ({ reply }) => reply ?? "hung up on", least: 16, rank: 5 },
    { title: "ABOUT", cell: ({ decision }) => decision.about, hidden: true },
    { title: "RULE", cell: ({ decision }) => decision.rule, least: 12, rank: 2 },
  ];
}
