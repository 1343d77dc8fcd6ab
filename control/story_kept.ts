/**
 * The facts of a message as far as the message itself keeps them: for a story where
 * no history is kept, or it has forgotten. Pure; nothing here fails.
 *
 * @module
 */
import type { AcceptedFact, AttemptFact, StoryFact } from "../history/story.ts";
import type { Envelope } from "../message/envelope.ts";
import type { QueuedMessage } from "../queue/queue.ts";

/** What of a message its facts come from. */
export interface KeptMessage extends Pick<QueuedMessage, "id" | "arrived" | "size" | "history"> {
  readonly envelope: Pick<Envelope, "reversePath" | "recipients" | "client">;
}

/** How it came in, as far as it says so, and the latest attempts. */
export function keptFacts({ id, arrived, size, envelope, history }: KeptMessage): StoryFact[] {
  const { client, reversePath: from, recipients: to } = envelope;
  const accepted: AcceptedFact = {
    ...{ kind: "accepted", at: arrived, id, took: 0, client, from, to, size },
    decisions: [],
    ...(client.address === "" && { origin: "unknown" }),
  };
  const attempts = history.map(({ recipients, tls, ...attempt }): AttemptFact => ({
    ...{ kind: "attempt", id, ...attempt },
    recipients: recipients.map((index) => to[index] ?? "?"),
    ...(tls !== undefined && { tls: { policy: "not recorded", session: tls } }),
    stages: {},
    delivered: attempt.outcome === "delivered" ? recipients.length : 0,
  }));
  return [accepted, ...attempts];
}

/** A story with what the message keeps of its beginning, where the history has lost that or was not kept then. */
export function withKept(
  facts: readonly StoryFact[],
  message: KeptMessage,
): readonly StoryFact[] {
  if (facts.some(({ kind }) => kind === "accepted")) return facts;
  const attempts = new Set(facts.filter(({ kind }) => kind === "attempt").map(({ at }) => at));
  const missing = keptFacts(message).filter(({ at }) => !attempts.has(at));
  return [...missing, ...facts].sort((a, b) => a.at - b.at);
}
