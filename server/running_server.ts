/**
 * What a server is to who starts it: what is given to it besides its configuration,
 * and what can be asked of it while it runs. Types only.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import type { Hooks } from "../policy/hooks.ts";
import type { Queue, QueueCounts } from "../queue/queue.ts";
import type { BoundAddress } from "../transport.ts";
import type { ControlAddresses } from "./control.ts";
import type { Listeners, ServerEvents } from "./events.ts";
import type { OutgoingMessage, SentMessage } from "./send.ts";

/** What an application adds to the configuration. */
export interface Extras {
  /** Where the application has its say. */
  readonly hooks?: Hooks;
  /** Who is told of events, from the first one on. */
  readonly on?: Listeners;
  /** The time; the machine's by default. */
  readonly clock?: Clock;
  /** The queue instead of the one on the spool; it is closed at the stop. */
  readonly queue?: Queue;
  /** Reads the configuration again, for a reload that is not given one. */
  readonly reread?: () => Promise<Reread>;
}

/** A configuration that was read again. */
export interface Reread {
  readonly config: Config;
  /** Called once the server goes by it: puts in force what is no part of it, and tells what that has changed, a line each. */
  readonly applied?: () => readonly string[];
}

/** A server that runs. */
export interface RunningServer {
  /** Where its API is. */
  readonly control: ControlAddresses;
  /** Where it listens, in the order of the configuration. */
  readonly addresses: readonly BoundAddress[];
  /** How much is in the queue. */
  counts(): QueueCounts;
  /** Queues a message of the application's own; resolves once it is durable. Throws as the `send` of this room does. */
  send(message: OutgoingMessage): Promise<SentMessage>;
  /** Adds a listener; gives a function that removes it. */
  on<E extends keyof ServerEvents>(
    event: E,
    listener: (event: ServerEvents[E]) => void,
  ): () => void;
  /**
   * Stops: accepts nothing more, lets open transactions and deliveries finish
   * within the grace time, and files what is not delivered. Never throws; a
   * second call waits for the same stop.
   */
  stop(): Promise<void>;
}

/** A server that can go by another configuration. */
export interface ReloadableServer extends RunningServer {
  /**
   * Goes by another configuration from now on, or by the one that is read again: all of
   * it, or nothing. Gives what has changed, a line for each setting, without secrets.
   *
   * @throws {ReloadError} for a setting that cannot change while the server runs
   * @throws as the start does for what cannot be read or listened on
   */
  reload(config?: Config): Promise<readonly string[]>;
}
