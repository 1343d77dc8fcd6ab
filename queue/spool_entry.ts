/**
 * What the file store knows in memory of one message: where its durable form is,
 * and what of it is in memory. No more than this is kept for one that waits.
 *
 * @module
 */
import type { Bytes } from "../base/bytes.ts";
import type { SharedTask } from "./concurrency.ts";
import { Entry } from "./entry.ts";
import type { Position } from "./journal.ts";
import type { QueuedMessage } from "./queue.ts";

/** Where the durable form of a message is, and whether the directory may hold files of it. */
export type Place =
  | { readonly kind: "journal"; readonly position: Position; hasFiles: boolean }
  | { readonly kind: "file"; readonly hasFiles: true };

/** The place of every message that has its file. */
export const IN_FILE: Place = { kind: "file", hasFiles: true };

/** A message in memory. */
export interface Stored {
  /** The message as it stands. */
  readonly message: QueuedMessage;
  /** Its content; undefined when that is in the `.eml` file. */
  readonly content?: Bytes;
}

/** A message of the file store. */
export class SpoolEntry extends Entry {
  /** Where its durable form is. */
  place: Place;
  /** The message in memory: while it is claimed, kept within the budget, or newer than on disk. */
  stored: Stored | undefined = undefined;
  /** Whether `stored` is newer than what is durable. */
  unrecorded = false;
  /** Writes its state to disk, once for all who wait; there only while that may be. */
  declare recording?: SharedTask;
  /** Resolves when a claim that was released meanwhile is given back. */
  declare givingBack?: Promise<void>;

  /** The entry of a message that is on disk only, as of `now`, ms since 1970. */
  constructor(message: QueuedMessage, now: number, place: Place) {
    super(message, now);
    this.place = place;
  }
}
