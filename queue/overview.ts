/**
 * What the queue knows of a message without reading it: what a list shows, and by
 * what it is sorted, called and counted. Kept in memory for each waiting message,
 * so it is small: texts that many messages have in common are there once. Pure.
 *
 * @module
 */
import { decode, encode } from "../base/bytes.ts";
import { mailDomain } from "../protocol/domain.ts";
import { arrivalOf } from "./id.ts";
import {
  isHostFailure,
  type MessageState,
  type Overview,
  type QueuedMessage,
  type Recipient,
} from "./queue.ts";
import { dueTime, isFinishedRecipient } from "./state.ts";

/** What a message does while nobody has claimed it. */
export type RestState = Exclude<MessageState, "active">;

/** What is known of a message; changes with its recipients. */
export interface Facts {
  /** See {@linkcode Overview.due}. */
  due: number;
  /** What it does while nobody has claimed it, as of when that was last said. */
  rest: RestState;
  /** The reverse-path and the unfinished recipients, a line each: one text takes less than a list of them. */
  addresses: string;
  /** Its next hop, or the domains of its unfinished recipients, in their canonical form, each once. */
  destinations: readonly string[];
  /** See {@linkcode Overview.hostFailure}. */
  hostFailure: boolean;
  /** See {@linkcode Overview.attempts}. */
  attempts: number;
  /** See {@linkcode Overview.lastError}. */
  lastError: string | undefined;
  /** Whether it has a next hop of its own. */
  redirected: boolean;
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

/** Lists of one: most messages wait for one domain. */
const lists = new Shared((domain): readonly string[] => [domain]);
const errors = new Shared((text) => text);

/** A text cut to what is kept of an error. A mere slice would keep all of it in memory. */
function shortError(text: string): string {
  return errors.of(
    text.length <= ERROR_LENGTH ? text : decode(encode(text.slice(0, ERROR_LENGTH))),
  );
}

function domainsOf(addresses: readonly string[]): readonly string[] {
  const [first] = addresses;
  if (first !== undefined && addresses.length === 1) return lists.of(mailDomain(first));
  const domains = [...new Set(addresses.map(mailDomain))];
  return domains.length === 1 ? lists.of(domains[0]!) : domains;
}

/** Whether a recipient waits for a host rather than for a verdict on itself. */
function waitsForHost({ status, lastError }: Recipient): boolean {
  return status === "waiting" && isHostFailure(lastError);
}

function restOf(message: QueuedMessage, now: number, wasTried: boolean): RestState {
  if (message.captured) return "captured";
  if (message.held) return "held";
  if (wasTried) return "deferred";
  return (message.envelope.release ?? now) > now ? "scheduled" : "incoming";
}

/** What is known of a message as of `now`, ms since 1970. */
export function factsOf(message: QueuedMessage, now: number): Facts {
  const open = message.recipients.filter((recipient) => !isFinishedRecipient(recipient));
  const addresses = open.map(({ address }) => address);
  const error = open.find(({ lastError }) => lastError !== undefined)?.lastError;
  const attempts = open.reduce((most, recipient) => Math.max(most, recipient.attempts), 0);
  const { nextHop, envelope } = message;
  return {
    due: dueTime(message, now),
    rest: restOf(message, now, attempts > 0 || error !== undefined),
    addresses: [envelope.reversePath, ...addresses].join("\n"),
    destinations: nextHop === undefined ? domainsOf(addresses) : lists.of(nextHop),
    hostFailure: open.some(waitsForHost),
    attempts,
    lastError: error && shortError(error.text),
    redirected: nextHop !== undefined,
  };
}

/** What a list shows of a message. */
export function overviewOf(
  entry: Facts & { readonly id: string; readonly size: number; readonly claimed: boolean },
): Overview {
  const { id, size, due, hostFailure, attempts, lastError, destinations } = entry;
  const [reversePath = "", ...recipients] = entry.addresses.split("\n");
  const overview: Overview = {
    id,
    state: entry.claimed ? "active" : entry.rest,
    arrived: arrivalOf(id),
    size,
    reversePath,
    recipients,
    domains: entry.redirected ? domainsOf(recipients) : destinations,
    attempts,
    due,
    hostFailure,
    lastError,
  };
  return entry.redirected ? { ...overview, nextHop: destinations[0] } : overview;
}
