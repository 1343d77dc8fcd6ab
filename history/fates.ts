/**
 * What became of each recipient, as the facts of a message tell it. Recipients
 * that nothing is told of wait. Cannot fail.
 *
 * @module
 */
import { actorText } from "./actor.ts";
import { comparable } from "./keys.ts";
import type { AcceptedFact, AttemptFact, Redirection, StoryFact } from "./story.ts";

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

/** What became of the recipients of a message, in the order they were accepted in; those it was redirected to follow. */
export function fatesOf(accepted: AcceptedFact, facts: readonly StoryFact[]): RecipientFate[] {
  const fates = new Map<string, RecipientFate>();
  for (const address of accepted.to) {
    fates.set(comparable(address), { address, outcome: "waiting" });
  }
  for (const fact of facts) change(fates, fact);
  return [...fates.values()];
}

function change(fates: Map<string, RecipientFate>, fact: StoryFact): void {
  switch (fact.kind) {
    case "attempt":
      return attempted(fates, fact);
    case "notice":
      if (fact.action !== "failed") return;
      for (const address of fact.recipients) {
        const { reply = fact.reason, ...fate } = fates.get(comparable(address)) ?? {};
        const change = { address, outcome: "failed", at: fact.at, reply } as const;
        fates.set(comparable(address), { ...fate, ...change });
      }
      return;
    case "steered":
      for (const each of fact.redirected ?? []) redirected(fates, each);
      if (fact.action === "remove") removed(fates, fact.at, `removed by ${actorText(fact.by)}`);
      return;
    case "accepted":
    case "waits":
    case "finished":
    case "refused":
    case "session":
      return;
    default:
      fact satisfies never;
  }
}

function attempted(fates: Map<string, RecipientFate>, attempt: AttemptFact): void {
  const { recipients, results, outcome, reply, host, took } = attempt;
  for (const [i, address] of recipients.entries()) {
    const result = results?.[i] ?? { outcome: outcome === "mixed" ? "deferred" : outcome, reply };
    const before = fates.get(comparable(address));
    if (before?.outcome === "delivered") continue;
    fates.set(comparable(address), { ...before, address, ...result, at: attempt.at + took, host });
  }
}

function removed(fates: Map<string, RecipientFate>, at: number, reply: string): void {
  for (const [key, { address, formerly, outcome }] of fates) {
    if (outcome !== "waiting" && outcome !== "deferred") continue;
    fates.set(key, { address, ...(formerly && { formerly }), outcome: "removed", at, reply });
  }
}

/** Two recipients that have one address from now on fare alike. */
function redirected(fates: Map<string, RecipientFate>, { from, to }: Redirection): void {
  const fate = fates.get(comparable(from));
  if (fate === undefined || fate.outcome === "delivered" || fate.outcome === "failed") return;
  fates.delete(comparable(from));
  const { formerly = [] } = fates.get(comparable(to)) ?? {};
  const before = [...formerly, ...fate.formerly ?? [], fate.address];
  fates.set(comparable(to), { ...fate, address: to, formerly: before });
}
