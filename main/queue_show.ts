/**
 * `queue show`, `queue explain` and `queue history`: one message, its story, and what
 * became of messages before.
 *
 * @module
 */
import { visible } from "../base/printable.ts";
import { ConfigError } from "../config/source.ts";
import type { ControlClient, FindRequest, QueuedDetails } from "../control/client.ts";
import { Problem } from "../control/problem.ts";
import { type StoryEvent, storyText } from "../control/story_text.ts";
import { keptFacts, withKept } from "../control/story_kept.ts";
import { countText, pathText, sizeText, untilText } from "../control/words.ts";
import type { RecipientFate } from "../history/fates.ts";
import type { StoryFact } from "../history/story.ts";
import { CommandError, type Context, jsonLine, must, OK, timeWriter, wholeId } from "./context.ts";
import { type Line, numberOf, valueOf } from "./queue_line.ts";
import { stoppedIn } from "./stopped.ts";
import { type Column, tabbedLine, tableLines } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { wrapped } from "./text_width.ts";
import { parseDay, parseWhen } from "./when.ts";

/** Shows one message. @throws {CommandError} */
export async function showMessage(line: Line, context: Context): Promise<number> {
  const { client, terminal } = context;
  const id = await wholeId(line.words[0]!, client);
  if (line.switches.has("raw")) {
    const content = must(await client.content(id));
    for await (const chunk of content) await terminal.octets(chunk);
    return OK;
  }
  const message = must(await client.get(id));
  if (line.switches.has("json")) {
    await terminal.line(jsonLine(message));
    return OK;
  }
  await showEnvelope(message, context);
  await terminal.line("");
  for (const text of message.header.split(/\r?\n/)) {
    await terminal.line(visible(text.replaceAll("\t", "    ")));
  }
  return OK;
}

async function showEnvelope(message: QueuedDetails, context: Context): Promise<void> {
  const { terminal, now } = context;
  const time = timeWriter(context);
  const { id, state, arrived, size, envelope, nextHop, recipients } = message;
  const say = (label: string, text: string) =>
    terminal.labelled(label && `${label}:`, visible(text));
  await say("message", id);
  await say("state", state);
  await say("arrived", `${time(arrived)} (${untilText(arrived, now)})`);
  await say("size", sizeText(size));
  await say("from", pathText(envelope.reversePath));
  if (nextHop !== undefined) await say("next hop", nextHop);
  for (const { address, status, attempts, nextAttempt, lastError } of recipients) {
    await say("to", `${address}: ${status}${attempts > 0 ? `, tried ${attempts} ×` : ""}`);
    if (status === "waiting" && nextAttempt > now) await say("", `next at ${time(nextAttempt)}`);
    if (lastError !== undefined && status !== "delivered") await say("", lastError.text);
  }
}

/** Tells a message's story. @throws {CommandError} */
export async function explainMessage(line: Line, context: Context): Promise<number> {
  const { client, terminal, now } = context;
  const id = await wholeId(line.words[0]!, client);
  const found = await client.get(id);
  const message = found instanceof Problem ? undefined : found;
  if (found instanceof Problem && found.code !== "not_found") must(found);
  const facts = await factsOf(id, message, client);
  const present = message && { ...message, ...await stoppedIn(context) };
  const time = timeWriter(context);
  const story = storyText(facts, { now, time, ...(present && { present }) });
  if (line.switches.has("json")) {
    await terminal.line(jsonLine({ id, answer: story.answer.text, facts }));
    return OK;
  }
  const { tone, text } = story.answer;
  await terminal.text(visible(text), (part) => terminal.strong(terminal.toned(tone, part)));
  for (const event of story.events) await tellEvent(event, time, terminal);
  return OK;
}

/** What is kept of it: by the history, or else in the message itself. @throws {CommandError} when nothing is */
async function factsOf(
  id: string,
  message: QueuedDetails | undefined,
  client: ControlClient,
): Promise<readonly StoryFact[]> {
  const story = await client.story(id);
  if (!(story instanceof Problem)) return message ? withKept(story.facts, message) : story.facts;
  if (story.code !== "not_found" && story.code !== "not_available") must(story);
  if (message !== undefined) return keptFacts(message);
  throw new CommandError(`${id} is not in the queue, and ${story.message}`);
}

async function tellEvent(
  { at, tone, title, lines }: StoryEvent,
  time: (ms: number) => string,
  terminal: Terminal,
): Promise<void> {
  await terminal.line("");
  const when = `${time(at)}  `;
  const titles = wrapped(visible(title), terminal.room - when.length);
  for (const [i, part] of titles.entries()) {
    const left = i === 0 ? terminal.faint(when) : " ".repeat(when.length);
    await terminal.line(left + terminal.toned(tone, terminal.strong(part)));
  }
  for (const { label, text } of lines) {
    await terminal.labelled(label && `  ${label}:`, visible(text));
  }
}

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
  const { client, terminal, now } = context;
  const limit = numberOf(line, "limit", MOST) ?? 100;
  const request = { ...findRequest(line, now), limit };
  const { messages } = must(await client.find(request));
  if (line.switches.has("json")) {
    await terminal.lines(messages.map(jsonLine));
    return OK;
  }
  const isMeant = recipientTest(request);
  const rows = messages.flatMap(({ accepted, recipients }): Found[] => {
    const { id, at, from, subject = "" } = accepted;
    return recipients.filter(isMeant).map((fate) => ({ ...fate, id, accepted: at, from, subject }));
  });
  const columns = foundColumns(timeWriter(context));
  if (terminal.width === undefined) {
    await terminal.lines(rows.map((row) => tabbedLine(row, columns)));
  } else if (messages.length === 0) {
    await terminal.line("The history knows of no such message.");
  } else {
    const [titles = "", ...texts] = tableLines(rows, columns, terminal.width);
    await terminal.lines([terminal.strong(titles), ...texts]);
    const more = messages.length === limit ? "; there may be more: --limit, --until" : "";
    await terminal.text(countText(messages.length, "message") + more, terminal.faint);
  }
  return OK;
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
  const day = momentOf("on", text("on"), (value) => parseDay(value, now));
  const moment = (name: string) => momentOf(name, text(name), (value) => parseWhen(value, now));
  if (day !== undefined && (text("since") ?? text("until")) !== undefined) {
    throw new ConfigError(["--on: not with --since and --until"]);
  }
  return {
    from: text("from"),
    to: text("to"),
    id: text("id"),
    messageId: text("message-id"),
    outcome: text("outcome"),
    since: day?.since ?? moment("since"),
    until: day?.until ?? moment("until"),
  };
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
  const iso = (ms: number) => new Date(ms).toISOString();
  return [
    {
      title: "ACCEPTED",
      cell: ({ accepted }) => time(accepted),
      full: ({ accepted }) => iso(accepted),
    },
    { title: "ID", cell: ({ id }) => id },
    { title: "FROM", cell: ({ from }) => pathText(from), least: 12, rank: 2 },
    { title: "TO", cell: ({ address }) => address, least: 12, rank: 4 },
    { title: "OUTCOME", cell: ({ outcome }) => outcome },
    {
      title: "AT",
      cell: ({ at }) => at === undefined ? "" : time(at),
      full: ({ at }) => at === undefined ? "" : iso(at),
      hidden: true,
    },
    { title: "HOST", cell: ({ host }) => host ?? "", least: 12, rank: 1 },
    { title: "REPLY", cell: ({ reply }) => reply ?? "", least: 12, rank: 3 },
    { title: "SUBJECT", cell: ({ subject }) => subject, hidden: true },
  ];
}
