/**
 * The time by which a sender wants its message delivered, and what is to become of it
 * then (DELIVERBY, RFC 2852). Nothing here fails.
 *
 * @module
 */

/** What a sender asked for with BY. */
export interface DeliverBy {
  /** Seconds from when the message was accepted; of `notify` it may be over already. */
  readonly seconds: number;
  /** When it is over: `return` the message, or `notify` the sender that it is delayed. */
  readonly mode: "return" | "notify";
  /** Whether the sender wants to be told of every host that the message goes by. */
  readonly trace?: true;
}

/** When that time is over, ms since 1970, of a message accepted at `arrived`. */
export function deliverByTime({ seconds }: DeliverBy, arrived: number): number {
  return arrived + 1000 * seconds;
}
