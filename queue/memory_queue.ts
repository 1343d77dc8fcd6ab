/**
 * A queue in memory, for tests and for those who need no durability: the same
 * states and calls as the file store, and nothing survives the process. It
 * cannot fail, except that a closed one takes nothing.
 *
 * @module
 */
import { concat } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { hasEightBit } from "../base/scan.ts";
import type { Envelope } from "../message/envelope.ts";
import { memoryContent } from "./content.ts";
import { Entry } from "./entry.ts";
import { newId } from "./id.ts";
import { LiveClaim } from "./live_claim.ts";
import {
  type Claim,
  type CommitOptions,
  type Content,
  type Draft,
  type Overview,
  type Queue,
  type QueueCounts,
  type QueuedMessage,
  QueueError,
  type Settlement,
  type Steering,
  type SteerOutcome,
} from "./queue.ts";
import { applySettlement, isFinished, newMessage } from "./state.ts";
import { isSteerable, steered } from "./steering.ts";
import { WaitingList } from "./waiting_list.ts";

/** A message of the queue, whole. */
class MemoryEntry extends Entry {
  message: QueuedMessage;
  readonly content: Content;

  constructor(message: QueuedMessage, content: Content, now: number) {
    super(message, now);
    this.message = message;
    this.content = content;
  }
}

/** A queue that forgets everything when it is closed. */
export class MemoryQueue implements Queue {
  readonly #clock: Clock;
  readonly #list = new WaitingList<MemoryEntry>();
  #closed = false;

  /** Makes an empty one. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hasRoom(): boolean {
    return true;
  }

  draft(): Draft {
    this.#assertOpen();
    const id = newId(this.#clock.now(), (id) => this.#list.get(id) !== undefined);
    return new MemoryDraft(id, (...parts) => this.#add(id, ...parts));
  }

  claim(limit: number): Promise<Claim[]> {
    const entries = this.#closed ? [] : this.#list.takeDue(this.#clock.now(), limit);
    return Promise.resolve(entries.map((entry) => this.#makeClaim(entry)));
  }

  claimById(id: string): Promise<Claim | undefined> {
    const entry = this.#closed ? undefined : this.#list.take(id);
    return Promise.resolve(entry && this.#makeClaim(entry));
  }

  nextDue(): number {
    return this.#list.nextDue();
  }

  onDue(listener: () => void): void {
    this.#list.onDue(listener);
  }

  wake(domain?: string): number {
    return this.#list.wake(this.#clock.now(), domain);
  }

  overviews(): Iterable<Overview> {
    return this.#list.all();
  }

  overview(id: string): Overview | undefined {
    return this.#list.get(id)?.overview();
  }

  read(id: string): Promise<QueuedMessage | undefined> {
    return Promise.resolve(structuredClone(this.#list.get(id)?.message));
  }

  contentOf(id: string): Promise<Content | undefined> {
    return Promise.resolve(this.#list.get(id)?.content);
  }

  async steer(id: string, change: Steering, wait = 0): Promise<SteerOutcome> {
    this.#assertOpen();
    const entry = await this.#list.seize(id, wait, this.#clock);
    this.#assertOpen();
    if (typeof entry === "string") return entry;
    if (!isSteerable(entry.message, change)) {
      this.#release(entry);
      return "captured";
    }
    const { message } = entry;
    entry.message = steered(message, change, this.#clock.now());
    if (isFinished(entry.message)) this.#list.remove(entry);
    else this.#release(entry);
    if (change.kind === "remove") change.onRemoved?.(message);
    return "done";
  }

  onRecall(listener: (id: string) => void): void {
    this.#list.onRecall(listener);
  }

  counts(): QueueCounts {
    return { ...this.#list.counts(), unread: 0 };
  }

  fault(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  footprint(): undefined {
    return undefined;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#list.dismissHeirs();
    return Promise.resolve();
  }

  #assertOpen(): void {
    if (this.#closed) throw new QueueError("storage", "the queue is closed");
  }

  #add(id: string, envelope: Envelope, bytes: Uint8Array, options: CommitOptions): QueuedMessage {
    this.#assertOpen();
    const now = this.#clock.now();
    const facts = { size: bytes.length, eightBit: hasEightBit(bytes) };
    const message = newMessage(id, now, envelope, facts, options);
    this.#list.add(new MemoryEntry(message, memoryContent(bytes), now));
    return message;
  }

  #makeClaim(entry: MemoryEntry): Claim {
    return new LiveClaim(entry.message, entry.claimed === "early", {
      content: () => entry.content,
      settle: (settlement) => this.#settle(entry, settlement),
      release: (until) => this.#release(entry, until),
    });
  }

  #settle(entry: MemoryEntry, settlement: Settlement): void {
    this.#assertOpen();
    applySettlement(entry.message, settlement);
    if (isFinished(entry.message)) this.#list.remove(entry);
  }

  #release(entry: MemoryEntry, until?: number): void {
    if (this.#list.get(entry.id) !== entry) return;
    this.#list.giveBack(entry, entry.message, this.#clock.now(), until);
  }
}

/** Queues what a draft gathered. */
type AddDraft = (envelope: Envelope, bytes: Uint8Array, options: CommitOptions) => QueuedMessage;

class MemoryDraft implements Draft {
  readonly id: string;
  readonly #add: AddDraft;
  #chunks: Uint8Array[] = [];
  #open = true;

  constructor(id: string, add: AddDraft) {
    this.id = id;
    this.#add = add;
  }

  get content(): Content {
    return memoryContent(concat(this.#chunks));
  }

  write(chunk: Uint8Array): void {
    if (this.#open) this.#chunks.push(chunk.slice());
  }

  commit(envelope: Envelope, options: CommitOptions = {}): Promise<QueuedMessage> {
    return Promise.try(() => {
      if (!this.#open) throw new QueueError("storage", `draft ${this.id} has ended`);
      this.#open = false;
      return this.#add(envelope, concat(this.#chunks), options);
    });
  }

  abort(): void {
    this.#open = false;
    this.#chunks = [];
  }
}
