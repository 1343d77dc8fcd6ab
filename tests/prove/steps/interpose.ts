/**
 * The library that counts the server's file operations and kills it at one of
 * them: built from `interpose.c` with the system's compiler, put before libc's
 * own functions with LD_PRELOAD. Throws where it cannot be built.
 *
 * @module
 */

/** At which step a process is to die. */
export interface Kill {
  /** The number of the step, counted from 1. */
  readonly at: number;
  /** Whether, when it is a write, half of it is made before. */
  readonly torn: boolean;
}

/** A file operation. */
export interface Step {
  /** What is done: `create`, `write`, `fdatasync`, `fsync`, `rename`, `unlink`, `truncate` or `mkdir`. */
  readonly operation: string;
  /** To what, below the spool; the spool itself is `.`. */
  readonly path: string;
}

/** A step in words, with what kind of file it is about: `rename <id>.json.tmp`. */
export function stepText({ operation, path }: Step): string {
  return `${operation} ${path.replace(/[0-9A-Z]{26}/, "<id>").replace(/\d{8,}/, "<n>")}`;
}

const SOURCE = new URL("./interpose.c", import.meta.url);

/** The built library. */
export class Interposer {
  readonly #library: string;

  private constructor(library: string) {
    this.#library = library;
  }

  /** Builds it in a directory, with the C compiler `cc`. @throws {Error} with what the compiler says. */
  static async build(cc: string, directory: string): Promise<Interposer> {
    const library = `${directory}/interpose.so`;
    const args = ["-O1", "-shared", "-fPIC", "-o", library, SOURCE.pathname, "-ldl", "-lpthread"];
    const { success, stderr } = await new Deno.Command(cc, { args }).output();
    if (!success) throw new Error(`${cc}: ${new TextDecoder().decode(stderr)}`);
    return new Interposer(library);
  }

  /**
   * The environment that makes a process log its steps on `spool` to `log`,
   * counted from the first that has `from` in its line, and die at one of them.
   */
  env(spool: string, log: string, from: string, kill?: Kill): Record<string, string> {
    return {
      LD_PRELOAD: this.#library,
      STEPS_UNDER: spool,
      STEPS_LOG: log,
      STEPS_FROM: from,
      STEPS_KILL: String(kill?.at ?? 0),
      ...(kill?.torn && { STEPS_TORN: "1" }),
    };
  }
}

/** The steps that a process logged; none where it did not come to any. */
export async function readSteps(log: string): Promise<Step[]> {
  const text = await Deno.readTextFile(log).catch(() => "");
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [operation, path] = line.split(" ");
    return { operation: operation!, path: path! };
  });
}
