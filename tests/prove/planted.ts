/**
 * Copies of the program with a fault planted in them, for showing that a proof
 * finds it. Throws when the text that a fault replaces is not there any more.
 *
 * @module
 */

/** A fault, as a change of the program's text. */
export interface Fault {
  /** What is wrong with the copy. */
  readonly name: string;
  /** The file, from the root of the project. */
  readonly file: string;
  /** What stands there; exactly once. */
  readonly original: string;
  /** What stands there in the copy. */
  readonly planted: string;
}

const ROOT = new URL("../../", import.meta.url).pathname;

/** What of the project the program does not need. */
const LEFT_OUT: ReadonlySet<string> = new Set(["tests", "bench", "docs", "spool", "dist", "cov"]);

/** How often the text that a fault replaces is in the program; once is as it should be. */
export async function occurrences({ file, original }: Fault): Promise<number> {
  return (await Deno.readTextFile(ROOT + file)).split(original).length - 1;
}

/** Copies the program into a directory, with a fault; gives the path of the copy's `main.ts`. */
export async function plant(fault: Fault, directory: string): Promise<string> {
  await copySources(ROOT, `${directory}/`);
  const path = `${directory}/${fault.file}`;
  const parts = (await Deno.readTextFile(path)).split(fault.original);
  if (parts.length !== 2) {
    throw new Error(`${fault.name}: ${fault.file} has ${parts.length - 1} of the text to replace`);
  }
  await Deno.writeTextFile(path, parts.join(fault.planted));
  return `${directory}/main.ts`;
}

async function copySources(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (name.startsWith(".") || LEFT_OUT.has(name)) continue;
    if (isDirectory) await copySources(`${from}${name}/`, `${to}${name}/`);
    else if (/\.ts$|^deno\./.test(name)) await Deno.copyFile(from + name, to + name);
  }
}
