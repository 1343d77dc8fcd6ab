/**
 * Faults that a kill brings to light, each with the course that goes through it.
 * Faults that only a power cut brings to light are those of the order proof.
 *
 * @module
 */
import type { Fault } from "../planted.ts";

/** A fault, and where it shows. */
export interface StepsFault extends Fault {
  /** The name of a course. */
  readonly course: string;
}

/** All faults. */
export const FAULTS: readonly StepsFault[] = [
  {
    name: "says 250 before the record is written",
    course: "accept inline",
    file: "queue/journal.ts",
    original: "        await this.#current.file.write(batch.bytes);\n",
    planted: "        const { file, segment } = this.#current;\n" +
      "        this.#acknowledge({ ...batch, bytes: new Uint8Array() }, segment);\n" +
      "        await new Promise((resolve) => setTimeout(resolve, 250));\n" +
      "        await file.write(batch.bytes);\n",
  },
  {
    name: "removes content before the message is noted as done",
    course: "final delivery",
    file: "queue/spool_store.ts",
    original: "    this.#uncleaned.delete(id);\n",
    planted: "    this.#uncleaned.delete(id);\n    void this.#parts.messageFiles.remove(id);\n",
  },
  {
    name: "writes a message file in its place, not beside it",
    course: "defer, file, deliver later",
    file: "queue/message_files.ts",
    original: "const temporary = `${path}.tmp`;",
    planted: "const temporary = path;",
  },
  {
    name: "takes a sender to be told before the bounce is queued",
    course: "bounce",
    file: "deliver/notify.ts",
    original: "  const draft = queue.draft();\n",
    planted: "  const late = queue.draft();\n" +
      "  const draft = {\n" +
      "    write: (chunk) => late.write(chunk),\n" +
      "    commit(envelope) {\n" +
      "      setTimeout(() => late.commit(envelope).catch(() => {}), 250);\n" +
      "      return { id: late.id };\n" +
      "    },\n" +
      "  };\n",
  },
];
