/**
 * Finds messages by what they are and by what became of them, at any time: mail that
 * was accepted two days ago may have been delivered yesterday. Messages of a time are
 * found by their acceptance, or by what happened to them later on; nothing is looked
 * into that is neither. What cannot be read is not found.
 *
 * @module
 */
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

/** What messages are looked for. Everything that is given has to hold. */
export interface MessageFilter extends Omit<FactQuery, "client"> {
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

/** The messages that are looked for, about in the order of their acceptance, the newest first. */
export async function* messages(
  files: FactFiles,
  filter: MessageFilter,
): AsyncGenerator<FoundMessage> {
  const seen = new Set<string>();
  for await (const id of candidates(files, filter)) {
    if (seen.has(id)) continue;
    seen.add(id);
    const facts = await storyOf(files, id, "until finished");
    const accepted = facts.find((fact) => fact.kind === "accepted");
    if (accepted === undefined || accepted.at >= (filter.until ?? Infinity)) continue;
    const recipients = fatesOf(accepted, facts);
    if (!isWanted({ accepted, recipients, facts }, filter)) continue;
    yield { accepted, recipients, finished: facts.find(({ kind }) => kind === "finished")?.at };
  }
}

/** The ids of all that may be looked for, the newest first. */
async function* candidates(files: FactFiles, filter: MessageFilter): AsyncGenerator<string> {
  const eventful = [...await eventfulIds(files, filter)].sort();
  if (!leavesTraces(filter.outcome)) {
    const { since = -Infinity } = filter;
    for await (const { id } of newest(files, { ...filter, since: since - PROMPT }, "accepted")) {
      while (eventful.length > 0 && eventful.at(-1)! > id) yield eventful.pop()!;
      yield id;
    }
  }
  yield* eventful.reverse();
}

/** The ids of messages to which something happened that is not told by their acceptance. */
async function eventfulIds(
  files: FactFiles,
  { to, outcome, since, until = Infinity }: MessageFilter,
): Promise<Set<string>> {
  const redirected = to === undefined
    ? new Set<string>()
    : await idsByKeys(files, [redirectionKey(to)], -Infinity, until);
  if (since === undefined && !leavesTraces(outcome)) return redirected;
  const begin = (since ?? -Infinity) - LONGEST_ATTEMPT;
  return redirected.union(await idsByKeys(files, eventKeys(to), begin, until));
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
  const { id, from, to, messageId, outcome, since = -Infinity, until = Infinity } = filter;
  const isThen = (at: number) => at >= since && at < until;
  if (!matches(accepted, { id, from, messageId })) return false;
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
