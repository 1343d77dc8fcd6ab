/**
 * Keeps captured mail from filling the spool: with each message above the bound the
 * oldest captured one is removed, and never anything else. What cannot be removed is
 * logged, and tried again with the next message.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import { steerAndTell } from "../control/steer.ts";
import type { StoryFact, StoryTaker } from "../history/story.ts";
import type { Queue } from "../queue/queue.ts";

/** What the bound needs. */
export interface CaptureBoundOptions {
  readonly queue: Queue;
  /** Told what was dropped. */
  readonly stories: StoryTaker;
  readonly clock: Clock;
  /** Captured messages that are kept, as of now. */
  readonly most: () => number;
}

const logger = log("capture");

/** Removes the oldest captured messages. */
export class CaptureBound implements StoryTaker {
  readonly #options: CaptureBoundOptions;
  /** Captured messages, the oldest last. Any that came since are younger, so it holds until it is empty. */
  #oldest: string[] = [];
  #underWay: Promise<void> | undefined;

  constructor(options: CaptureBoundOptions) {
    this.#options = options;
  }

  take(fact: StoryFact): void {
    if (fact.kind !== "accepted" || !fact.captured || this.#excess() <= 0) return;
    this.#underWay ??= this.#drop();
  }

  #excess(): number {
    return this.#options.queue.counts().captured - this.#options.most();
  }

  async #drop(): Promise<void> {
    try {
      while (this.#excess() > 0) {
        const id = this.#next();
        if (id === undefined) break;
        await this.#remove(id);
      }
    } catch (error) {
      logger.error("captured mail could not be removed", { error });
    } finally {
      this.#underWay = undefined;
    }
  }

  #next(): string | undefined {
    if (this.#oldest.length === 0) {
      for (const { id, state } of this.#options.queue.overviews()) {
        if (state === "captured") this.#oldest.push(id);
      }
      this.#oldest.sort().reverse();
    }
    return this.#oldest.pop();
  }

  async #remove(id: string): Promise<void> {
    const detail = `limits.capture_messages ${this.#options.most()}`;
    await steerAndTell(this.#options, id, { steering: { kind: "remove" }, by: "server", detail });
  }
}
