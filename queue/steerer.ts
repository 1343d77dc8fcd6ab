/**
 * Carries out on the spool what an operator makes of a message. The message is
 * claimed meanwhile; what became of it is durable, or it stays as it was. Failures
 * are {@linkcode QueueError}s.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { QueueError, type Steering, type SteerOutcome } from "./queue.ts";
import type { SpoolEntry, Stored } from "./spool_entry.ts";
import type { SpoolReader } from "./spool_reader.ts";
import { isFinished } from "./state.ts";
import { isSteerable, steered } from "./steering.ts";
import type { WaitingList } from "./waiting_list.ts";

/** What steering needs of the file queue. */
export interface SteererParts {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** What is known of the messages. */
  readonly list: Pick<WaitingList<SpoolEntry>, "get">;
  /** Reads it. */
  readonly reader: Pick<SpoolReader, "read">;
  /** Makes its state durable; or that it is finished, with the next `flush`. @throws {QueueError} */
  record(entry: SpoolEntry): Promise<void>;
  /** Makes durable that messages are finished. @throws {QueueError} */
  flush(): Promise<void>;
  /** Gives it back, unless it is finished. */
  release(entry: SpoolEntry): void;
}

/** Steers messages. */
export class Steerer {
  readonly #parts: SteererParts;

  /** Makes one. */
  constructor(parts: SteererParts) {
    this.#parts = parts;
  }

  /** Steers a message that was claimed for it, and gives it back. @throws {QueueError} */
  async steer(entry: SpoolEntry, change: Steering): Promise<SteerOutcome> {
    const stored = await this.#parts.reader.read(entry);
    if (stored === undefined) return this.#unread(entry);
    entry.stored = stored;
    try {
      if (!isSteerable(stored.message, change)) return "captured";
      await this.#change(entry, stored, change);
      return "done";
    } finally {
      this.#parts.release(entry);
    }
  }

  #unread({ id }: SpoolEntry): SteerOutcome {
    if (this.#parts.list.get(id) === undefined) return "gone";
    throw new QueueError("storage", `message ${id} cannot be read for now`);
  }

  async #change(entry: SpoolEntry, stored: Stored, change: Steering): Promise<void> {
    const message = steered(stored.message, change, this.#parts.clock.now());
    if (message === stored.message && !entry.unrecorded) return;
    entry.stored = { ...stored, message };
    entry.unrecorded = true;
    try {
      await this.#parts.record(entry);
    } catch (error) {
      // What is on disk now may be either; what counts from here on is recorded later.
      entry.stored = stored;
      throw error;
    }
    if (isFinished(message)) await this.#parts.flush();
    if (change.kind === "remove") change.onRemoved?.(stored.message);
  }
}
