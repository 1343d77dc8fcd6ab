/**
 * What a queue is: the promise behind "250", the states of a message and of its
 * recipients, and the calls through which mail enters, is claimed for delivery,
 * and is settled. Stores implement it; `docs/queue.md` numbers the states.
 *
 * @module
 */
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { Envelope, TlsInfo } from "../message/envelope.ts";

/**
 * What is known of one recipient.
 * - `waiting`: to be tried at `nextAttempt`; "deferred" once `attempts` is above 0
 * - `delivered`: a next hop took it, or it was dropped by request
 * - `relayed`: a next hop took it that tells nobody, and its sender, who asked to be told, has not been yet
 * - `failed`: given up for good; its sender has not been told yet
 * - `bounced`: given up, and its sender told, or nobody is to be told
 */
export type RecipientStatus = "waiting" | "delivered" | "relayed" | "failed" | "bounced";

/** What a failure touches: this connection, every message to this host, this message wherever it goes, or one recipient. */
export type FailureScope = "session" | "host" | "message" | "recipient";

/** Why a recipient was not delivered to. */
export interface DeliveryError {
  /** The code of the reply that decided it; absent when no reply came. */
  readonly code?: number;
  /** The enhanced status code, from the reply or given by us (RFC 3463). */
  readonly enhanced?: string;
  /** The remote reply or our own words; one line, printable, at most 1,000 characters. */
  readonly text: string;
  /** The host that said it, as `name[address]:port`; absent when none was reached. */
  readonly hop?: string;
  /** What it touches. */
  readonly scope: FailureScope;
  /** Whether trying again is pointless. */
  readonly permanent: boolean;
}

/** Whether the error is of a host or a connection, and not a verdict on a message or recipient. */
export function isHostFailure(error: DeliveryError | undefined): boolean {
  return error?.scope === "host" || error?.scope === "session";
}

/** One recipient of a queued message. */
export interface Recipient {
  /** The forward-path's mailbox: as accepted, or to which it was redirected since. */
  readonly address: string;
  /** What is known of it. */
  status: RecipientStatus;
  /** How many times delivery was tried. */
  attempts: number;
  /** When it is tried next, ms since 1970; only of use while waiting. */
  nextAttempt: number;
  /** The last failure. */
  lastError?: DeliveryError;
  /** Whether its sender was told that it is delayed. */
  delayTold?: boolean;
}

/** One attempt to deliver to some recipients of a message: a line of its history. */
export interface Attempt {
  /** When it began, ms since 1970. */
  readonly at: number;
  /** How long it took, ms. */
  readonly took: number;
  /** What was tried: the recipients' domain, or the smarthost. */
  readonly destination: string;
  /** The positions of its recipients in the message's list. */
  readonly recipients: readonly number[];
  /** The host's name that decided it; absent when none was found. */
  readonly host?: string;
  /** The address and port connected to, as `address:port`. */
  readonly address?: string;
  /** The TLS session; absent when plaintext was used. */
  readonly tls?: TlsInfo;
  /** The reply or error that decided it, one line. */
  readonly reply: string;
  /** What became of it: `mixed` when recipients fared differently. */
  readonly outcome: "delivered" | "deferred" | "failed" | "mixed";
  /** What happens next and why, one line. */
  readonly next: string;
}

/** A message in the queue, without its content. */
export interface QueuedMessage {
  /** Time-sortable, 80 random bits, only `[0-9A-Z]`. */
  readonly id: string;
  /** When it was accepted, ms since 1970. */
  readonly arrived: number;
  /** As accepted. */
  readonly envelope: Envelope;
  /** Octets of content. */
  readonly size: number;
  /** Whether the content holds an octet above 127. */
  readonly eightBit: boolean;
  /** One for each of `envelope.recipients`, in that order. */
  readonly recipients: Recipient[];
  /** The latest attempts, oldest first, at most {@linkcode HISTORY_LENGTH}. */
  readonly history: Attempt[];
  /** Held: not delivered until released. */
  readonly held: boolean;
  /** Captured: kept to be looked at; held, and never delivered itself. */
  readonly captured?: true;
  /** Where it goes instead of to the hosts of its recipients' domains, as {@linkcode Steering} gave it. */
  readonly nextHop?: string;
}

