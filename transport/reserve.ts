/**
 * A file descriptor kept in reserve. Without one, a server that has run out of
 * them cannot even accept a connection to refuse it: newcomers wait in the
 * system's backlog and hear nothing. Nothing here fails; where no reserve can be
 * had, there is none.
 *
 * @module
 */
import { stripTypeScriptTypes } from "node:module";

/** The codes of the system for: no more file descriptors for this process, or for anybody. */
const OUT_OF_DESCRIPTORS: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE"]);

/** Whether an error says that there are no more file descriptors. */
export function isOutOfDescriptors(error: unknown): boolean {
  return error instanceof Error && "code" in error && OUT_OF_DESCRIPTORS.has(error.code);
}

/** One file descriptor in reserve. */
export class Reserve {
  #path: string | undefined;
  #file: Deno.FsFile | undefined;

  /** Opens the path, a file or directory, for no other use than to have it open. */
  constructor(path: string | undefined) {
    this.#path = path;
    this.restore();
    prepareStackTraces();
  }

  /** Makes sure of the reserve. False when there is no descriptor left for it. */
  restore(): boolean {
    if (this.#file !== undefined || this.#path === undefined) return true;
    try {
      this.#file = Deno.openSync(this.#path, { read: true });
    } catch (error) {
      if (isOutOfDescriptors(error)) return false;
      this.#path = undefined; // It cannot be opened at all, as directories on Windows.
    }
    return true;
  }

  /** Gives the descriptor up for something more urgent, until {@linkcode restore}. False when there is none to give. */
  giveUp(): boolean {
    const had = this.#file !== undefined;
    this.#file?.close();
    this.#file = undefined;
    return had;
  }

  /** Ends it for good. */
  close(): void {
    this.#path = undefined;
    this.giveUp();
  }
}

/**
 * Has the runtime parse an `if` while there are descriptors. For a stack trace it
 * looks up where each file's lines come from, and when the file that says so
 * cannot be opened, parses the source again; at the first `if` its parser then
 * looks into `/proc/self/maps` for how much stack it has. Without a descriptor
 * for that it panics, which nothing catches. Later it needs none.
 */
function prepareStackTraces(): void {
  stripTypeScriptTypes("if (0);");
}
