/**
 * Turns what the operating system says of a file into the two failures the
 * queue knows: no space (452 4.3.1) and everything else (451 4.3.0).
 *
 * @module
 */
import { QueueError } from "./queue.ts";

/** The codes that mean: as soon as something is removed, this works again. */
const NO_SPACE: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);

/** The error code of the system, e.g. `ENOSPC`; undefined where there is none. */
function errorCode(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** The queue's error for a failed file operation; one that is already a {@linkcode QueueError} stays as it is. */
export function storageError(error: unknown, doing: string): QueueError {
  if (error instanceof QueueError) return error;
  const kind = NO_SPACE.has(errorCode(error)) ? "no-space" : "storage";
  return new QueueError(kind, `${doing}: ${messageOf(error)}`, error);
}

/** What an error says, on one line of a log. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
