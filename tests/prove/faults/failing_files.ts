/**
 * The library that makes the server's file operations fail while it runs: built
 * from `fail.c` with the system's compiler, put before libc's own functions with
 * LD_PRELOAD. Throws where it cannot be built.
 *
 * @module
 */

/** The system's errors that can be brought about. */
export type SystemError = "EIO" | "ENOSPC" | "EDQUOT";

/** What fails. */
export interface Rule {
  /** `create`, `write`, `fdatasync`, `fsync`, `truncate`, `rename`, `unlink`, or `*` for all. */
  readonly operation: string;
  /** How the paths end to which it fails, `*` for all of the spool. */
  readonly path: string;
  /** The system's error. */
  readonly error: SystemError;
  /** Of so many such operations one fails, beginning with the first. */
  readonly every: number;
}

/** The numbers of errors on Linux. */
const ERRORS: Record<SystemError, number> = { EIO: 5, ENOSPC: 28, EDQUOT: 122 };

/** A rule in words. */
export function ruleText({ operation, path, error, every }: Rule): string {
  const what = operation === "*" ? "everything" : operation;
  const where = path === "*" ? "" : ` of ${path}`;
  return `${error} from ${what}${where}${every > 1 ? `, one of ${every}` : ""}`;
}

const SOURCE = new URL("./fail.c", import.meta.url);

/** The built library. */
export class FailingFiles {
  readonly #library: string;

  private constructor(library: string) {
    this.#library = library;
  }

  /** Builds it in a directory, with the C compiler `cc`. @throws {Error} with what the compiler says. */
  static async build(cc: string, directory: string): Promise<FailingFiles> {
    const library = `${directory}/fail.so`;
    const args = ["-O1", "-shared", "-fPIC", "-o", library, SOURCE.pathname, "-ldl", "-lpthread"];
    const { success, stderr } = await new Deno.Command(cc, { args }).output();
    if (!success) throw new Error(`${cc}: ${new TextDecoder().decode(stderr)}`);
    return new FailingFiles(library);
  }

  /** Prepares faults in a spool. */
  for(spool: string): SpoolFaults {
    return new SpoolFaults(this.#library, spool);
  }
}

/** The faults of one spool. */
export class SpoolFaults {
  /** What the process needs that they shall befall. */
  readonly env: Readonly<Record<string, string>>;
  readonly #rule: string;
  readonly #log: string;

  /** Of the spool, whose files must be named by this path; `library` is the built one. */
  constructor(library: string, spool: string) {
    this.#rule = `${spool}.rule`;
    this.#log = `${spool}.failed`;
    this.env = {
      LD_PRELOAD: library,
      FAIL_UNDER: spool,
      FAIL_RULE: this.#rule,
      FAIL_LOG: this.#log,
    };
  }

  /** From now on these operations fail. */
  async begin({ operation, path, error, every }: Rule): Promise<void> {
    const text = `${operation} ${path} ${ERRORS[error]} ${every}\n`;
    await Deno.writeTextFile(`${this.#rule}.new`, text);
    await Deno.rename(`${this.#rule}.new`, this.#rule);
  }

  /** From now on nothing fails. */
  async end(): Promise<void> {
    await Deno.remove(this.#rule);
  }

  /** How many operations were made to fail so far. */
  async count(): Promise<number> {
    const log = await Deno.readTextFile(this.#log).catch(() => "");
    return log.split("\n").length - 1;
  }
}