/** How many attempts a message's history keeps. */
export const HISTORY_LENGTH = 100;

/** A message's content, exactly as accepted. */
export interface Content {
  /** Octets. */
  readonly size: number;
  /** All of it, when it is in memory. */
  readonly bytes?: Uint8Array;
  /**
   * All of it in order, in chunks of at most 64 KiB each; may be called again.
   *
   * @param into a buffer for one chunk after the other, each good until the next is
   *   asked for: of much content read at once, garbage would take more memory than
   *   the chunks in use. Without it every chunk has a buffer of its own.
   * @throws {QueueError} when it cannot be read
   */
  stream(into?: Uint8Array<ArrayBuffer>): AsyncIterable<Uint8Array>;
}

/** A message on its way in. Ends with exactly one of `commit` and `abort`. */
export interface Draft {
  /** The id it will have. */
  readonly id: string;
  /** What was written so far. */
  readonly content: Content;
  /**
   * Takes more content; the chunk is copied or written before this returns or
   * its promise resolves. Wait for the promise before the next call.
   *
   * Never throws for storage: a failure is kept and thrown by `commit`, so
   * that the dialogue can go on to the true end of the data.
   */
  write(chunk: Uint8Array): MaybePromise<void>;
  /**
   * Makes it durable: when this resolves, the message survives a crash and a
   * power cut.
   *
   * @throws {QueueError} when it could not be made durable; it is not queued then.
   */
  commit(envelope: Envelope, options?: CommitOptions): Promise<QueuedMessage>;
  /** Forgets it and what it wrote. Never throws. */
  abort(): MaybePromise<void>;
}

/** How a message enters the queue. */
export interface CommitOptions {
  /** Hold it instead of delivering it. */
  readonly hold?: boolean;
  /** Keep it to be looked at: it is held, with a mark that says that it is never delivered, see {@linkcode QueuedMessage.captured}. */
  readonly capture?: boolean;
}

/** What a settlement says of one recipient. */
export interface RecipientChange {
  /** Its position in the message's list. */
  readonly index: number;
  /** What it is from now on. */
  readonly status: RecipientStatus;
  /** Whether this counts as an attempt. */
  readonly tried: boolean;
  /** When to try next; for `waiting`. */
  readonly nextAttempt?: number;
  /** Why, when not delivered. */
  readonly error?: DeliveryError;
  /** Its sender was told that it is delayed. */
  readonly delayTold?: true;
}

/** What came of an attempt. */
export interface Settlement {
  /** One for each recipient that changes. */
  readonly changes: readonly RecipientChange[];
  /** Lines for the history, one for each host tried; absent when nothing was. */
  readonly attempts?: readonly Attempt[];
}

/** A message that the delivery loop holds; nobody else is given it meanwhile. */
export interface Claim {
  /** The message as it stands; changed only through `settle`. */
  readonly message: QueuedMessage;
  /** Whether it was claimed before its time: woken, or claimed by id. */
  readonly early: boolean;
  /** Opens the content. */
  content(): Content;
  /**
   * Records what became of some recipients. When it resolves: either every
   * recipient of the message is finished and it is gone from the queue, or what
   * changed is durable. Several may be under way at once for one claim.
   *
   * @throws {QueueError} when it could not be recorded; the message stays
   * claimed, and is in the queue again after `release`.
   */
  settle(settlement: Settlement): Promise<void>;
  /**
   * Gives the claim back: the message waits for its next due recipient, or, when
   * `failed` or `relayed` recipients are left, is due at once. After this the claim is dead.
   *
   * @param until ms since 1970: it is not due before. Not recorded on disk, a restart forgets it.
   */
  release(until?: number): void;
}

