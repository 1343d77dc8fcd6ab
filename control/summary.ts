/**
 * The queue by destination: how much waits for each, since when, and why. It takes a
 * look at every message, so it is made for all who ask at about the same time at
 * once, and kept for so long that it never takes more than a small share of the time.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { DestinationState } from "../deliver/steering.ts";
import type { MessageState, Overview, Queue, QueueCounts } from "../queue/queue.ts";
import { destinationsOf } from "./filter.ts";
import { inSlices } from "../base/slices.ts";

/** What waits for a destination; a message with recipients in several counts for each. */
export interface DestinationSummary {
  /** The domain, or the next hop that its messages were redirected to. */
  readonly destination: string;
  /** Whether it is only a next hop that messages were redirected to, and no recipient's domain. */
  readonly redirected?: true;
  readonly messages: number;
  /** Of these, by what they do; what none does is absent. */
  readonly states: Partial<Record<MessageState, number>>;
  /** Octets of content. */
  readonly size: number;
  /** When the oldest arrived, ms since 1970. */
  readonly oldest: number;
  /** When the first is due, ms since 1970; absent while all are held, or wait for the destination. */
  readonly due?: number;
  /** The last error of the oldest that has one; of those with recipients elsewhere, whose error may be from there, only where no other has. */
  readonly lastError?: string;
}

/** The queue by destination. */
export interface QueueSummary {
  /** When it was begun, ms since 1970. */
  readonly at: number;
  readonly counts: QueueCounts;
  /** Most messages first. */
  readonly destinations: readonly DestinationSummary[];
}

/** Summaries are under way for this share of the time at most, whoever asks; and rest for most of it. */
const SHARE = 0.1;

/** What is known of a destination while the messages are gone through. */
interface Gathered {
  redirected: boolean;
  messages: number;
  readonly states: Partial<Record<MessageState, number>>;
  size: number;
  oldest: number;
  due: number;
  lastError?: string;
  /** When the message arrived that it is from. */
  errorSince: number;
  /** Whether that message has recipients elsewhere too, so that the error may be from there. */
  errorIsShared: boolean;
}

/** Makes summaries of one queue. */
export class Summaries {
  readonly #queue: Queue;
  readonly #clock: Clock;
  #latest: Promise<QueueSummary> | undefined;
  /** Until when the latest is good, by `performance.now()`. */
  #goodUntil = -Infinity;

  constructor(queue: Queue, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  /** The summary: a new one, or one that was begun not long ago. */
  get(): Promise<QueueSummary> {
    if (this.#latest === undefined || performance.now() >= this.#goodUntil) {
      this.#goodUntil = Infinity;
      this.#latest = this.#make();
    }
    return this.#latest;
  }

  /** Something was steered: what was known is no longer true. */
  outdate(): void {
    if (this.#goodUntil < Infinity) this.#latest = undefined;
  }

  async #make(): Promise<QueueSummary> {
    const began = performance.now();
    try {
      return await summaryOf(this.#queue, this.#clock.now());
    } finally {
      const ended = performance.now();
      this.#goodUntil = ended + (ended - began) / SHARE;
    }
  }
}

/** The summary of a queue as of `now`, ms since 1970. */
async function summaryOf(queue: Queue, now: number): Promise<QueueSummary> {
  const found = new Map<string, Gathered>();
  await inSlices(queue.overviews(), (overview) => {
    const all = destinationsOf(overview);
    for (const destination of all) gather(found, destination, overview, all.length > 1);
  });
  const destinations = [...found].map(([destination, gathered]) => shown(destination, gathered));
  destinations.sort((a, b) => b.messages - a.messages || (a.destination < b.destination ? -1 : 1));
  return { at: now, counts: queue.counts(), destinations };
}

function gather(
  found: Map<string, Gathered>,
  destination: string,
  overview: Overview,
  isShared: boolean,
): void {
  let at = found.get(destination);
  if (at === undefined) {
    at = {
      redirected: true,
      messages: 0,
      states: {},
      size: 0,
      oldest: Infinity,
      due: Infinity,
      errorSince: Infinity,
      errorIsShared: true,
    };
    found.set(destination, at);
  }
  at.redirected &&= overview.nextHop !== undefined;
  at.messages++;
  at.states[overview.state] = (at.states[overview.state] ?? 0) + 1;
  at.size += overview.size;
  at.oldest = Math.min(at.oldest, overview.arrived);
  if (!overview.parked) at.due = Math.min(at.due, overview.due);
  const { lastError, arrived } = overview;
  const isOlder = isShared === at.errorIsShared ? arrived < at.errorSince : at.errorIsShared;
  if (lastError === undefined || !isOlder) return;
  at.lastError = lastError;
  at.errorSince = arrived;
  at.errorIsShared = isShared;
}

function shown(destination: string, gathered: Gathered): DestinationSummary {
  const { messages, states, size, oldest, due, lastError, redirected } = gathered;
  return {
    ...{ destination, messages, states, size, oldest },
    ...(redirected && { redirected }),
    ...(due < Infinity && { due }),
    ...(lastError !== undefined && { lastError }),
  };
}

/** Finds how delivery to a destination of a summary is doing; with a smarthost all domains do as that does. */
export function deliveryStates(
  known: Iterable<DestinationState>,
): (one: DestinationSummary) => DestinationState | undefined {
  const states = new Map([...known].map((state) => [state.destination, state] as const));
  const smarthost = [...states.values()].find(({ destination }) =>
    destination.startsWith("smarthost ")
  );
  return ({ destination, redirected }) =>
    redirected ? states.get(`next-hop ${destination}`) : states.get(destination) ?? smarthost;
}
