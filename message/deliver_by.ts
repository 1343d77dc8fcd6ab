/**
 * The time by which a sender wants its message delivered, and what is to become of it
 * then (DELIVERBY, RFC 2852). Nothing here fails.
 *
 * @module
 */

/** What a sender asked for with BY. */
export interface DeliverBy {
  /** Seconds, as BY has them; of `notify` they may be over already. */
  readonly seconds: number;
  /** When it is over: `return` the message, or `notify` the sender that it is delayed. */
  readonly mode: "return" | "notify";
  /** Whether the sender wants to be told of every host that the message goes by. */
  readonly trace?: true;
  /** When MAIL came, from which the seconds count (§4), ms since 1970; absent: the message's arrival. */
  readonly since?: number;
}

/** When that time is over, ms since 1970, of a message accepted at `arrived`. */
export function deliverByTime({ seconds, since }: DeliverBy, arrived: number): number {
  return (since ?? arrived) + 1000 * seconds;
}
