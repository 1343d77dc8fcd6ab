/**
 * What every command that asks the API has, and how its problems end one: as a
 * {@linkcode CommandError} with a line for standard error and an exit status.
 *
 * @module
 */
import { escapeMisleading } from "../base/printable.ts";
import type { ControlClient } from "../control/client.ts";
import { Problem } from "../control/problem.ts";
import type { Terminal } from "./terminal.ts";
import { whenText } from "./when.ts";

/** Exit statuses. */
export const OK = 0;
export const FAILED = 1;
export const USAGE = 2;

/** What a command works with. */
export interface Context {
  readonly client: ControlClient;
  /** Whether a server has the spool; else it is worked on directly, and nothing is delivered. */
  readonly isServed: boolean;
  readonly terminal: Terminal;
  /** ms since 1970. */
  readonly now: number;
}

/** A command could not be done. */
export class CommandError extends Error {
  readonly status: number;

  constructor(message: string, status = FAILED) {
    super(message);
    this.name = "CommandError";
    this.status = status;
  }
}

/** An answer that is none is the end of the command. @throws {CommandError} */
export function must<T>(answer: T | Problem): T {
  if (answer instanceof Problem) throw commandError(answer);
  return answer;
}

/** A problem of the API in the words of the command line. */
function commandError({ code, message, place }: Problem): CommandError {
  if (code !== "bad_request") return new CommandError(message);
  const key = place.key?.split(".").at(-1);
  const flag = key?.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const isNamed = key !== undefined && message.startsWith(place.key!);
  const text = isNamed ? `--${flag}${message.slice(place.key!.length)}` : message;
  return new CommandError(text, USAGE);
}

/** JSON on one line, in characters that are what they seem. */
export function jsonLine(value: unknown): string {
  return escapeMisleading(JSON.stringify(value));
}

/** Writes moments for people. */
export function timeWriter({ now }: Pick<Context, "now">): (ms: number) => string {
  return (ms) => whenText(ms, now);
}

/** What a whole id looks like. */
const ID = /^[0-9A-Z]{26}$/;
/** Of so many messages that begin alike some are named. */
const NAMED = 3;

/**
 * The whole id of a message in the queue for one that may be shortened to how it begins.
 *
 * @throws {CommandError} when no message in the queue begins so, or several do
 */
export async function wholeId(text: string, client: ControlClient): Promise<string> {
  const start = startOf(text);
  const id = ID.test(start) ? start : await queuedId(start, client);
  if (id !== undefined) return id;
  throw new CommandError(`no message in the queue has an id that begins with ${start}`);
}

/**
 * The same for a message that may be gone: those in the queue come first.
 *
 * @throws {CommandError} when no message is known that begins so, or several do
 */
export async function wholeKnownId(text: string, client: ControlClient): Promise<string> {
  const start = startOf(text);
  if (ID.test(start)) return start;
  const id = await queuedId(start, client) ?? await pastId(start, client);
  if (id !== undefined) return id;
  const where = "neither in the queue nor in the history";
  throw new CommandError(`no message has an id that begins with ${start}, ${where}`);
}

/** How an id begins, as ids are written. @throws {CommandError} */
function startOf(text: string): string {
  const start = text.toUpperCase();
  if (/^[0-9A-Z]{1,26}$/.test(start)) return start;
  throw new CommandError(`"${text}" is no id`, USAGE);
}

/** @throws {CommandError} when several begin so */
async function queuedId(start: string, client: ControlClient): Promise<string | undefined> {
  const { messages, matched } = must(await client.list({ id: start, limit: NAMED }));
  if (matched > 1) throw ambiguous(start, messages.map(({ id }) => id), matched > NAMED);
  return messages[0]?.id;
}

/** @throws {CommandError} when several begin so */
async function pastId(start: string, client: ControlClient): Promise<string | undefined> {
  const found = await client.find({ id: start, limit: NAMED + 1 });
  if (found instanceof Problem && found.code === "not_available") return undefined;
  const ids = must(found).messages.map(({ accepted }) => accepted.id);
  if (ids.length > 1) throw ambiguous(start, ids.slice(0, NAMED), ids.length > NAMED);
  return ids[0];
}

function ambiguous(start: string, ids: readonly string[], areMore: boolean): CommandError {
  const some = ids.join(", ") + (areMore ? ", …" : "");
  return new CommandError(`several messages have ids that begin with ${start}: ${some}`);
}
