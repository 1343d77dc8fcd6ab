/** Real file systems for tests: small ones, and ones that cannot be written. Only root on Linux may mount, and not everywhere. */

function command(name: string, ...args: readonly string[]): void {
  const { success, stderr } = new Deno.Command(name, { args: [...args] }).outputSync();
  if (!success) throw new Error(`${name} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Something mounted on a directory, until it is disposed of. */
export class Mount implements Disposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** An empty file system of so many MiB. @throws {Error} when it cannot be mounted */
  static small(path: string, mebibytes: number): Mount {
    command("mount", "-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", path);
    return new Mount(path);
  }

  /** What is in the directory, over itself, with nothing in it that can be written. @throws {Error} when it cannot be mounted */
  static readOnly(path: string): Mount {
    command("mount", "--bind", path, path);
    const mount = new Mount(path);
    try {
      command("mount", "-o", "remount,ro,bind", path);
    } catch (error) {
      mount[Symbol.dispose]();
      throw error;
    }
    return mount;
  }

  [Symbol.dispose](): void {
    command("umount", this.#path);
  }
}

/** Whether tests may mount here; where they may not, it is said why once. */
export const canMount: boolean = tryMounting();

function tryMounting(): boolean {
  if (Deno.build.os !== "linux") return false;
  const directory = Deno.makeTempDirSync();
  try {
    Mount.small(directory, 1)[Symbol.dispose]();
    Mount.readOnly(directory)[Symbol.dispose]();
    return true;
  } catch (error) {
    console.error(`TESTS WITH REAL FILE SYSTEMS ARE SKIPPED: ${error}`);
    return false;
  } finally {
    Deno.removeSync(directory);
  }
}
