/**
 * A claim that dies when it is released: after that it refuses to be used, and
 * a second release does nothing. The same for every store.
 *
 * @module
 */
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { Claim, Content, QueuedMessage, Settlement } from "./queue.ts";

/** What a claim asks of its store. */
export interface ClaimActions {
  /** See {@linkcode Claim.content}. */
  readonly content: () => Content;
  /** See {@linkcode Claim.settle}. */
  readonly settle: (settlement: Settlement) => MaybePromise<void>;
  /** See {@linkcode Claim.release}. */
  readonly release: (until?: number) => void;
}

/** A claim on a message of any store. */
export class LiveClaim implements Claim {
  readonly message: QueuedMessage;
  readonly early: boolean;
  #actions: ClaimActions | undefined;

  /** Makes one that is alive. */
  constructor(message: QueuedMessage, early: boolean, actions: ClaimActions) {
    this.message = message;
    this.early = early;
    this.#actions = actions;
  }

  content(): Content {
    return this.#alive().content();
  }

  async settle(settlement: Settlement): Promise<void> {
    await this.#alive().settle(settlement);
  }

  release(until?: number): void {
    this.#actions?.release(until);
    this.#actions = undefined;
  }

  #alive(): ClaimActions {
    if (this.#actions === undefined) throw new Error(`claim on ${this.message.id} was released`);
    return this.#actions;
  }
}
