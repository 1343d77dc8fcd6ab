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
import { newId } from "./id.ts";
import { LiveClaim } from "./live_claim.ts";
import {
  type Claim,
  type CommitOptions,
  type Content,
  type Draft,
  type Queue,
  type QueueCounts,
  type QueuedMessage,
  QueueError,
  type Settlement,
  type Summary,
} from "./queue.ts";
import { applySettlement, isFinished, newMessage } from "./state.ts";
import { type Entry, entryOf, WaitingList } from "./waiting_list.ts";

/** A message of the queue, whole. */
interface MemoryEntry extends Entry {
  readonly message: QueuedMessage;
  readonly content: Content;
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
    return new MemoryDraft(id, (envelope, bytes, hold) => this.#add(id, envelope, bytes, hold));
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

  summaries(): Iterable<Summary> {
    return this.#list.unclaimed();
  }

  read(id: string): Promise<QueuedMessage | undefined> {
    return Promise.resolve(structuredClone(this.#list.get(id)?.message));
  }

  counts(): QueueCounts {
    return this.#list.counts();
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #assertOpen(): void {
    if (this.#closed) throw new QueueError("storage", "the queue is closed");
  }

  #add(id: string, envelope: Envelope, bytes: Uint8Array, hold: boolean): QueuedMessage {
    this.#assertOpen();
    const now = this.#clock.now();
    const facts = { size: bytes.length, eightBit: hasEightBit(bytes) };
    const message = newMessage(id, now, envelope, facts, hold);
    this.#list.add({ ...entryOf(message, now), message, content: memoryContent(bytes) });
    return message;
  }

  #makeClaim(entry: MemoryEntry): Claim {
    return new LiveClaim(entry.message, entry.early, {
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
type AddDraft = (envelope: Envelope, bytes: Uint8Array, hold: boolean) => QueuedMessage;

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
      return this.#add(envelope, concat(this.#chunks), options.hold ?? false);
    });
  }

  abort(): void {
    this.#open = false;
    this.#chunks = [];
  }
}
