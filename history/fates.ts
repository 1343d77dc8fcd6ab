/**
 * What became of each recipient, as the facts of a message tell it. Recipients
 * that nothing is told of wait. Cannot fail.
 *
 * @module
 */
import { comparable } from "./keys.ts";
import type { AcceptedFact, AttemptFact, StoryFact } from "./story.ts";

/** What is known of one recipient. */
export interface RecipientFate {
  /** As accepted, or as it was redirected. */
  readonly address: string;
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
        const { reply = fact.reason, host } = fates.get(comparable(address)) ?? {};
        fates.set(comparable(address), { address, outcome: "failed", at: fact.at, reply, host });
      }
      return;
    case "steered":
      if (fact.action === "remove") removed(fates, fact.at, `removed by ${fact.by}`);
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
    if (fates.get(comparable(address))?.outcome === "delivered") continue;
    fates.set(comparable(address), { address, ...result, at: attempt.at + took, host });
  }
}

function removed(fates: Map<string, RecipientFate>, at: number, reply: string): void {
  for (const [key, { address, outcome }] of fates) {
    if (outcome !== "waiting" && outcome !== "deferred") continue;
    fates.set(key, { address, outcome: "removed", at, reply });
  }
}
