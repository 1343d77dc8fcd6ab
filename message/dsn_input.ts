/**
 * What a bounce is made from, as plain data: the parts of a bounce share it.
 *
 * @module
 */

/** Why a recipient was given up; a `DeliveryError` of the queue is one. */
export interface BounceReason {
  /** The code of the remote reply; absent when no reply decided it. */
  readonly code?: number;
  /** The enhanced status code. */
  readonly enhanced?: string;
  /** The remote reply, or our own words. */
  readonly text: string;
  /** The host that said it, as `name[address]:port`. */
  readonly hop?: string;
  /** False when the message's time ran out while the failure was still temporary. */
  readonly permanent: boolean;
}

/** A recipient that was given up. */
export interface FailedRecipient {
  /** The mailbox. */
  readonly address: string;
  /** The failure that decided it. */
  readonly reason: BounceReason;
  /** When it was last tried, ms since 1970; absent when it never was. */
  readonly lastAttempt?: number;
}

/** What a bounce is made from. */
export interface BounceInput {
  /** What this server calls itself. */
  readonly hostname: string;
  /** The queue id of the original. */
  readonly id: string;
  /** The sender of the original, whom the bounce goes to; not the null reverse-path. */
  readonly reversePath: string;
  /** When the original was accepted, ms since 1970. */
  readonly arrived: number;
  /** The size of the original's content, octets. */
  readonly size: number;
  /** The start of the original's content: all of it, or at least its first `RETURNED_CONTENT` octets. */
  readonly content: Uint8Array;
  /** Who did not get it; at least one. */
  readonly failed: readonly FailedRecipient[];
  /** The time now, ms since 1970. */
  readonly now: number;
  /** A number in [0, 1), for the boundary and the Message-ID. */
  readonly random: () => number;
}