/**
 * What a message does in the queue.
 * - `active`: claimed, by the delivery loop or for a moment by who changes it
 * - `incoming`: never tried, and due as soon as there is room for it
 * - `deferred`: tried, or set aside because its destination does not answer
 * - `scheduled`: never tried, and its sender wants it released later (RFC 4865)
 * - `held`: not delivered until released
 * - `captured`: kept to be looked at, never delivered
 */
export type MessageState = "active" | "incoming" | "deferred" | "scheduled" | "held" | "captured";

/** A message in a few words, known without reading it from disk. */
export interface Overview {
  /** The message's id. */
  readonly id: string;
  /** What it does. */
  readonly state: MessageState;
  /** When it began to come in, ms since 1970; its id says so. */
  readonly arrived: number;
  /** Octets of content. */
  readonly size: number;
  /** The sender's mailbox; `""` is the null reverse-path. */
  readonly reversePath: string;
  /** The recipients that are not finished. */
  readonly recipients: readonly string[];
  /** Their domains, in their canonical form, each once. */
  readonly domains: readonly string[];
  /** Where it goes instead of to the hosts of these domains. */
  readonly nextHop?: string;
  /** How many times delivery was tried, to the recipient that was tried most. */
  readonly attempts: number;
  /** When the first of its recipients is due, ms since 1970, unless it is woken before; Infinity while it is held. */
  readonly due: number;
  /** Whether who delivers put it back until there is room for it or its destination answers; `due` is the latest, then. */
  readonly parked: boolean;
  /** Whether it waits because a host did not answer or answered for all messages (scope `host` or `session`). */
  readonly hostFailure: boolean;
  /** The last failure of one of its unfinished recipients, at most 200 characters of one line. */
  readonly lastError?: string;
}

/** How much is in a queue: messages not finished, in all and by what they do. */
export interface QueueCounts extends Readonly<Record<MessageState, number>> {
  /** All of them. */
  readonly messages: number;
  /** Of these: known by name only so far, because the spool is still being read. */
  readonly unread: number;
}

/**
 * What can be done to a message that is not being delivered.
 * - `hold`: it is not delivered until released
 * - `release`: it is no longer held
 * - `retry`: every recipient that waits is due now, or at the release that its sender chose
 * - `bounce`: every recipient that waits is given up, and its sender told; a hold ends with that
 * - `remove`: it is gone, and nobody is told
 * - `redirect`: it goes to `nextHop`, or with null to its recipients' domains again, and
 *   recipients that wait get other mailboxes, by the old ones; all that wait are due as with `retry`
 *
 * `retry` and `redirect` release nothing that is held.
 */
export type Steering =
  | { readonly kind: "hold" }
  | { readonly kind: "release" }
  | { readonly kind: "retry" }
  | { readonly kind: "bounce"; readonly error: DeliveryError }
  | {
    readonly kind: "remove";
    /** Given the message as it was, once it is gone: nobody else can tell its end. */
    readonly onRemoved?: (message: QueuedMessage) => void;
  }
  | {
    readonly kind: "redirect";
    readonly nextHop?: string | null;
    readonly recipients?: ReadonlyMap<string, string>;
  };

/**
 * What came of steering a message.
 * - `done`: it is as asked for, durably
 * - `gone`: there is no such message any more
 * - `busy`: it is being delivered, and was not given back in time
 * - `captured`: it is captured, and can only be removed
 */
export type SteerOutcome = "done" | "gone" | "busy" | "captured";

/** Why no message can be made durable. */
export interface StoreFault {
  readonly kind: QueueErrorKind;
  /** The system's code for it, such as `EROFS`; absent where it has none. */
  readonly code?: string;
}

