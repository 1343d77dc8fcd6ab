/**
 * What the delivery loop is given: the queue, the settings, ways to find and reach
 * hosts, and who is told. No code, so nothing here fails.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { DeliverySettings } from "../config/config.ts";
import type { StoryTaker } from "../history/story.ts";
import type { Queue } from "../queue/queue.ts";
import type { SmtpClient } from "./client.ts";
import type { DeliveryObserver } from "./events.ts";
import type { Holds } from "./holds.ts";
import type { Pool } from "./pool.ts";
import type { Host, Route } from "./route.ts";

/** What delivery needs. */
export interface DeliveryOptions {
  readonly queue: Queue;
  readonly settings: DeliverySettings;
  /** What this server calls itself. */
  readonly hostname: string;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Finds the hosts of a destination; where TLS is required (RFC 8689), only those whose names are proven. */
  readonly route: (destination: string, requireTls: boolean) => Promise<Route>;
  /** Connects to a host, in verified TLS where that is required; gives up when the signal is aborted. @throws {DeliveryFailure} */
  readonly open: (host: Host, signal: AbortSignal, requireTls: boolean) => Promise<SmtpClient>;
  /** Keeps connections between messages. */
  readonly pool: Pool;
  /** Told what becomes of each message. */
  readonly stories: StoryTaker;
  readonly observer: DeliveryObserver;
  /** What an operator has stopped. */
  readonly holds: Holds;
}
