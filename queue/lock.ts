/**
 * Makes sure that one process at a time uses a spool: an advisory lock on the
 * file `.lock` in it, which the system gives up when the process ends, however
 * it ends. The file holds the process id for whoever is refused.
 *
 * @module
 */
import { encode } from "../base/bytes.ts";
import { messageOf } from "./storage_error.ts";

/** Why a spool cannot be opened. `held`: another process, or this one, has it open. `unusable`: it cannot be read or written. */
export type SpoolErrorKind = "held" | "unusable";

/** A spool could not be opened; its message names the directory and is fit to be shown as it is. */
export class SpoolError extends Error {
  /** Why. */
  readonly kind: SpoolErrorKind;
  /** Makes one; `cause` is the error of the system. */
  constructor(kind: SpoolErrorKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "SpoolError";
    this.kind = kind;
  }
}

/** A lock that is held until it is released. */
export interface SpoolLock {
  /** Gives it up. Never throws. */
  release(): void;
}

/** Who holds the lock, as far as its file can be read: on Windows a locked file cannot. */
async function holder(path: string): Promise<string> {
  const text = await Deno.readTextFile(path).catch(() => "");
  const pid = text.trim();
  return /^\d{1,10}$/.test(pid) ? `process ${pid}` : "another process";
}

/** Leaves our process id for whoever is refused. */
async function signLock(file: Deno.FsFile): Promise<void> {
  await file.truncate(0);
  await file.write(encode(`${Deno.pid}\n`));
}

/**
 * Takes the lock of a spool, whose directory must exist.
 *
 * @throws {SpoolError} `held` when somebody has it, `unusable` when the file cannot be made.
 */
export async function lockSpool(directory: string): Promise<SpoolLock> {
  const path = `${directory}/.lock`;
  let file: Deno.FsFile | undefined;
  try {
    file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
    if (await file.tryLock(true)) {
      await signLock(file);
      const held = file;
      return { release: () => held.close() };
    }
  } catch (error) {
    file?.close();
    throw new SpoolError("unusable", `cannot lock spool ${directory}: ${messageOf(error)}`, error);
  }
  file.close();
  throw new SpoolError("held", `spool ${directory} is in use by ${await holder(path)}`);
}
