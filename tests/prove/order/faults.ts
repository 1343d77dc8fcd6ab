/**
 * Faults that only a power cut brings to light, each with the rule that it breaks.
 * The order proof is run on a copy of the program with each of them, and has to
 * find it.
 *
 * @module
 */
import type { Fault } from "../planted.ts";
import type { Rule } from "./watch.ts";

/** A fault, and what it comes to. */
export interface OrderFault extends Fault {
  /** The rule that it breaks, perhaps with others. */
  readonly breaks: Rule;
}

/** All faults. */
export const FAULTS: readonly OrderFault[] = [
  {
    name: "does not fdatasync the journal",
    breaks: "acknowledged before durable",
    file: "queue/journal.ts",
    original: "        await this.#current.file.syncData();\n",
    planted: "",
  },
  {
    name: "says 250 before the fdatasync has ended",
    breaks: "acknowledged before durable",
    file: "queue/journal.ts",
    original: "        await this.#current.file.syncData();\n",
    planted: "        const { file } = this.#current;\n" +
      "        setTimeout(() => file.syncData().catch(() => {}), 20);\n",
  },
  {
    name: "does not fsync the journal's directory for a new segment",
    breaks: "acknowledged before durable",
    file: "queue/journal.ts",
    original: "    const file = await files.create(path);\n" +
      "    try {\n" +
      "      await files.syncDirectory(directory);\n",
    planted: "    const file = await files.create(path);\n    try {\n",
  },
  {
    name: "does not fsync the directories above a new spool",
    breaks: "acknowledged before durable",
    file: "queue/open_spool.ts",
    original: "  await syncAbove(files, parent);\n",
    planted: "",
  },
  {
    name: "resolves send() before the message is durable",
    breaks: "acknowledged before durable",
    file: "server/send.ts",
    original: "  const { id, size } = await draft.commit(envelope, { capture });\n",
    planted:
      "  const { id } = draft;\n  const size = 0;\n  void draft.commit(envelope, { capture });\n",
  },
  {
    name: "does not fdatasync content in a file",
    breaks: "recorded before its content is durable",
    file: "queue/file_draft.ts",
    original: "    await this.#file!.syncData();\n",
    planted: "",
  },
  {
    name: "does not fsync the directory for the name of content",
    breaks: "recorded before its content is durable",
    file: "queue/file_draft.ts",
    original: "    await this.#owner.messageFiles.syncNames();\n",
    planted: "",
  },
  {
    name: "does not fdatasync a message file before it is renamed",
    breaks: "renamed before its octets are durable",
    file: "queue/durable_file.ts",
    original: "      await file.syncData();\n",
    planted: "",
  },
  {
    name: "does not fsync the directory for the name of a message file",
    breaks: "noted as filed before its file is durable",
    file: "queue/message_files.ts",
    original: "    await this.#files.rename(temporary, path);\n    await this.syncNames();\n",
    planted: "    await this.#files.rename(temporary, path);\n",
  },
  {
    name: "takes a sender to be told before the bounce is durable",
    breaks: "recorded as ended before its end",
    file: "deliver/notify.ts",
    original: "const { id } = await draft.commit({",
    planted: "const { id } = draft;\n  " +
      "((envelope: Envelope) => setTimeout(() => void draft.commit(envelope), 20))({",
  },
  {
    name: "removes files before the message is durably noted as done",
    breaks: "removed before its end is durable",
    file: "queue/spool_store.ts",
    original: "    this.#uncleaned.delete(id);\n",
    planted: "    this.#uncleaned.delete(id);\n    void this.#parts.messageFiles.remove(id);\n",
  },
  {
    name: "acts on notes that a killed process left without a sync",
    breaks: "removed before its end is durable",
    file: "queue/replay.ts",
    original: "  await makeDurable(files, directory, segments);\n",
    planted: "  void makeDurable;\n",
  },
  {
    name: "removes a segment that messages still need",
    breaks: "removed before its end is durable",
    file: "queue/journal.ts",
    original: "oldest?.needed.size === 0;",
    planted: "oldest !== undefined;",
  },
  {
    name: "removes a segment before the files removed under it are durably gone",
    breaks: "removed before what it takes back is gone",
    file: "queue/journal.ts",
    original: "        await beforeRemoval();\n",
    planted: "        void beforeRemoval;\n",
  },
  {
    name: "removes a segment before the one before it is durably gone",
    breaks: "removed before what it takes back is gone",
    file: "queue/journal.ts",
    original:
      "        await files.remove(oldest.path);\n        await files.syncDirectory(directory);\n",
    planted: "        await files.remove(oldest.path);\n        void directory;\n",
  },
];
