/**
 * What a delivery status notification is made from, as plain data: its parts share it.
 *
 * @module
 */

/** What became of the recipients that a notification is about (RFC 3464 §2.3.3). */
export type DsnAction = "failed" | "delayed" | "relayed" | "delivered";

/** What decided about a recipient; a `DeliveryError` of the queue is one. */
export interface DsnReason {
  /** The code of the remote reply; absent when no reply decided it. */
  readonly code?: number;
  /** The enhanced status code. */
  readonly enhanced?: string;
  /** The remote reply, or our own words. */
  readonly text: string;
  /** The host that said it, as `name[address]:port`. */
  readonly hop?: string;
  /** Of a failure: false when the message's time ran out while it was still temporary. */
  readonly permanent: boolean;
}

/** A recipient that something is told of. */
export interface DsnRecipient {
  /** The mailbox. */
  readonly address: string;
  /** Whom the sender meant at first: ORCPT as it was given (RFC 3461 §4.2). */
  readonly orcpt?: string;
  /** What decided about it. */
  readonly reason: DsnReason;
  /** The status where a time is over that the sender set (RFC 2852 §4.1.3); it goes before that of the reason. */
  readonly overdue?: "5.4.7" | "4.4.7";
  /** When it was last tried, ms since 1970; absent when it never was. */
  readonly lastAttempt?: number;
  /** Until when it is tried, ms since 1970; of one that is delayed. */
  readonly retryUntil?: number;
}

/** What a notification is made from. */
export interface DsnInput {
  /** What became of all its recipients. */
  readonly action: DsnAction;
  /** What this server calls itself. */
  readonly hostname: string;
  /** The queue id of the original. */
  readonly id: string;
  /** The sender of the original, whom the notification goes to; not the null reverse-path. */
  readonly reversePath: string;
  /** The sender's own name for the transaction: ENVID as it was given (RFC 3461 §4.4). */
  readonly envid?: string;
  /** When the original was accepted, ms since 1970. */
  readonly arrived: number;
  /** When the original was to be delivered, ms since 1970, where its sender said so (RFC 2852 §5). */
  readonly deliverBy?: number;
  /** How long the original was to be held, as its sender said it: `for;…` or `until;…` (RFC 4865 §5.1.2). */
  readonly holdRequest?: string;
  /** The size of the original's content, octets. */
  readonly size: number;
  /** The start of the original's content: all of it, or at least its first `RETURNED_CONTENT` octets. */
  readonly content: Uint8Array;
  /** Whether to return the header section only, whatever fits. */
  readonly headersOnly: boolean;
  /** Whom it is about; at least one. */
  readonly recipients: readonly DsnRecipient[];
  /** The time now, ms since 1970. */
  readonly now: number;
  /** A number in [0, 1), for the boundary and the Message-ID. */
  readonly random: () => number;
}
