/**
 * Finds messages by what they are and by what became of them, at any time: mail that
 * was accepted two days ago may have been delivered yesterday. Messages of a time are
 * found by their acceptance, or by what happened to them later on; nothing is looked
 * into that is neither. What cannot be read is not found.
 *
 * @module
 */
import type { Pace } from "../base/slices.ts";
import { arrivalOf, arrivalsOf, isId } from "../queue/id.ts";
import type { FactFiles } from "./fact_files.ts";
import { fatesOf, type RecipientFate } from "./fates.ts";
import {
  comparable,
  eventKeys,
  type FactQuery,
  isLike,
  matches,
  PROMPT,
  redirectionKey,
} from "./keys.ts";
import { idsByKeys, newest, storyOf } from "./search.ts";
import type { AcceptedFact, StoryFact } from "./story.ts";

/** Facts of attempts are of the time when these began: an attempt takes no longer than this. ms. */
const LONGEST_ATTEMPT = 3_600_000;

/** A message's acceptance is told with the time at which its id was made, or one that is not as far from it as this. ms. */
const ID_DRIFT = 60_000;

/** So many times as many messages are found by what happened to them as are looked at. */
const EVENTS = 10;

/** What messages are looked for. Everything that is given has to hold. */
export interface MessageFilter extends Omit<FactQuery, "client"> {
  /** The message's id, or how it begins. */
  readonly id?: string;
  /** A recipient as accepted, or to which it was redirected; `*@example.org` is any in that domain. */
  readonly to?: string;
  /** What became of such a recipient, as far as is known. */
  readonly outcome?: RecipientFate["outcome"];
  /**
   * Not before, and before, ms since 1970: that it was accepted, or that something
   * happened to such a recipient; with an outcome, that this became of it (of one that
   * waits: that it was accepted).
   */
  readonly since?: number;
  readonly until?: number;
}

/** A message of the history. */
export interface FoundMessage {
  /** How it was accepted. */
  readonly accepted: AcceptedFact;
  /** What is known of each recipient. */
  readonly recipients: readonly RecipientFate[];
  /** When it was finished, ms since 1970; absent while it is in the queue. */
  readonly finished?: number;
}

/** What a search found. */
export interface Findings {
  /** About in the order of their acceptance, the newest first. */
  readonly messages: readonly FoundMessage[];
  /** The acceptance of the last message that was looked at, ms since 1970, where the search ended before it was through. */
  readonly lookedBackTo?: number;
}

/** How far a search goes. */
export interface SearchExtent {
  /** Messages to find at most. */
  readonly limit: number;
  /** Messages to look at at most. */
  readonly most: number;
  readonly pace: Pace;
}

/** Finds messages. @throws {DOMException} when the pace's signal ends it */
export async function findMessages(
  files: FactFiles,
  filter: MessageFilter,
  { limit, most, pace }: SearchExtent,
): Promise<Findings> {
  const messages: FoundMessage[] = [];
  const seen = new Set<string>();
  let last = "";
  for await (const id of candidates(files, filter, { most, pace })) {
    if (messages.length >= limit) break;
    if (seen.has(id)) continue;
    if (seen.size >= most) return { messages, lookedBackTo: arrivalOf(last) };
    seen.add(last = id);
    await pace.keep();
    const message = await lookAt(files, id, filter);
    if (message !== undefined) messages.push(message);
  }
  return { messages };
}

/** A message, if it is one that is looked for. */
async function lookAt(
  files: FactFiles,
  id: string,
  filter: MessageFilter,
): Promise<FoundMessage | undefined> {
  const facts = await storyOf(files, id, "until finished");
  const accepted = facts.find((fact) => fact.kind === "accepted");
  if (accepted === undefined || accepted.at >= (filter.until ?? Infinity)) return undefined;
  const recipients = fatesOf(accepted, facts);
  if (!isWanted({ accepted, recipients, facts }, filter)) return undefined;
  return { accepted, recipients, finished: facts.find(({ kind }) => kind === "finished")?.at };
}

