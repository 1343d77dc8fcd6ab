/**
 * A message on its way into the file store: small content stays in memory, more
 * is streamed into `<id>.eml` as it arrives. A failure to write is kept, and
 * thrown when the draft is sealed.
 *
 * @module
 */
import { type Bytes, decodeStrict } from "../base/bytes.ts";
import type { MaybePromise } from "../base/maybe_promise.ts";
import { hasEightBit } from "../base/scan.ts";
import type { Envelope } from "../message/envelope.ts";
import { ContentBuffer, fileContent, memoryContent } from "./content.ts";
import type { Files, WritableFile } from "./files.ts";
import type { MessageFiles } from "./message_files.ts";
import {
  type CommitOptions,
  type Content,
  type Draft,
  type QueuedMessage,
  QueueError,
} from "./queue.ts";
import type { ContentFacts } from "./state.ts";
import { storageError } from "./storage_error.ts";

/** Content that will not change any more: inline, or durable in its file. */
export interface SealedContent extends ContentFacts {
  /** Inline content; undefined when it is in the `.eml` file. */
  readonly inline?: { readonly text: string; readonly bytes: Bytes };
}

/** What a draft needs of its queue. */
export interface DraftOwner {
  /** The file operations. */
  readonly files: Files;
  /** The spool's message files. */
  readonly messageFiles: MessageFiles;
  /** The most octets of content that stay in memory. */
  readonly inlineLimit: number;
  /** Queues the message, durably. @throws {QueueError} */
  enqueue(
    id: string,
    envelope: Envelope,
    content: SealedContent,
    options: CommitOptions,
  ): Promise<QueuedMessage>;
  /** It could not be made durable. */
  failed(error: QueueError): void;
  /** The draft is over, whether or not it was queued. */
  ended(draft: FileDraft): void;
}

/** A draft of the file store. */
export class FileDraft implements Draft {
  readonly id: string;
  readonly #owner: DraftOwner;
  readonly #path: string;
  readonly #buffer: ContentBuffer;
  #phase: "open" | "committing" | "ended" = "open";
  #file: WritableFile | undefined;
  /** Octets in the file. */
  #written = 0;
  #eightBit = false;
  #failure: QueueError | undefined;
  /** The last thing it does on disk; never rejects. Undefined until there is something. */
  #work: Promise<unknown> | undefined;

  /** Makes an empty one. */
  constructor(id: string, owner: DraftOwner) {
    this.id = id;
    this.#owner = owner;
    this.#path = owner.messageFiles.contentPath(id);
    this.#buffer = new ContentBuffer(owner.inlineLimit);
  }

  get content(): Content {
    const tail = this.#buffer.bytes();
    if (this.#file === undefined) return memoryContent(tail);
    return fileContent(this.#owner.files, this.#path, this.#written + tail.length, tail);
  }

  write(chunk: Uint8Array): MaybePromise<void> {
    if (this.#phase !== "open" || this.#failure !== undefined) return;
    if (this.#buffer.add(chunk)) return;
    const work = this.#spill(chunk);
    this.#work = work;
    return work;
  }

  async commit(envelope: Envelope, options: CommitOptions = {}): Promise<QueuedMessage> {
    if (this.#phase !== "open") throw new QueueError("storage", `draft ${this.id} has ended`);
    this.#phase = "committing";
    const queued = this.#commit(envelope, options);
    this.#work = queued.catch(() => {});
    return await queued;
  }

  abort(): MaybePromise<void> {
    if (this.#phase !== "open") return;
    this.#end();
    if (this.#work === undefined) return;
    const discarded = this.#work.then(() => this.#discard());
    this.#work = discarded;
    return discarded;
  }

  /** Aborts it, or waits until its commit is over. Never rejects. */
  async close(): Promise<void> {
    await this.abort();
    await this.#work;
  }

  async #commit(envelope: Envelope, options: CommitOptions): Promise<QueuedMessage> {
    try {
      const content = await this.#seal();
      return await this.#owner.enqueue(this.id, envelope, content, options);
    } catch (error) {
      await this.#discard();
      const failure = storageError(error, `queueing message ${this.id}`);
      this.#owner.failed(failure);
      throw failure;
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#phase = "ended";
    this.#owner.ended(this);
  }

  /** Takes a chunk that the buffer has no room for. Never rejects. */
  async #spill(chunk: Uint8Array): Promise<void> {
    try {
      await this.#writeOut(this.#buffer.bytes());
      this.#buffer.clear();
      if (!this.#buffer.add(chunk)) await this.#writeOut(chunk);
    } catch (error) {
      this.#failure = storageError(error, `writing ${this.#path}`);
      this.#buffer.take();
      // Others may need the space long before this message has ended.
      await this.#discard();
    }
  }

  async #writeOut(bytes: Uint8Array): Promise<void> {
    this.#file ??= await this.#owner.files.create(this.#path);
    await this.#file.write(bytes);
    this.#written += bytes.length;
    this.#eightBit ||= hasEightBit(bytes);
  }

  async #seal(): Promise<SealedContent> {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#file === undefined ? this.#sealInline() : await this.#sealFile();
  }

  #sealInline(): MaybePromise<SealedContent> {
    const text = decodeStrict(this.#buffer.bytes());
    if (text === undefined) return this.#sealFile();
    const bytes = this.#buffer.take();
    // UTF-8 takes more octets than UTF-16 units exactly where it leaves ASCII.
    const eightBit = text.length !== bytes.length;
    return { size: bytes.length, eightBit, inline: { text, bytes } };
  }

  /** Completes the file; it and its name are durable before a record may refer to it. */
  async #sealFile(): Promise<SealedContent> {
    await this.#writeOut(this.#buffer.take());
    await this.#file!.syncData();
    this.#closeFile();
    await this.#owner.messageFiles.syncNames();
    return { size: this.#written, eightBit: this.#eightBit };
  }

  #closeFile(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** Removes what was written. Never rejects: what cannot be removed goes at the next start. */
  async #discard(): Promise<void> {
    this.#closeFile();
    await this.#owner.messageFiles.remove(this.id).catch(() => {});
  }
}
