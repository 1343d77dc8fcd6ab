/**
 * Turns what the operating system says of a file into the two failures the
 * queue knows: no space (452 4.3.1) and everything else (451 4.3.0).
 *
 * @module
 */
import { QueueError } from "./queue.ts";

/** The codes that mean: as soon as something is removed, this works again. */
const NO_SPACE: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);

/** The runtime has no code for a quota, only the system's words for it. */
const QUOTA = /\bquota exceeded\b/i;

/** Whether an error of the system means that space is what is wanting. */
function isNoSpace(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return "code" in error && NO_SPACE.has(error.code) || QUOTA.test(error.message);
}

/** The queue's error for a failed file operation; one that is already a {@linkcode QueueError} stays as it is. */
export function storageError(error: unknown, doing: string): QueueError {
  if (error instanceof QueueError) return error;
  const kind = isNoSpace(error) ? "no-space" : "storage";
  return new QueueError(kind, `${doing}: ${messageOf(error)}`, error);
}

/** What an error says, on one line of a log. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
