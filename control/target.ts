/**
 * What the API speaks for: a running server, or a spool that nobody serves. It is
 * put together in `server/`; what only a running server has is optional here, and
 * a route that needs it says so where it is missing.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { DeliverySteering } from "../deliver/steering.ts";
import type { RoutePlan } from "../deliver/plan.ts";
import type { History } from "../history/history.ts";
import type { Decision, StoryTaker } from "../history/story.ts";
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

/** Stops the mail for domains, or all of it; what is done is durable. */
export type MailHolds = Pick<
  DeliverySteering,
  "holdDomain" | "releaseDomain" | "heldDomains" | "holdAll" | "releaseAll" | "isAllHeld"
>;

/** The message that a plan is for, and who would bring it. */
export interface PlanQuestion {
  /** The reverse-path; `""` for the null one. */
  readonly from: string;
  readonly to: string;
  /** The client's IP address. */
  readonly client: string;
  /** Who would have logged in. */
  readonly user?: string;
  /** Whether the message would require TLS (RFC 8689). */
  readonly requireTls?: boolean;
}

/** Why a message would stay in the queue: it would be captured, all mail is held, or that for its domain. */
export const STAYS = ["captured", "all_held", "domain_held"] as const;

/** What would become of a message. */
export interface MailPlan {
  /** What its client would hear, and by which rules. */
  readonly receive: {
    readonly accepted: boolean;
    readonly reply: string;
    readonly decisions: readonly Decision[];
  };
  /** Where it would go. */
  readonly route: RoutePlan;
  /** Why it would stay here for now; absent when it would go, or where it is not known what is held. */
  readonly stays?: typeof STAYS[number];
}

/** Where facts are told and heard. */
export interface StoryHub extends StoryTaker {
  /** Adds a taker; gives a function that removes it. */
  add(taker: StoryTaker): () => void;
}

/** The words for what is in the way of mail. */
export const NOT_READY_CODES = [
  "starting",
  "stopping",
  "no_server",
  "listener_closed",
  "spool_full",
  "spool_unwritable",
] as const;

/** One of {@linkcode NOT_READY_CODES}. */
export type NotReadyCode = typeof NOT_READY_CODES[number];

/** Something that is in the way of mail: a word for programs, a sentence for people. */
export interface NotReady {
  readonly code: NotReadyCode;
  readonly text: string;
}

/** What the API can see and steer. */
export interface ControlTarget {
  readonly clock: Clock;
  readonly queue: Queue;
  /** The handle on the delivery loop; absent where no server runs. */
  readonly steering?: Pick<DeliverySteering, "destinations" | "letTry">;
  /** Captured mail; absent where none is kept apart. */
  readonly inbox?: Inbox;
  /** What mail is held by its domain. */
  readonly holds: MailHolds;
  /** What became of messages that may be gone; absent where none is kept. */
  readonly history?: Pick<History, "story" | "find" | "refusals" | "sessions">;
  /** What would become of a message. @throws {TypeError} when the client's address is none */
  readonly plan?: (question: PlanQuestion) => Promise<MailPlan>;
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
  /** What is in the way of mail; empty when it is taken. Never rejects. */
  readonly notReady: () => Promise<readonly NotReady[]>;
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
