/**
 * Faults in the server that only show when something else fails. The proof's
 * trials are made with a copy of the program with each of them, until one finds
 * it: a proof that cannot fail shows nothing.
 *
 * @module
 */
import { type Fault, plant } from "../planted.ts";
import { carryOut, makeBench } from "./proof.ts";
import type { Trial } from "./trial.ts";

/** The faults. */
export const FAULTS: readonly Fault[] = [
  {
    name: "takes no notice of an fdatasync that fails",
    file: "queue/journal.ts",
    original: "        await this.#current.file.syncData();",
    planted: "        await this.#current.file.syncData().catch(() => {});",
  },
  {
    name: "leaves in the journal what it refused",
    file: "queue/journal.ts",
    original: "    await this.#disown();\n",
    planted: "    this.#endSegment();\n",
  },
  {
    name: "counts a message as filed that could not be",
    file: "queue/durable_file.ts",
    original: "    await files.remove(path).catch(() => {});\n    throw error;\n",
    planted: "    void error;\n",
  },
  {
    name: "acknowledges content whose name is not durable",
    file: "queue/file_draft.ts",
    original: "    await this.#owner.messageFiles.syncNames();",
    planted: "    await this.#owner.messageFiles.syncNames().catch(() => {});",
  },
  {
    name: "does not ask for room at MAIL",
    file: "server/receive.ts",
    original: "if (!queue.hasRoom(mail.size ?? 0))",
    planted: "if (queue === undefined)",
  },
  {
    name: "keeps no file descriptor in reserve",
    file: "server/front.ts",
    original: "      reserve: config.spool,\n",
    planted: "",
  },
];

/** Makes trials with a copy that has a fault; gives the first that finds it, by name, and what it says. */
export async function finds(
  fault: Fault,
  trials: readonly Trial[],
  directory: string,
): Promise<string | undefined> {
  const copy = await Deno.makeTempDir({ dir: directory, prefix: "planted-" });
  const bench = await makeBench(await plant(fault, `${copy}/program`), copy);
  for (const trial of trials) {
    const { complaints } = await carryOut(trial, bench, copy);
    if (complaints.length > 0) return `${trial.name}: ${complaints[0]}`;
  }
  return undefined;
}
