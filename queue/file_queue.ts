/**
 * The queue on a spool directory: the embedded default. A message is durable in
 * the journal when its commit resolves, and gets a file of its own only when it
 * has to wait. Failures are {@linkcode QueueError}s; at opening, {@linkcode SpoolError}s.
 *
 * @module
 */
import { ConcurrencyLimit } from "../base/concurrency_limit.ts";
import { log } from "../base/log.ts";
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { Envelope } from "../message/envelope.ts";
import { forEachLimited, SharedTask } from "./concurrency.ts";
import { type DraftOwner, FileDraft, type SealedContent } from "./file_draft.ts";
import { denoFiles } from "./files.ts";
import { newId } from "./id.ts";
import { Journal } from "./journal.ts";
import { LiveClaim } from "./live_claim.ts";
import type { SpoolLock } from "./lock.ts";
import {
  type FileQueueOptions,
  journalDirectory,
  openSpool,
  type SpoolParts,
} from "./open_spool.ts";
import {
  type Claim,
  type CommitOptions,
  type Content,
  type Draft,
  type Footprint,
  type Overview,
  type Queue,
  type QueueCounts,
  type QueuedMessage,
  QueueError,
  type Settlement,
  type Steering,
  type SteerOutcome,
  type StoreFault,
} from "./queue.ts";
import type { SpaceWatch } from "./space.ts";
import type { SpoolEntry, Stored } from "./spool_entry.ts";
import { SpoolReader } from "./spool_reader.ts";
import { SpoolStore } from "./spool_store.ts";
import { applySettlement, isFinished, newMessage } from "./state.ts";
import { Steerer } from "./steerer.ts";
import { messageOf } from "./storage_error.ts";
import { WaitingList } from "./waiting_list.ts";
import { tryWriting, WriteCheck } from "./write_check.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** How many messages are filed at a time: more would take descriptors, and time from mail that comes in. */
const FILE_AT_ONCE = 8;
/** When as many messages as this are to be read back from one segment, it is read as a whole. */
const MANY = 100;

