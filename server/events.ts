/**
 * What happens to messages, told to whoever listens. A listener that throws or
 * rejects is logged and changes nothing.
 *
 * @module
 */
import { log } from "../base/log.ts";
import type { DeliveryEvents } from "../deliver/events.ts";
import type { Envelope } from "../message/envelope.ts";

/** A message was made durable in the queue. */
export interface AcceptedEvent {
  /** The message's id. */
  readonly id: string;
  /** Who it is from and for, and who brought it. */
  readonly envelope: Envelope;
  /** Octets of content. */
  readonly size: number;
}

/** The events by name. */
export interface ServerEvents extends DeliveryEvents {
  /** A message is durable in the queue. */
  accepted: AcceptedEvent;
}

/** Functions that are told of events. */
export type Listeners = { readonly [E in keyof ServerEvents]?: (event: ServerEvents[E]) => void };

const logger = log("events");

/** Tells listeners of events. */
export class Events {
  #listeners = new Map<keyof ServerEvents, Set<(event: never) => void>>();

  /** Begins with these listeners. */
  constructor(listeners: Listeners = {}) {
    if (listeners.accepted) this.on("accepted", listeners.accepted);
    if (listeners.delivered) this.on("delivered", listeners.delivered);
    if (listeners.deferred) this.on("deferred", listeners.deferred);
    if (listeners.bounced) this.on("bounced", listeners.bounced);
  }

  /** Adds a listener; gives a function that removes it. */
  on<E extends keyof ServerEvents>(
    event: E,
    listener: (event: ServerEvents[E]) => void,
  ): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Tells every listener of the event. */
  emit<E extends keyof ServerEvents>(event: E, detail: ServerEvents[E]): void {
    const failed = (error: unknown) => logger.error("an event listener failed", { event, error });
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        const result = (listener as (event: ServerEvents[E]) => unknown)(detail);
        if (result instanceof Promise) result.catch(failed);
      } catch (error) {
        failed(error);
      }
    }
  }
}
