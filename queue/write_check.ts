/**
 * Knows whether the store can be written: by trying it when somebody asks, and by
 * what real writes have met. A trial is shared by all who ask, made at most every few
 * seconds, and not waited for longer than two: a disk may hang. Never rejects.
 *
 * @module
 */
import type { Bytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import type { Files } from "./files.ts";
import type { QueueError, StoreFault } from "./queue.ts";
import { messageOf, storageError } from "./storage_error.ts";

/** How long the outcome of a trial is good for, and what a real write has met, ms. */
const FRESH_FOR = 5000;
/** For how long a trial is waited for, ms. */
const PATIENCE = 2000;
/** The file that is written and removed again; one that a crash leaves is overwritten by the next trial. */
const PROBE_NAME = "probe.tmp";
/** A block of most file systems: less may find room in one that is there already. */
const PROBE: Bytes = new Uint8Array(4096);

/** What the system says of a disk that does not answer. */
const SILENT: StoreFault = { kind: "storage", code: "ETIMEDOUT" };

/** Writes a file in a directory, makes it durable, and removes it. Throws the system's error. */
export async function tryWriting(files: Files, directory: string): Promise<void> {
  const path = `${directory}/${PROBE_NAME}`;
  const file = await files.create(path);
  try {
    await file.write(PROBE);
    await file.syncData();
  } finally {
    file.close();
    await files.remove(path);
  }
}

/** The fault that an error tells of. */
function faultOf({ kind, cause }: QueueError): StoreFault {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  return { kind, ...(code !== undefined && { code }) };
}

/** Whether a store can be written. */
export class WriteCheck {
  readonly #clock: Clock;
  readonly #trial: () => Promise<void>;
  /** What the last trial found, and when it began, ms since 1970. */
  #found: StoreFault | undefined;
  #begun = -Infinity;
  #running: Promise<void> | undefined;
  /** What a real write has met, and when, ms since 1970. */
  #met: { readonly fault: StoreFault; readonly at: number } | undefined;

  /** Makes one; `trial` throws the system's error, or a {@linkcode QueueError}. */
  constructor(clock: Clock, trial: () => Promise<void>) {
    this.#clock = clock;
    this.#trial = trial;
  }

  /** Notes that a real write has failed. */
  failed(error: QueueError): void {
    this.#met = { fault: faultOf(error), at: this.#clock.now() };
  }

  /** Why it cannot be written; undefined when it can. */
  async fault(): Promise<StoreFault | undefined> {
    if (this.#clock.now() - this.#begun >= FRESH_FOR) this.#running ??= this.#try();
    if (this.#running !== undefined && !await this.#endsInTime(this.#running)) return SILENT;
    const met = this.#met;
    return met && this.#clock.now() - met.at < FRESH_FOR ? met.fault : this.#found;
  }

  /** Resolves when nothing is being tried. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #try(): Promise<void> {
    this.#begun = this.#clock.now();
    try {
      await Promise.try(this.#trial);
      this.#note(undefined);
    } catch (error) {
      this.#note(faultOf(storageError(error, "trying to write")), error);
    } finally {
      this.#running = undefined;
    }
  }

  #note(found: StoreFault | undefined, error?: unknown): void {
    const before = this.#found;
    this.#found = found;
    if ((before === undefined) === (found === undefined)) return;
    if (found === undefined) log("queue").info("The spool can be written again");
    else log("queue").error("The spool cannot be written", { error: messageOf(error) });
  }

  /** Whether it ends before the patience does that began with it. */
  async #endsInTime(running: Promise<void>): Promise<boolean> {
    const { promise: tooLate, resolve } = Promise.withResolvers<boolean>();
    const cancel = this.#clock.after(this.#begun + PATIENCE - this.#clock.now(), () => {
      resolve(false);
    });
    const inTime = await Promise.race([running.then(() => true), tooLate]);
    cancel();
    return inTime;
  }
}
