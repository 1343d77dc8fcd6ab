/**
 * What delivery tells about messages, as it happens.
 *
 * @module
 */
import type { DeliveryError } from "../queue/queue.ts";

/** Some recipients of a message, and what came of them. */
export interface DeliveryEvent {
  /** The message's id. */
  readonly id: string;
  /** Its sender; `""` is the null reverse-path. */
  readonly reversePath: string;
  /** The recipients it is about. */
  readonly recipients: readonly string[];
}

/** A next hop took a message for these recipients. */
export interface DeliveredEvent extends DeliveryEvent {
  /** The host that took it, `name[address]:port`. */
  readonly hop: string;
  /** Its reply, one line. */
  readonly reply: string;
}

/** These recipients will be tried again. */
export interface DeferredEvent extends DeliveryEvent {
  /** When, ms since 1970. */
  readonly nextAttempt: number;
  /** Why they were not delivered to. */
  readonly error: DeliveryError;
}

/** These recipients were given up, and the sender told where there is one to tell. */
export interface BouncedEvent extends DeliveryEvent {
  /** Why. */
  readonly error: DeliveryError;
  /** The id of the bounce in the queue; absent when nobody is told. */
  readonly bounceId?: string;
}

/** The events of delivery by name. */
export interface DeliveryEvents {
  /** A next hop took a message. */
  delivered: DeliveredEvent;
  /** Recipients will be tried again. */
  deferred: DeferredEvent;
  /** Recipients were given up. */
  bounced: BouncedEvent;
}

/** Who is told. */
export interface DeliveryObserver {
  /** Tells of one event. Never throws. */
  emit<E extends keyof DeliveryEvents>(event: E, detail: DeliveryEvents[E]): void;
}
