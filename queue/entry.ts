/**
 * What a queue knows of a message without reading it: what a list shows, and by
 * what it is claimed, called and counted. Kept in memory for each waiting message,
 * so it is small: what many messages have in common is there once. Cannot fail.
 *
 * @module
 */
import { ownText } from "../base/own_text.ts";
import { mailDomain } from "../protocol/domain.ts";
import type { HeapEntry } from "./due_heap.ts";
import type { HostWaiter } from "./host_waiters.ts";
import { arrivalOf } from "./id.ts";
import {
  type DeliveryError,
  isHostFailure,
  type MessageState,
  type Overview,
  type QueuedMessage,
  type Recipient,
} from "./queue.ts";
import { dueTime, isFinishedRecipient } from "./state.ts";

/** Where a message waits to go. */
interface Destinations {
  /** Its next hop, or the domains of its unfinished recipients, in their canonical form, each once. */
  readonly names: readonly string[];
  /** Whether it has a next hop of its own. */
  readonly isNextHop: boolean;
}

/** How much of an error is kept, characters. */
const ERROR_LENGTH = 200;
/** How many texts are shared at once; how many there are is the peers' to choose. */
const SHARED_TEXTS = 10_000;

/** Values made from texts, each made once and shared; it forgets them all when there are too many. */
class Shared<V> {
  readonly #values = new Map<string, V>();
  readonly #make: (text: string) => V;

  constructor(make: (text: string) => V) {
    this.#make = make;
  }

  of(text: string): V {
    let value = this.#values.get(text);
    if (value === undefined) {
      if (this.#values.size >= SHARED_TEXTS) this.#values.clear();
      value = this.#make(text);
      this.#values.set(text, value);
    }
    return value;
  }
}

// Most messages wait for one domain, and many for the same reason.
const toDomain = new Shared((domain): Destinations => ({ names: [domain], isNextHop: false }));
const toNextHop = new Shared((nextHop): Destinations => ({ names: [nextHop], isNextHop: true }));
const errors = new Shared((text) => text);

/** A text cut to what is kept of an error. A mere slice would keep all of it in memory. */
function shortError(text: string): string {
  return errors.of(text.length <= ERROR_LENGTH ? text : ownText(text.slice(0, ERROR_LENGTH)));
}

function domainsOf(addresses: readonly string[]): Destinations {
  const [first] = addresses;
  if (first !== undefined && addresses.length === 1) return toDomain.of(mailDomain(first));
  const names = [...new Set(addresses.map(mailDomain))];
  return names.length === 1 ? toDomain.of(names[0]!) : { names, isNextHop: false };
}

/** Whether a recipient waits for a host rather than for a verdict on itself. */
function waitsForHost({ status, lastError }: Recipient): boolean {
  return status === "waiting" && isHostFailure(lastError);
}

/** A message of a queue, as it is known in memory. Stores add what they need to find it. */
export class Entry implements HeapEntry, HostWaiter, Overview {
  /** The message's id. */
  readonly id: string;
  /** Octets of content. */
  readonly size: number;
  /** When it is due, ms since 1970; Infinity while it is held. */
  due = 0;
  /** What it does while nobody has claimed it, as of the last {@linkcode update}. */
  rest: Exclude<MessageState, "active"> = "incoming";
  /** The reverse-path and the unfinished recipients, a line each: one text takes less than a list of them. */
  #addresses = "";
  #destinations!: Destinations;
  /** See {@linkcode Overview.hostFailure}. */
  hostFailure = false;
  /** See {@linkcode Overview.attempts}. */
  attempts = 0;
  /** See {@linkcode Overview.lastError}. */
  lastError: string | undefined = undefined;
  order = 0;
  position = -1;
  /** Whether it waits, by itself or parked, or who has it got it when it was due, or early: woken, or claimed by id. */
  stage: "waiting" | "parked" | "due" | "early" = "waiting";

  /** The entry of a message as of `now`, ms since 1970. */
  constructor(message: QueuedMessage, now: number) {
    this.id = message.id;
    this.size = message.size;
    this.update(message, now);
  }

  /** Takes in what became of its message, as of `now`, ms since 1970. */
  update(message: QueuedMessage, now: number): void {
    const addresses: string[] = [];
    let error: DeliveryError | undefined;
    this.attempts = 0;
    this.hostFailure = false;
    // One pass: this is done for every message that comes and goes.
    for (const recipient of message.recipients) {
      if (isFinishedRecipient(recipient)) continue;
      addresses.push(recipient.address);
      error ??= recipient.lastError;
      if (recipient.attempts > this.attempts) this.attempts = recipient.attempts;
      if (waitsForHost(recipient)) this.hostFailure = true;
    }
    const { nextHop, envelope } = message;
    this.due = dueTime(message, now);
    this.#addresses = [envelope.reversePath, ...addresses].join("\n");
    this.#destinations = nextHop === undefined ? domainsOf(addresses) : toNextHop.of(nextHop);
    this.lastError = error && shortError(error.text);
    this.rest = this.#restOf(message, now);
  }

  #restOf(message: QueuedMessage, now: number): Entry["rest"] {
    if (message.captured) return "captured";
    if (message.held) return "held";
    if (this.attempts > 0 || this.lastError !== undefined) return "deferred";
    return (message.envelope.release ?? now) > now ? "scheduled" : "incoming";
  }

  /** Whether somebody has it: since it was due, or since before its time. */
  get claimed(): false | "due" | "early" {
    return this.stage === "due" || this.stage === "early" ? this.stage : false;
  }

  /** See {@linkcode Overview.parked}. */
  get parked(): boolean {
    return this.stage === "parked";
  }

  /** What it does now. */
  get state(): MessageState {
    return this.claimed ? "active" : this.rest;
  }

  /** Whether it is delivered only when somebody releases it. */
  get isHeld(): boolean {
    return this.rest === "held" || this.rest === "captured";
  }

  /** Where it waits to go: see {@linkcode HostWaiter}. */
  get destinations(): readonly string[] {
    return this.#destinations.names;
  }

  /** See {@linkcode Overview.arrived}. */
  get arrived(): number {
    return arrivalOf(this.id);
  }

  /** See {@linkcode Overview.reversePath}. */
  get reversePath(): string {
    return this.#addresses.slice(0, this.#addresses.indexOf("\n"));
  }

  /** See {@linkcode Overview.recipients}. */
  get recipients(): readonly string[] {
    return this.#addresses.split("\n").slice(1);
  }

  /** See {@linkcode Overview.domains}. */
  get domains(): readonly string[] {
    const { names, isNextHop } = this.#destinations;
    return isNextHop ? domainsOf(this.recipients).names : names;
  }

  /** See {@linkcode Overview.nextHop}. */
  get nextHop(): string | undefined {
    const { names, isNextHop } = this.#destinations;
    return isNextHop ? names[0] : undefined;
  }

  /** What is known of it now, to keep. */
  overview(): Overview {
    const { id, state, arrived, size, reversePath, recipients, domains, nextHop } = this;
    const { attempts, due, parked, hostFailure, lastError } = this;
    return {
      ...{ id, state, arrived, size, reversePath, recipients, domains },
      ...(nextHop !== undefined && { nextHop }),
      ...{ attempts, due, parked, hostFailure, lastError },
    };
  }
}
