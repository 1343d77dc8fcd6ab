/**
 * What the API speaks for: a running server, or a spool that nobody serves. It is
 * put together in `server/`; what only a running server has is optional here, and
 * a route that needs it says so where it is missing.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { DeliverySteering } from "../deliver/steering.ts";
import type { StoryTaker } from "../history/story.ts";
import type { Queue } from "../queue/queue.ts";
import type { Audience } from "./events.ts";
import type { Inbox } from "./inbox/inbox.ts";
import type { Summaries } from "./summary.ts";

/** A message that somebody brings as a file. */
export interface ImportedMessage {
  /** The sender's mailbox; `""` is the null reverse-path. */
  readonly from: string;
  /** The recipients' mailboxes, at least one. */
  readonly to: readonly string[];
  /** All of it; a line may end in LF, CR or CRLF and is sent with CRLF. */
  readonly content: ReadableStream<Uint8Array>;
}

/** Where facts are told and heard. */
export interface StoryHub extends StoryTaker {
  /** Adds a taker; gives a function that removes it. */
  add(taker: StoryTaker): () => void;
}

/** What the API can see and steer. */
export interface ControlTarget {
  readonly clock: Clock;
  readonly queue: Queue;
  /** The handle on the delivery loop; absent where no server runs. */
  readonly steering?: DeliverySteering;
  /** Captured mail; absent where none is kept apart. */
  readonly inbox?: Inbox;
  /** The queue by destination. */
  readonly summaries: Summaries;
  /** Those who listen to what happens. */
  readonly audience: Audience;
  /** Hears of what is steered here, and tells what happens. */
  readonly stories: StoryHub;
  /** The program's version. */
  readonly version: string;
  /** What the server calls itself. */
  readonly hostname: string;
  /** Octets of content that a message may have. */
  readonly messageSize: number;
  /** Since when it runs, ms since 1970; absent where no server does. */
  readonly startedAt?: number;
  /** The metrics in the format of Prometheus; absent where no server runs. */
  readonly metrics?: () => Promise<string>;
  /** What is not ready yet, one line each; empty when mail is taken and delivered. */
  readonly notReady: () => readonly string[];
  /**
   * Queues a message as {@linkcode Queue} promises it.
   *
   * @throws {TypeError} for an address that is not a mailbox
   * @throws {RangeError} for content that is too large
   * @throws {QueueError} when it could not be made durable
   */
  readonly bring: (message: ImportedMessage) => Promise<{ readonly id: string }>;
  /** Has the configuration read again; absent where there is none to read, or no server runs. Never throws. */
  readonly reload?: () => Promise<ReloadOutcome>;
}

/** What a reload came to: what has changed, or why nothing has; a line each, without secrets. */
export type ReloadOutcome =
  | { readonly changes: readonly string[] }
  | { readonly problems: readonly string[] };
