/**
 * Opens a spool directory: makes it, locks it, makes its name durable, and
 * recovers what is in it. What goes wrong is a {@linkcode SpoolError}; the lock
 * is given up then.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { Files } from "./files.ts";
import { SpoolError, type SpoolLock } from "./lock.ts";
import { MessageFiles } from "./message_files.ts";
import { recover, type Recovered } from "./recover.ts";
import { SpaceWatch } from "./space.ts";
import { messageOf } from "./storage_error.ts";

/** How a spool is opened. Sizes in octets. */
export interface FileQueueOptions {
  /** Made when it is not there. */
  readonly directory: string;
  /** Where the time comes from. */
  readonly clock: Clock;
  /** From this size on a journal segment gets a successor; default 32 MiB. */
  readonly segmentSize?: number;
  /** What is kept in memory of messages not yet tried; default 32 MiB. */
  readonly contentBudget?: number;
  /** Content above this is streamed into a file of its own; default 64 KiB. */
  readonly inlineLimit?: number;
  /** With less free space than this no draft is begun; default 64 MiB. */
  readonly lowWater?: number;
  /** The file operations; the machine's by default. */
  readonly files?: Files;
}

/** What is put together when a spool is opened. */
export interface SpoolParts {
  /** As given, completed. */
  readonly options: Required<FileQueueOptions>;
  /** Held. */
  readonly lock: SpoolLock;
  /** Its message files. */
  readonly messageFiles: MessageFiles;
  /** What is in it. */
  readonly recovered: Recovered;
  /** Measured once. */
  readonly space: SpaceWatch;
}

/** Where the journal of a spool is. */
export function journalDirectory(directory: string): string {
  return `${directory}/journal`;
}

/**
 * Locks a spool and recovers what is in its journal.
 *
 * @throws {SpoolError} when it is held by another, or cannot be used.
 */
export async function openSpool(options: Required<FileQueueOptions>): Promise<SpoolParts> {
  const { directory, files, clock, lowWater } = options;
  const journal = journalDirectory(directory);
  const messageFiles = new MessageFiles(files, directory);
  const space = new SpaceWatch(clock, lowWater, () => files.freeSpace(directory));
  let lock: SpoolLock | undefined;
  try {
    await files.makeDirectory(directory);
    await files.makeDirectory(journal);
    lock = await files.lock(directory);
    await syncAbove(files, resolve(directory));
    const parts = { files, messageFiles, clock, directory, journalDirectory: journal };
    const recovered = await recover(parts);
    await space.measure();
    return { options, lock, messageFiles, recovered, space };
  } catch (error) {
    lock?.release();
    if (error instanceof SpoolError) throw error;
    const message = `cannot use spool ${directory}: ${messageOf(error)}`;
    throw new SpoolError("unusable", message, error);
  }
}

/**
 * Makes the name of a directory durable, and those of all above it: it may be new,
 * and they too. Ends at the first above that is not ours to open.
 */
async function syncAbove(files: Files, directory: string): Promise<void> {
  const parent = dirname(directory);
  if (parent === directory) return;
  try {
    await files.syncDirectory(parent);
  } catch {
    return;
  }
  await syncAbove(files, parent);
}
