/**
 * Messages that are given back because the mail for their recipients' domains is held:
 * until when, and the telling of it, once for each hold and message. Cannot fail.
 *
 * @module
 */
import type { RetrySchedule } from "../config/config.ts";
import type { StoryTaker } from "../history/story.ts";
import { mailDomain } from "../protocol/domain.ts";
import type { QueuedMessage } from "../queue/queue.ts";
import { heldUntil } from "./held.ts";
import type { Holds } from "./holds.ts";
import { reportHeld } from "./report.ts";

/** Of how many messages it is known that they were told of. With more, one that is looked at often is told of again. */
const MOST_TOLD = 100_000;

/** What withholding needs. */
export interface WithheldOptions {
  readonly holds: Holds;
  readonly stories: StoryTaker;
}

/** One hold of a domain. */
interface Told {
  /** When it began, ms since 1970: the next one is another. */
  readonly since: number;
  /** The messages that were told of. */
  readonly ids: Set<string>;
}

/** The withheld messages. */
export class Withheld {
  readonly #options: WithheldOptions;
  readonly #told = new Map<string, Told>();
  /** How many ids are in there. */
  #count = 0;

  /** Knows of none yet. */
  constructor(options: WithheldOptions) {
    this.#options = options;
  }

  /** When a message that is given back is looked at again, as {@linkcode heldUntil} says; tells that it waits, where that is new. */
  until(message: QueuedMessage, now: number, schedule: RetrySchedule): number | undefined {
    const { holds } = this.#options;
    if (holds.size === 0) this.#forget();
    const until = heldUntil(message, holds, now, schedule);
    if (until !== undefined) this.#tell(message, now);
    return until;
  }

  #tell(message: QueuedMessage, now: number): void {
    const { holds, stories } = this.#options;
    const waiting = message.recipients.filter(({ status }) => status === "waiting");
    for (const domain of new Set(waiting.map(({ address }) => mailDomain(address)))) {
      const since = holds.since(domain);
      if (since === undefined || !this.#isNews(message.id, domain, since)) continue;
      reportHeld(message, domain, now, stories);
    }
  }

  #isNews(id: string, domain: string, since: number): boolean {
    if (this.#count >= MOST_TOLD) this.#forget();
    let told = this.#told.get(domain);
    if (told?.since !== since) {
      this.#count -= told?.ids.size ?? 0;
      this.#told.set(domain, told = { since, ids: new Set() });
    }
    if (told.ids.has(id)) return false;
    told.ids.add(id);
    this.#count++;
    return true;
  }

  #forget(): void {
    if (this.#count === 0) return;
    this.#told.clear();
    this.#count = 0;
  }
}
