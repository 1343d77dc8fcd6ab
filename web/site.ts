/**
 * What the page is made from: what the API speaks for, and what besides it the
 * views show.
 *
 * @module
 */
import type { ControlTarget } from "../control/target.ts";
import type { DeliverySteering } from "../deliver/steering.ts";
import type { History } from "../history/history.ts";

/** What the views show. */
export interface Site {
  readonly target: ControlTarget;
  /** What became of messages; absent where none is kept. */
  readonly history: Pick<History, "story"> | undefined;
  /** How the destinations are doing, and which domains are held. */
  readonly steering: Pick<DeliverySteering, "destinations" | "heldDomains" | "isAllHeld">;
  /** Whether mail that comes in is captured. */
  readonly capture: () => boolean;
}
