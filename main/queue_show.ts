/**
 * `queue show` and `queue explain`: one message, and its story.
 *
 * @module
 */
import { visible } from "../base/printable.ts";
import type { ControlClient, QueuedDetails } from "../control/client.ts";
import { Problem } from "../control/problem.ts";
import { type StoryEvent, storyText } from "../control/story_text.ts";
import { keptFacts, withKept } from "../control/story_kept.ts";
import { pathText, sizeText, untilText } from "../control/words.ts";
import type { StoryFact } from "../history/story.ts";
import {
  CommandError,
  type Context,
  jsonLine,
  must,
  OK,
  timeWriter,
  wholeId,
  wholeKnownId,
} from "./context.ts";
import type { Line } from "./queue_line.ts";
import { stoppedIn } from "./stopped.ts";
import type { Terminal } from "./terminal.ts";
import { wrapped } from "./text_width.ts";

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
  const id = await wholeKnownId(line.words[0]!, client);
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
