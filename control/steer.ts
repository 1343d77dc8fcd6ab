/**
 * Steers one message and tells it. A message that is removed is never seen again by
 * who delivers, so its end is told here as well. What cannot be made durable is
 * thrown, and told by nobody.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { FinishedFact, Redirection, StoryTaker } from "../history/story.ts";
import type { Queue, QueuedMessage, Steering, SteerOutcome } from "../queue/queue.ts";

/** What is to be done. */
export interface SteerOrder {
  readonly steering: Steering;
  /** Who wants it. */
  readonly by: string;
  /** The particulars, one line. */
  readonly detail?: string;
  /** How long a message that is being delivered is waited for, ms; 0 by default. */
  readonly wait?: number;
}

/** Where a message is, and who is told. */
export interface Steered {
  readonly queue: Pick<Queue, "steer" | "overview">;
  readonly stories: StoryTaker;
  readonly clock: Clock;
}

/** Steers a message; what is done is told. @throws {QueueError} as {@linkcode Queue.steer} does */
export async function steerAndTell(
  { queue, stories, clock }: Steered,
  id: string,
  { steering, by, detail, wait }: SteerOrder,
): Promise<SteerOutcome> {
  const redirected = redirectionsOf(steering, queue.overview(id)?.recipients ?? []);
  const ends: FinishedFact[] = [];
  const onRemoved = (message: QueuedMessage) => ends.push(endOf(message, clock.now()));
  const change = steering.kind === "remove" ? { ...steering, onRemoved } : steering;
  const outcome = await queue.steer(id, change, wait);
  if (outcome !== "done") return outcome;
  const action = steering.kind;
  const particulars = { ...(detail && { detail }), ...(redirected.length > 0 && { redirected }) };
  stories.take({ kind: "steered", at: clock.now(), id, action, by, ...particulars });
  for (const end of ends) stories.take(end);
  return outcome;
}

/** Which of a message's recipients have another address then. */
function redirectionsOf(steering: Steering, recipients: readonly string[]): Redirection[] {
  if (steering.kind !== "redirect" || steering.recipients === undefined) return [];
  const redirections: Redirection[] = [];
  for (const from of recipients) {
    const to = steering.recipients.get(from);
    if (to !== undefined) redirections.push({ from, to });
  }
  return redirections;
}

/** The end of a message that was removed: of its recipients, what was over before stays what it was. */
function endOf({ id, recipients }: QueuedMessage, at: number): FinishedFact {
  const counts = { delivered: 0, bounced: 0, removed: 0 };
  for (const { status } of recipients) {
    switch (status) {
      case "delivered":
      case "relayed": // a next hop has it; its sender is not told any more
        counts.delivered++;
        break;
      case "bounced":
        counts.bounced++;
        break;
      case "waiting":
      case "failed":
        counts.removed++;
        break;
      default:
        status satisfies never;
    }
  }
  return { kind: "finished", at, id, ...counts };
}
