/**
 * What became of each recipient, as the facts of a message tell it. Recipients
 * that nothing is told of wait. Cannot fail.
 *
 * @module
 */
import { actorText } from "./actor.ts";
import { comparable } from "./keys.ts";
import type { AcceptedFact, AttemptFact, NoticeFact, Redirection, StoryFact } from "./story.ts";

/** What is known of one recipient. */
export interface RecipientFate {
  /** As accepted, or to which it was redirected last. */
  readonly address: string;
  /** The addresses it had before, the first one first; absent unless it was redirected. */
  readonly formerly?: readonly string[];
  /** `waiting`: no attempt is known; `failed`: given up. */
  readonly outcome: "waiting" | "delivered" | "deferred" | "failed" | "removed";
  /** When the last attempt ended, or it was given up or removed, ms since 1970; absent while it waits. */
  readonly at?: number;
  /** The reply or error that decided it, one line. */
  readonly reply?: string;
  /** The host that was tried. */
  readonly host?: string;
}

/** What became of the recipients of a message, in the order they were accepted in; those that were redirected follow. */
export function fatesOf(accepted: AcceptedFact, facts: readonly StoryFact[]): RecipientFate[] {
  const addresses = new Map(accepted.to.map((address) => [comparable(address), address]));
  const fates = [...addresses.values()].map((address): RecipientFate => ({
    address,
    outcome: "waiting",
  }));
  return facts.reduce(changed, fates);
}

function changed(fates: RecipientFate[], fact: StoryFact): RecipientFate[] {
  switch (fact.kind) {
    case "attempt":
      return attempted(fates, fact);
    case "notice":
      return fact.action === "failed" ? failed(fates, fact) : fates;
    case "steered": {
      const { at, by, action, redirected: redirections = [] } = fact;
      const after = redirected(fates, redirections);
      return action === "remove" ? removed(after, at, `removed by ${actorText(by)}`) : after;
    }
    case "accepted":
    case "waits":
    case "finished":
    case "refused":
    case "session":
      return fates;
    default:
      return fact satisfies never;
  }
}

/** Whether something may still become of it. */
function isOpen({ outcome }: RecipientFate): boolean {
  return outcome === "waiting" || outcome === "deferred";
}

function attempted(fates: readonly RecipientFate[], attempt: AttemptFact): RecipientFate[] {
  const { recipients, results, outcome, reply, host, took } = attempt;
  const common = { outcome: outcome === "mixed" ? "deferred" : outcome, reply } as const;
  const at = attempt.at + took;
  const tried = recipients.map((address, i): RecipientFate => ({
    ...{ address, ...results?.[i] ?? common, at, host },
  }));
  return told(fates, tried, (fate, news) => isOpen(fate) ? { ...fate, ...news } : fate);
}

/** The sender was told; what the host had said stays. */
function failed(
  fates: readonly RecipientFate[],
  { recipients, at, reason }: NoticeFact,
): RecipientFate[] {
  const news = recipients.map((address): RecipientFate => ({
    ...{ address, outcome: "failed", at, reply: reason },
  }));
  return told(fates, news, (fate, { reply, ...change }) => {
    const isOver = fate.outcome === "delivered" || fate.outcome === "removed";
    return isOver ? fate : { ...fate, ...change, reply: fate.reply ?? reply };
  });
}

/** With news of addresses, of which some may be unknown: of a redirection that no fact is kept of. */
function told(
  fates: readonly RecipientFate[],
  news: readonly RecipientFate[],
  change: (fate: RecipientFate, news: RecipientFate) => RecipientFate,
): RecipientFate[] {
  const byAddress = new Map(news.map((each) => [comparable(each.address), each]));
  const known = new Set<string>();
  const after = fates.map((fate) => {
    const key = comparable(fate.address);
    known.add(key);
    const its = byAddress.get(key);
    return its === undefined ? fate : change(fate, its);
  });
  const unknown = [...byAddress].filter(([key]) => !known.has(key));
  return [...after, ...unknown.map(([, each]) => each)];
}

function removed(fates: readonly RecipientFate[], at: number, reply: string): RecipientFate[] {
  return fates.map((fate) => {
    if (!isOpen(fate)) return fate;
    const { address, formerly } = fate;
    return { address, ...(formerly && { formerly }), outcome: "removed", at, reply };
  });
}

/** All at once, as in the queue. Two recipients that have one address from now on fare alike; what has become of one before stays. */
function redirected(
  fates: readonly RecipientFate[],
  redirections: readonly Redirection[],
): RecipientFate[] {
  const addresses = new Map(redirections.map(({ from, to }) => [comparable(from), to]));
  const moved: RecipientFate[] = [];
  const others: RecipientFate[] = [];
  for (const fate of fates) {
    const address = isOpen(fate) ? addresses.get(comparable(fate.address)) : undefined;
    const formerly = [...fate.formerly ?? [], fate.address];
    if (address === undefined) others.push(fate);
    else moved.push({ ...fate, address, formerly });
  }
  return [...others, ...moved];
}