/** What a queue takes on its disk. Octets. */
export interface Footprint {
  /** The journal's segments together. */
  readonly journal: number;
  /** How many segments there are. */
  readonly segments: number;
  /** What was left on the file system when it was last looked at; absent where that cannot be had. */
  readonly free?: number;
}

/** A durable queue of messages. */
export interface Queue {
  /**
   * Whether there is room for a message of `size` octets, as far as is known
   * without waiting; 0 where the size is not known. False does not mean that
   * there was, and true does not mean that there will be, room.
   */
  hasRoom(size: number): boolean;
  /** Begins a message. @throws {QueueError} `no-space` below the low-water mark. */
  draft(): Draft;
  /**
   * Claims messages that are due now, longest due first, at most `limit`.
   * A message is due when one of its recipients waits and its time has come,
   * or when one is `failed` or `relayed` and its sender has to be told.
   * A message that cannot be read is set aside and logged, not returned.
   */
  claim(limit: number): Promise<Claim[]>;
  /** Claims one message by id whether or not it is due; undefined when it is not there, held or already claimed. */
  claimById(id: string): Promise<Claim | undefined>;
  /** When the next unclaimed message is due, ms since 1970; Infinity when none waits. */
  nextDue(): number;
  /** Says whom to tell when `nextDue` became earlier than it was. One listener; a second replaces it. */
  onDue(listener: () => void): void;
  /**
   * Makes messages that wait because a host did not answer (see {@linkcode Overview.hostFailure})
   * due now: those with recipients in a domain, in its canonical form, or redirected
   * to that next hop, or all of them; gives how many there are in these domains. Does not go through the queue,
   * however long it is. Not recorded on disk: a restart forgets it.
   */
  wake(domain?: string): number;
  /**
   * Every message that is known, claimed ones included; new ones come last, else in no
   * order. The queue may change between one and the next: what is finished by then
   * is left out. Each changes with its message, and is made of what is read of it: take
   * from it at once what is to be kept.
   */
  overviews(): Iterable<Overview>;
  /** One message in a few words, as it is now; undefined when it is not known. */
  overview(id: string): Overview | undefined;
  /** The message as recorded, wherever it is; undefined when it is not in the queue. @throws {QueueError} when it cannot be read for now */
  read(id: string): Promise<QueuedMessage | undefined>;
  /** A message's content, read without a claim: it may be gone before the end. @throws {QueueError} when it cannot be read for now */
  contentOf(id: string): Promise<Content | undefined>;
  /**
   * Changes a message that nobody has claimed. Where somebody has, who listens to
   * `onRecall` is asked to give it back, and that is waited for, at most `wait` ms
   * (0 by default).
   *
   * @throws {QueueError} when it could not be made durable: then the message stays as
   * it was, but a crash may still leave it as it was to be; one that was to be
   * removed is gone, but a crash may bring it back.
   */
  steer(id: string, change: Steering, wait?: number): Promise<SteerOutcome>;
  /** Says whom to ask to give a claimed message back as soon as that can be. One listener; a second replaces it. */
  onRecall(listener: (id: string) => void): void;
  /** How much is in it. */
  counts(): QueueCounts;
  /** Tries, at most every few seconds and for two at most, whether a message could be made durable now; undefined when it could. Never rejects. */
  fault(): Promise<StoreFault | undefined>;
  /** What it takes on the disk; undefined where it is on none. */
  footprint(): Footprint | undefined;
  /** Files what is unfinished and gives up the store. Drafts and claims left open are lost or wait again. */
  close(): Promise<void>;
}

/** Why the queue could not do it. `no-space`: 452 4.3.1; `storage`: 451 4.3.0. */
export type QueueErrorKind = "no-space" | "storage";

/** A failure of the queue's store. */
export class QueueError extends Error {
  /** What kind of failure it is. */
  readonly kind: QueueErrorKind;
  /** Makes one; `cause` is the error of the system. */
  constructor(kind: QueueErrorKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "QueueError";
    this.kind = kind;
  }
}
