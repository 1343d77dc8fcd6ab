/**
 * By what a fact is found: its id, its sender and recipients, their domains, its
 * Message-ID, the client's address, and whether it is out of the ordinary. A key is a number made of these, the same
 * for two texts only by accident: whoever looks something up by keys compares
 * what was found with {@linkcode matches}.
 *
 * @module
 */
import { domainToASCII } from "node:url";
import { isAscii } from "../base/bytes.ts";
import { arrivalOf } from "../queue/id.ts";
import type { AttemptFact, SteerFact, StoryFact } from "./story.ts";

/** What is looked for. Everything that is given has to hold. */
export interface FactQuery {
  /** The message's id; of refusals and sessions that of the session. */
  readonly id?: string;
  /** The sender; `*@example.org` is any in that domain, `""` the null reverse-path. */
  readonly from?: string;
  /** A recipient; `*@example.org` is any in that domain. */
  readonly to?: string;
  /** The Message-ID, with its angle brackets or without them. */
  readonly messageId?: string;
  /** The client's IP address; of refusals and sessions. */
  readonly client?: string;
  /** The fact's time, ms since 1970: not before, and before. */
  readonly since?: number;
  readonly until?: number;
}

// What a key is of. The numbers keep equal texts of different kinds apart.
const ID = 1;
const FROM = 2;
const FROM_DOMAIN = 3;
const TO = 4;
const TO_DOMAIN = 5;
const MESSAGE_ID = 6;
const CLIENT = 7;
const EVENT = 8;
const STEERED = 9;
const EVENT_TO = 10;
const EVENT_TO_DOMAIN = 11;
const REDIRECTED = 12;
const REDIRECTED_DOMAIN = 13;

/** What addresses are of, and what their domains are of. */
const DOMAIN_KINDS = {
  [FROM]: FROM_DOMAIN,
  [TO]: TO_DOMAIN,
  [EVENT_TO]: EVENT_TO_DOMAIN,
  [REDIRECTED]: REDIRECTED_DOMAIN,
} as const;
type AddressKind = keyof typeof DOMAIN_KINDS;

/** A delivery that is over within this time of the message's arrival is found by its acceptance and has no keys of its own: that is nearly all there is. ms. */
export const PROMPT = 60_000;

/** What begins the pattern for any address in a domain. */
const ANY = "*@";

/** Takes the keys of a fact, which stands at `at`. */
export interface KeyTaker {
  /** Notes that the fact at `at` has this key. */
  add(key: number, at: number): void;
}

/** Gives the keys of a fact that stands at `at`. */
export function takeKeys(fact: StoryFact, at: number, taker: KeyTaker): void {
  taker.add(keyOf(ID, fact.id), at);
  switch (fact.kind) {
    case "accepted":
      takeAddress(FROM, fact.from, at, taker);
      for (const address of fact.to) takeAddress(TO, address, at, taker);
      if (fact.messageId !== undefined) taker.add(keyOf(MESSAGE_ID, bare(fact.messageId)), at);
      return;
    case "refused":
      taker.add(keyOf(CLIENT, fact.client.address), at);
      if (fact.from !== undefined) takeAddress(FROM, fact.from, at, taker);
      if (fact.to !== undefined) takeAddress(TO, fact.to, at, taker);
      return;
    case "session":
      taker.add(keyOf(CLIENT, fact.client.address), at);
      return;
    case "attempt":
      return isPrompt(fact) ? undefined : takeEvent(fact.recipients, at, taker);
    case "notice":
      return takeEvent(fact.recipients, at, taker);
    case "steered":
      return takeSteered(fact, at, taker);
    case "waits":
    case "finished":
      return;
    default:
      fact satisfies never;
  }
}

/** The keys that a fact has for certain when it is looked for. */
export function queryKeys({ id, from, to, messageId, client }: FactQuery): number[] {
  const keys: number[] = [];
  if (id !== undefined) keys.push(keyOf(ID, id));
  if (from !== undefined) keys.push(patternKey(FROM, from));
  if (to !== undefined) keys.push(patternKey(TO, to));
  if (messageId !== undefined) keys.push(keyOf(MESSAGE_ID, bare(messageId)));
  if (client !== undefined) keys.push(keyOf(CLIENT, client));
  return keys;
}