/** The ids of all that may be looked for, the newest first, and more than `most` where there are. */
async function* candidates(
  files: FactFiles,
  filter: MessageFilter,
  extent: Omit<SearchExtent, "limit">,
): AsyncGenerator<string> {
  if (filter.id !== undefined && !isId(filter.id)) {
    return yield* idsThatBegin(files, filter.id, extent.pace);
  }
  const eventful = [...await eventfulIds(files, filter, extent)].sort();
  if (!leavesTraces(filter.outcome)) {
    const { since = -Infinity } = filter;
    for await (const { id } of newest(files, { ...filter, since: since - PROMPT }, "accepted")) {
      while (eventful.length > 0 && eventful.at(-1)! > id) yield eventful.pop()!;
      yield id;
    }
  }
  yield* eventful.reverse();
}

/** The ids of accepted messages that begin so, the newest first: the first part of an id is its time. */
async function* idsThatBegin(
  files: FactFiles,
  start: string,
  pace: Pace,
): AsyncGenerator<string> {
  const { since, until } = arrivalsOf(start);
  const times = { since: since - ID_DRIFT, until: until + ID_DRIFT };
  for await (const { id } of newest(files, times, "accepted")) {
    await pace.keep();
    if (id.startsWith(start)) yield id;
  }
}

/** The ids of messages to which something happened that is not told by their acceptance. */
async function eventfulIds(
  files: FactFiles,
  { to, outcome, since, until = Infinity }: MessageFilter,
  { most, pace }: Omit<SearchExtent, "limit">,
): Promise<Set<string>> {
  // Of those with the latest events the ones accepted last are looked at.
  const extent = { most: most * EVENTS, pace };
  const redirected = to === undefined
    ? new Set<string>()
    : await idsByKeys(files, [redirectionKey(to)], { until, ...extent });
  if (since === undefined && !leavesTraces(outcome)) return redirected;
  const begin = (since ?? -Infinity) - LONGEST_ATTEMPT;
  return redirected.union(
    await idsByKeys(files, eventKeys(to), { since: begin, until, ...extent }),
  );
}

/** Whether an outcome never comes about without something out of the ordinary. */
function leavesTraces(outcome: RecipientFate["outcome"] | undefined): boolean {
  return outcome === "deferred" || outcome === "failed" || outcome === "removed";
}

/** A message that may be one. */
interface Candidate {
  readonly accepted: AcceptedFact;
  readonly recipients: readonly RecipientFate[];
  readonly facts: readonly StoryFact[];
}

function isWanted({ accepted, recipients, facts }: Candidate, filter: MessageFilter): boolean {
  const { id = "", from, to, messageId, outcome, since = -Infinity, until = Infinity } = filter;
  const isThen = (at: number) => at >= since && at < until;
  if (!accepted.id.startsWith(id) || !matches(accepted, { from, messageId })) return false;
  const meant = recipients.filter((fate) => to === undefined || isOf(fate, to));
  if (outcome !== undefined) {
    return meant.some((fate) => fate.outcome === outcome && isThen(fate.at ?? accepted.at));
  }
  return meant.length > 0 &&
    (isThen(accepted.at) || facts.some((fact) => isThen(fact.at) && concerns(fact, meant)) ||
      meant.some(({ at }) => at !== undefined && isThen(at)));
}

function isOf({ address, formerly = [] }: RecipientFate, pattern: string): boolean {
  return isLike(address, pattern) || formerly.some((each) => isLike(each, pattern));
}

/** Whether something happened to one of these recipients by a fact. */
function concerns(fact: StoryFact, meant: readonly RecipientFate[]): boolean {
  switch (fact.kind) {
    case "attempt":
    case "notice": {
      const addresses = meant.flatMap(({ address, formerly = [] }) => [address, ...formerly]);
      const told = new Set(fact.recipients.map(comparable));
      return addresses.some((address) => told.has(comparable(address)));
    }
    case "steered":
      return true;
    case "accepted":
    case "waits":
    case "finished":
    case "refused":
    case "session":
      return false;
    default:
      return fact satisfies never;
  }
}
