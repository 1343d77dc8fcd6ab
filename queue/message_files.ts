/**
 * Message files, `<id>.json` and `<id>.eml`: written so that each is either
 * there whole and durable or not there, read back, and set aside when they do
 * not parse. Failures are thrown as the system's errors.
 *
 * @module
 */
import type { Bytes } from "../base/bytes.ts";
import { SharedTask } from "./concurrency.ts";
import { writeDurably } from "./durable_file.ts";
import type { Files } from "./files.ts";
import type { QueuedMessage } from "./queue.ts";
import { contentFileName, queuedText, readRecord, seal } from "./record.ts";

/** How far a message file's JSON is indented, for those who read it as it is. */
const INDENT = 2;

/** A message file as read. */
export interface MessageFile {
  /** The message as it stands. */
  readonly message: QueuedMessage;
  /** The content; undefined when it is in the `.eml` file. */
  readonly content?: string;
}

/** The message files of one spool. */
export class MessageFiles {
  readonly #files: Files;
  readonly #directory: string;
  readonly #sync: SharedTask;

  /** Makes one for a directory that exists. */
  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
    this.#sync = new SharedTask(() => files.syncDirectory(directory));
  }

  /** Where a message waits. */
  path(id: string): string {
    return `${this.#directory}/${id}.json`;
  }

  /** Where a message's content is, when it is not inline. */
  contentPath(id: string): string {
    return `${this.#directory}/${contentFileName(id)}`;
  }

  /** Makes what was named and removed so far durable; one fsync serves all who wait. */
  syncNames(): Promise<void> {
    return this.#sync.run();
  }

  /**
   * Files a message as it stands: when this resolves, the file is durable. The
   * message's state is taken before this returns.
   */
  async write(message: QueuedMessage, content: string | undefined): Promise<void> {
    const record = seal(queuedText(message, content, INDENT));
    const path = this.path(message.id);
    const temporary = `${path}.tmp`;
    await writeDurably(this.#files, temporary, record);
    await this.#files.rename(temporary, path);
    await this.syncNames();
  }

  /** The message in a file; undefined when the file is damaged. Throws when it cannot be read. */
  async read(id: string): Promise<MessageFile | undefined> {
    const bytes = await this.#files.read(this.path(id));
    const found = readRecord(bytes, 0);
    if (found?.record.type !== "queued" || found.end !== bytes.length) return undefined;
    return found.record.message.id === id ? found.record : undefined;
  }

  /** Whether the content file is there in full. */
  async hasContent(id: string, size: number): Promise<boolean> {
    try {
      return await this.#files.size(this.contentPath(id)) === size;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Removes a message's files; not durably. */
  async remove(id: string): Promise<void> {
    await this.#files.remove(this.path(id));
    await this.#files.remove(this.contentPath(id));
  }

  /** Moves a file of the spool into `corrupt/`; not durably. One that is not there is no error. */
  async setAside(name: string): Promise<void> {
    const corrupt = await this.#corruptDirectory();
    try {
      await this.#files.rename(`${this.#directory}/${name}`, `${corrupt}/${name}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Keeps octets that could not be used as a file in `corrupt/`. */
  async keepCorrupt(name: string, bytes: Bytes): Promise<void> {
    const corrupt = await this.#corruptDirectory();
    await writeDurably(this.#files, `${corrupt}/${name}`, bytes);
    await this.#files.syncDirectory(corrupt);
  }

  async #corruptDirectory(): Promise<string> {
    const corrupt = `${this.#directory}/corrupt`;
    await this.#files.makeDirectory(corrupt);
    return corrupt;
  }
}