/** The key of what happened to a recipient, or to any, other than a prompt delivery; the second one is of what was done to all of a message. */
export function eventKeys(to: string | undefined): number[] {
  return to === undefined ? [keyOf(EVENT, "")] : [patternKey(EVENT_TO, to), keyOf(STEERED, "")];
}

/** The key of redirections from an address and to it. */
export function redirectionKey(address: string): number {
  return patternKey(REDIRECTED, address);
}

/** Whether a fact is one that is looked for. */
export function matches(fact: StoryFact, query: FactQuery): boolean {
  const { id, from, to, messageId, client, since = -Infinity, until = Infinity } = query;
  if (fact.at < since || fact.at >= until) return false;
  return (id === undefined || fact.id === id) &&
    (from === undefined || sendersOf(fact).some((address) => isLike(address, from))) &&
    (to === undefined || recipientsOf(fact).some((address) => isLike(address, to))) &&
    (messageId === undefined || messageIdOf(fact) === bare(messageId)) &&
    (client === undefined || clientOf(fact) === client);
}

/** An address as it is compared: in lower case, its domain in A-labels. */
export function comparable(address: string): string {
  if (isAscii(address)) return address.toLowerCase();
  const at = address.lastIndexOf("@") + 1;
  const domain = address.slice(at);
  return (address.slice(0, at) + (domainToASCII(domain) || domain)).toLowerCase();
}

function sendersOf(fact: StoryFact): readonly string[] {
  if (fact.kind === "accepted") return [fact.from];
  return fact.kind === "refused" && fact.from !== undefined ? [fact.from] : [];
}

function recipientsOf(fact: StoryFact): readonly string[] {
  if (fact.kind === "accepted") return fact.to;
  return fact.kind === "refused" && fact.to !== undefined ? [fact.to] : [];
}

function messageIdOf(fact: StoryFact): string | undefined {
  if (fact.kind !== "accepted" || fact.messageId === undefined) return undefined;
  return bare(fact.messageId);
}

function clientOf(fact: StoryFact): string | undefined {
  return fact.kind === "refused" || fact.kind === "session" ? fact.client.address : undefined;
}

/** Whether an address is the one that is looked for, or in the domain. */
export function isLike(address: string, pattern: string): boolean {
  if (!pattern.startsWith(ANY)) return comparable(address) === comparable(pattern);
  return domainOf(comparable(address)) === domainOf(comparable(pattern));
}

/** What stands after the last `@`; `""` for an address without a domain. */
function domainOf(address: string): string {
  const at = address.lastIndexOf("@");
  return at < 0 ? "" : address.slice(at + 1);
}

/** A Message-ID without what encloses it. */
function bare(messageId: string): string {
  const text = messageId.trim();
  return text.startsWith("<") && text.endsWith(">") ? text.slice(1, -1) : text;
}

function isPrompt({ outcome, at, took, id }: AttemptFact): boolean {
  return outcome === "delivered" && at + took - arrivalOf(id) < PROMPT;
}

function takeEvent(recipients: readonly string[], at: number, taker: KeyTaker): void {
  taker.add(keyOf(EVENT, ""), at);
  for (const address of recipients) takeAddress(EVENT_TO, address, at, taker);
}

function takeSteered({ redirected = [] }: SteerFact, at: number, taker: KeyTaker): void {
  taker.add(keyOf(EVENT, ""), at);
  taker.add(keyOf(STEERED, ""), at);
  for (const { from, to } of redirected) {
    takeAddress(REDIRECTED, from, at, taker);
    takeAddress(REDIRECTED, to, at, taker);
  }
}

function takeAddress(kind: AddressKind, address: string, at: number, to: KeyTaker): void {
  const text = comparable(address);
  to.add(keyOf(kind, text), at);
  to.add(keyOf(DOMAIN_KINDS[kind], domainOf(text)), at);
}

function patternKey(kind: AddressKind, pattern: string): number {
  const text = comparable(pattern);
  if (!text.startsWith(ANY)) return keyOf(kind, text);
  return keyOf(DOMAIN_KINDS[kind], domainOf(text));
}

/** FNV-1a over the text's UTF-16 units, 32 bits, with a last stir because the upper bits choose the place in an index. */
function keyOf(kind: number, text: string): number {
  let hash = 0x811c9dc5 ^ kind;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
