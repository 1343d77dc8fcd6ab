/**
 * Faults that cost mail or repeat it when the server is killed. The proof is run
 * on a copy of the program with each of them, and has to find it: a proof that
 * cannot fail shows nothing.
 *
 * @module
 */
import { type Fault, plant } from "../planted.ts";
import { type CrashOptions, type CrashResult, proveCrash } from "./proof.ts";

/** A fault, and whether a result shows it. */
export interface CrashFault extends Fault {
  /** Whether the result is one that this fault brings about. */
  readonly shows: (result: CrashResult) => boolean;
}

const lost = ({ lostCount }: CrashResult): boolean => lostCount > 0;

/** Keeping mail that waits in memory only. */
export const NOT_FILED: CrashFault = {
  name: "does not write down what it put off",
  file: "queue/spool_store.ts",
  original: "      await messageFiles.write(message, content && decode(content));\n",
  planted: "      void [messageFiles, decode];\n",
  shows: lost,
};

/** The faults. */
export const FAULTS: readonly CrashFault[] = [
  NOT_FILED,
  {
    name: "acknowledges mail a quarter of a second before it is written",
    file: "queue/journal.ts",
    original: "        await this.#current.file.write(batch.bytes);\n",
    planted: "        const { file, segment } = this.#current;\n" +
      "        this.#acknowledge({ ...batch, bytes: new Uint8Array() }, segment);\n" +
      "        await new Promise((resolve) => setTimeout(resolve, 250));\n" +
      "        await file.write(batch.bytes);\n",
    shows: lost,
  },
  {
    name: "does not look into the journal when it starts",
    file: "queue/recover.ts",
    original: "for (const id of journaled.keys())",
    planted: "for (const id of [] as string[])",
    shows: lost,
  },
  {
    name: "does not record what it delivered",
    file: "queue/journal.ts",
    original: "    if (durable === undefined) return this.#enqueue({ text });",
    planted: "    if (durable === undefined) return;",
    shows: ({ unexplained }) => unexplained.length > 0,
  },
];

/** Runs the proof on a copy with a fault; gives whether it was found. The directory is empty. */
export async function finds(
  fault: CrashFault,
  options: Omit<CrashOptions, "main">,
): Promise<boolean> {
  const main = await plant(fault, `${options.directory}/planted`);
  return fault.shows(await proveCrash({ ...options, main }));
}