/** A queue on a spool directory. */
export class FileQueue implements Queue {
  readonly #options: Required<FileQueueOptions>;
  readonly #lock: SpoolLock;
  readonly #space: SpaceWatch;
  readonly #journal: Journal;
  readonly #writeCheck: WriteCheck;
  readonly #store: SpoolStore;
  readonly #list = new WaitingList<SpoolEntry>();
  readonly #filing = new ConcurrencyLimit(FILE_AT_ONCE);
  readonly #reader: SpoolReader;
  readonly #steerer: Steerer;
  readonly #drafts = new Map<string, FileDraft>();
  readonly #owner: DraftOwner;
  /** What goes on without anybody waiting for it. */
  readonly #background = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  private constructor({ options, lock, messageFiles, recovered, space }: SpoolParts) {
    const { files, clock, inlineLimit, contentBudget } = options;
    this.#options = options;
    this.#lock = lock;
    this.#space = space;
    const journal = new Journal({
      files,
      clock,
      directory: journalDirectory(options.directory),
      segmentSize: options.segmentSize,
      segments: recovered.segments,
      onFailed: (error) => this.#failed(error),
      onCrowded: () => this.#inBackground(emptying.run()),
      beforeRemoval: () => messageFiles.syncNames(),
    });
    this.#journal = journal;
    this.#writeCheck = new WriteCheck(clock, () => this.#tryWriting());
    const emptying = new SharedTask(() => this.#emptySurplus(journal));
    this.#store = new SpoolStore({ files, clock, journal, messageFiles, contentBudget });
    this.#owner = {
      files,
      messageFiles,
      inlineLimit,
      enqueue: (...parts) => this.#enqueue(...parts),
      failed: (error) => this.#failed(error),
      ended: (draft) => this.#drafts.delete(draft.id),
    };
    for (const entry of recovered.entries) this.#list.add(entry);
    journal.sweep();
    this.#reader = new SpoolReader({ clock, list: this.#list, store: this.#store, recovered });
    this.#steerer = new Steerer({
      clock,
      list: this.#list,
      reader: this.#reader,
      record: (entry) => this.#record(entry),
      flush: () => this.#store.flush(),
      release: (entry) => this.#release(entry),
    });
  }

  /**
   * Opens the spool in a directory and recovers what is in its journal. From then
   * on it takes mail; the messages that wait in files are read meanwhile, and known
   * one after the other, see {@linkcode FileQueue.allRead}.
   *
   * @throws {SpoolError} when it is held by another, or cannot be used.
   */
  static async open(options: FileQueueOptions): Promise<FileQueue> {
    return new FileQueue(
      await openSpool({
        directory: options.directory,
        clock: options.clock,
        segmentSize: options.segmentSize ?? 32 * MIB,
        contentBudget: options.contentBudget ?? 32 * MIB,
        inlineLimit: options.inlineLimit ?? 64 * KIB,
        lowWater: options.lowWater ?? 64 * MIB,
        files: options.files ?? denoFiles,
      }),
    );
  }

  /** Resolves when every waiting message is known; until then some are only counted. Never rejects. */
  get allRead(): Promise<void> {
    return this.#reader.allRead;
  }

  hasRoom(size: number): boolean {
    return this.#space.hasRoom(size);
  }

  draft(): Draft {
    this.#assertOpen();
    if (!this.#space.hasRoom(0)) {
      throw new QueueError("no-space", `space is low for ${this.#options.directory}`);
    }
    const inUse = (id: string) =>
      this.#list.get(id) !== undefined || this.#drafts.has(id) || this.#reader.unread.has(id);
    const draft = new FileDraft(newId(this.#options.clock.now(), inUse), this.#owner);
    this.#drafts.set(draft.id, draft);
    return draft;
  }

  async claim(limit: number): Promise<Claim[]> {
    if (this.#closing !== undefined) return [];
    const entries = this.#list.takeDue(this.#options.clock.now(), limit);
    const claims = await Promise.all(entries.map((entry) => this.#open(entry)));
    return claims.filter((claim) => claim !== undefined);
  }

  async claimById(id: string): Promise<Claim | undefined> {
    await this.#reader.settled(id);
    if (this.#closing !== undefined) return undefined;
    const entry = this.#list.take(id);
    return entry && await this.#open(entry);
  }

  nextDue(): number {
    return this.#list.nextDue();
  }

  onDue(listener: () => void): void {
    this.#list.onDue(listener);
  }

  wake(domain?: string): number {
    return this.#list.wake(this.#options.clock.now(), domain);
  }

  overviews(): Iterable<Overview> {
    return this.#list.all();
  }

  overview(id: string): Overview | undefined {
    return this.#list.get(id)?.overview();
  }

  async read(id: string): Promise<QueuedMessage | undefined> {
    return structuredClone((await this.#reader.find(id))?.message);
  }

  async contentOf(id: string): Promise<Content | undefined> {
    const stored = await this.#reader.find(id);
    return stored && this.#store.content(stored);
  }

  async steer(id: string, change: Steering, wait = 0): Promise<SteerOutcome> {
    this.#assertOpen();
    await this.#reader.settled(id);
    const entry = await this.#list.seize(id, wait, this.#options.clock);
    this.#assertOpen();
    if (typeof entry === "string") return entry;
    const steering = this.#steerer.steer(entry, change);
    this.#inBackground(steering.then(() => {}, () => {}));
    return await steering;
  }

  onRecall(listener: (id: string) => void): void {
    this.#list.onRecall(listener);
  }

  counts(): QueueCounts {
    const { messages, ...states } = this.#list.counts();
    const unread = this.#reader.unread.size;
    return { messages: messages + unread, ...states, unread };
  }

  async fault(): Promise<StoreFault | undefined> {
    if (this.#closing !== undefined) return { kind: "storage" };
    const fault = await this.#writeCheck.fault();
    if (fault !== undefined) return fault;
    return this.#space.hasRoom(0) ? undefined : { kind: "no-space" };
  }

  footprint(): Footprint {
    const { segments, octets } = this.#journal.footprint;
    const { free } = this.#space;
    return { journal: octets, segments, ...(free !== undefined && { free }) };
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new QueueError("storage", "the queue is closed");
  }

  async #enqueue(
    id: string,
    envelope: Envelope,
    content: SealedContent,
    options: CommitOptions,
  ): Promise<QueuedMessage> {
    const message = newMessage(id, this.#options.clock.now(), envelope, content, options);
    this.#list.add(await this.#store.commit(message, content));
    return message;
  }

  /** Something could not be made durable: whoever asks how the queue is hears of it, and the free space is looked at. */
  #failed(error: QueueError): void {
    this.#writeCheck.failed(error);
    if (error.kind === "no-space") void this.#space.measure();
  }

  /** Both directories: they may be on different file systems. */
  async #tryWriting(): Promise<void> {
    const { files, directory } = this.#options;
    await this.#space.measure();
    await this.#journal.verify();
    await tryWriting(files, journalDirectory(directory));
    await tryWriting(files, directory);
  }

  #open(entry: SpoolEntry): MaybePromise<LiveClaim | undefined> {
    if (entry.stored !== undefined) return this.#makeClaim(entry, entry.stored);
    return this.#reader.read(entry).then((stored) => stored && this.#makeClaim(entry, stored));
  }

  #makeClaim(entry: SpoolEntry, stored: Stored): LiveClaim {
    entry.stored = stored;
    return new LiveClaim(stored.message, entry.claimed === "early", {
      content: () => this.#store.content(stored),
      settle: (settlement) => this.#settle(entry, stored.message, settlement),
      release: (until) => this.#release(entry, until),
    });
  }

  /** Records a settlement. The usual one, everything delivered from the journal, waits for nothing. */
  #settle(entry: SpoolEntry, message: QueuedMessage, settlement: Settlement): MaybePromise<void> {
    this.#assertOpen();
    if (this.#list.get(entry.id) !== entry) return;
    applySettlement(message, settlement);
    entry.unrecorded = true;
    if (isFinished(message) && !entry.recording?.busy) return this.#finish(entry);
    return this.#record(entry);
  }

  /** Makes a message's state durable, once for all who ask meanwhile. @throws {QueueError} */
  #record(entry: SpoolEntry): Promise<void> {
    entry.recording ??= new SharedTask(() => this.#filing.run(() => this.#recordNow(entry)));
    return entry.recording.run();
  }

  async #recordNow(entry: SpoolEntry): Promise<void> {
    if (this.#list.get(entry.id) !== entry) return;
    const read = await this.#store.load(entry);
    // A claim made during the read has the message that counts.
    const stored = entry.stored ?? read;
    if (isFinished(stored.message)) return this.#finish(entry);
    await this.#store.file(entry, stored).catch((error) => {
      this.#failed(error);
      throw error;
    });
  }

  #finish(entry: SpoolEntry): void {
    this.#store.finish(entry);
    this.#list.remove(entry);
  }

  /** Gives a claim back, after what is being recorded of it is. */
  #release(entry: SpoolEntry, until?: number): void {
    if (!entry.recording?.busy) return this.#giveBack(entry, until);
    entry.givingBack = entry.recording.idle().then(() => this.#giveBack(entry, until));
    this.#inBackground(entry.givingBack);
  }

  #giveBack(entry: SpoolEntry, until?: number): void {
    if (this.#list.get(entry.id) !== entry) return;
    entry.recording = undefined;
    entry.givingBack = undefined;
    this.#list.giveBack(entry, entry.stored!.message, this.#options.clock.now(), until);
    this.#store.forget(entry);
  }

  /** Files what keeps old segments, so that they can go. Never rejects. */
  async #emptySurplus(journal: Journal): Promise<void> {
    for (const segment of journal.surplus()) {
      this.#store.cleanUpAgain(segment);
      const entries = [...segment.needed].map((id) => this.#list.get(id));
      const journaled = entries.filter((entry) => entry !== undefined)
        .filter(({ place }) => place.kind === "journal");
      const toRead = journaled.filter(({ stored }) => stored === undefined).length;
      const file = () => this.#fileAll(journaled);
      await (toRead < MANY ? file() : journal.withWhole(segment, file));
    }
  }

  /** Files messages, a few at a time; failures are logged. */
  #fileAll(entries: Iterable<SpoolEntry>): Promise<void> {
    return forEachLimited(entries, FILE_AT_ONCE, async (entry) => {
      try {
        await this.#record(entry);
      } catch (error) {
        const fields = { id: entry.id, error: messageOf(error) };
        log("queue").error("A message stays in the journal: it cannot be filed", fields);
      }
    });
  }

  #inBackground(work: Promise<void>): void {
    this.#background.add(work);
    void work.finally(() => this.#background.delete(work));
  }

  async #close(): Promise<void> {
    this.#list.dismissHeirs();
    await this.#reader.stop();
    await Promise.all([...this.#drafts.values()].map((draft) => draft.close()));
    await Promise.all(this.#background);
    await this.#fileAll([...this.#list.all()].filter(isUnfiled));
    await this.#store.close();
    await Promise.all(this.#background);
    await this.#writeCheck.idle();
    await this.#space.idle();
    this.#lock.release();
  }
}

/** Whether a message's state is not in its file, or on its way there. */
function isUnfiled(entry: SpoolEntry): boolean {
  return entry.place.kind === "journal" || entry.unrecorded || entry.recording?.busy === true;
}
