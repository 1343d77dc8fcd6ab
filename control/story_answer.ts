/**
 * Where a message is and why, in one sentence: what an administrator asked, before
 * the story that leads there. Pure; nothing here fails.
 *
 * @module
 */
import { actorText } from "../history/actor.ts";
import { fatesOf, type RecipientFate } from "../history/fates.ts";
import type { AcceptedFact, AttemptFact, StoryFact, WaitFact } from "../history/story.ts";
import { mailDomain } from "../protocol/domain.ts";
import { isHostFailure, type MessageState, type Recipient } from "../queue/queue.ts";
import {
  countText,
  hopText,
  listText,
  spanText,
  type TimeWriter,
  untilText,
  withTimes,
} from "./words.ts";

/** How something is to be looked at. */
export type Tone = "good" | "bad" | "waiting" | "plain";

/** The answer. */
export interface Answer {
  readonly tone: Tone;
  readonly text: string;
}

/** A message that is in the queue. */
export interface Present {
  readonly state: MessageState;
  readonly recipients: readonly Recipient[];
  /** Whether no server runs that would deliver it. */
  readonly noServer?: boolean;
  /** Whether all mail is held. */
  readonly allHeld?: boolean;
  /** The domains whose mail an operator holds. */
  readonly heldDomains?: readonly string[];
  /** Where it goes instead of to its recipients' domains. */
  readonly nextHop?: string;
}

/** What a story is told with. */
export interface Telling {
  /** ms since 1970. */
  readonly now: number;
  readonly time: TimeWriter;
  /** The message as it is in the queue; absent when it is not there. */
  readonly present?: Present;
}

/** Answers. */
export function answerOf(facts: readonly StoryFact[], telling: Telling): Answer {
  const { present } = telling;
  return present === undefined
    ? pastAnswer(facts, telling)
    : presentAnswer(present, facts, telling);
}

/** Of a message in the queue. */
function presentAnswer(
  present: Present,
  facts: readonly StoryFact[],
  telling: Telling,
): Answer {
  const { tone, text } = stateAnswer(present, facts, telling);
  const open = present.recipients.filter(isOpen);
  const finished = present.recipients.length - open.length;
  if (finished === 0) return { tone, text };
  const rest = `${open.length} of ${countText(present.recipients.length, "recipient")} left`;
  return { tone, text: `${text} (${rest}: ${listText(open.map(({ address }) => address))})` };
}

function isOpen({ status }: Recipient): boolean {
  return status !== "delivered" && status !== "bounced";
}

function stateAnswer(
  present: Present,
  facts: readonly StoryFact[],
  { now, time }: Telling,
): Answer {
  switch (present.state) {
    case "captured":
      return { tone: "plain", text: "Captured: kept to be looked at, and never delivered itself" };
    case "held":
      return { tone: "waiting", text: heldText(facts, now, time) };
    case "active":
      return { tone: "plain", text: `Being delivered at this moment${triesText(present)}` };
    case "scheduled": {
      const at = dueOf(present);
      const text = `Waiting: its sender wants it sent at ${time(at)} (${untilText(at, now)})`;
      return { tone: "waiting", text };
    }
    case "incoming":
    case "deferred":
      return { tone: "waiting", text: waitingText(present, facts, { now, time }) };
    default:
      return present.state satisfies never;
  }
}

function heldText(facts: readonly StoryFact[], now: number, time: Telling["time"]): string {
  const hold = facts.findLast((fact) => fact.kind === "steered" && fact.action === "hold");
  if (hold?.kind === "steered") {
    return `Held by ${actorText(hold.by)} at ${time(hold.at)} (${untilText(hold.at, now)}): ` +
      "not delivered until it is released";
  }
  return "Held since it was accepted: not delivered until it is released";
}

function waitingText(
  present: Present,
  facts: readonly StoryFact[],
  { now, time }: Telling,
): string {
  if (present.allHeld) return "Waiting: all mail is held until it is released";
  const held = heldDomain(present);
  if (held !== undefined) return `Waiting: all mail for ${held} is held until it is released`;
  const next = nextText(present, { now, time });
  const last = lastOf(facts);
  const why = last?.kind === "waits" ? withTimes(last.why, time) : errorText(present);
  if (why === undefined) return `Waiting for its first attempt, ${next}`;
  return `Waiting: ${why}${triesText(present)}, ${next}`;
}

function nextText(present: Present, { now, time }: Telling): string {
  if (present.noServer) return "next when a server is started: none runs";
  const at = dueOf(present);
  return at <= now ? "due now" : `next at ${time(at)} (${untilText(at, now)})`;
}

/** The domain that is held, when that of every recipient left is. */
function heldDomain({ recipients, heldDomains = [] }: Present): string | undefined {
  const domains = new Set(recipients.filter(isOpen).map(({ address }) => mailDomain(address)));
  const held = [...domains].filter((domain) => heldDomains.includes(domain));
  return held.length === domains.size ? listText(held) || undefined : undefined;
}

/** What decided last whether it goes. */
function lastOf(facts: readonly StoryFact[]): AttemptFact | WaitFact | undefined {
  const last = facts.findLast(({ kind }) => kind === "attempt" || kind === "waits");
  return last?.kind === "attempt" || last?.kind === "waits" ? last : undefined;
}

/** The last failure of the recipient that is tried next, or of the first that has one. */
function errorText({ recipients }: Present): string | undefined {
  const failed = recipients.filter(isOpen).toSorted((a, b) => a.nextAttempt - b.nextAttempt)
    .find(({ lastError }) => lastError !== undefined);
  const error = failed?.lastError;
  if (error === undefined) return undefined;
  if (error.code !== undefined) return `${error.hop ?? "the next hop"} answered ${error.text}`;
  const where = error.hop ?? (isHostFailure(error) ? mailDomain(failed!.address) : undefined);
  return where === undefined || error.text.includes(where) ? error.text : `${where}: ${error.text}`;
}

function triesText({ recipients }: Present): string {
  const attempts = Math.max(0, ...recipients.filter(isOpen).map(({ attempts }) => attempts));
  if (attempts === 0) return "";
  return `; tried ${attempts === 1 ? "once" : countText(attempts, "time")}`;
}

function dueOf({ recipients }: Present): number {
  return Math.min(...recipients.filter(isOpen).map(({ nextAttempt }) => nextAttempt));
}

/** Of a message that is not in the queue. */
function pastAnswer(facts: readonly StoryFact[], telling: Telling): Answer {
  const removal = facts.findLast((fact) => fact.kind === "steered" && fact.action === "remove");
  const isFinished = facts.some(({ kind }) => kind === "finished") || removal !== undefined;
  const accepted = facts.find((fact) => fact.kind === "accepted");
  if (accepted?.kind !== "accepted") return unknownAnswer(facts);
  const fates = fatesOf(accepted, facts);
  if (!isFinished) {
    const text = "Not in the queue any more, and the history does not tell its end";
    return { tone: "plain", text };
  }
  return fates.length === 1
    ? oneAnswer(fates[0]!, accepted, facts, telling)
    : manyAnswer(fates, telling);
}

function unknownAnswer(facts: readonly StoryFact[]): Answer {
  const text = facts.length === 0
    ? "Nothing is known of it: it was never here, or the history has forgotten it"
    : "Not in the queue; how it came in is older than the history";
  return { tone: "plain", text };
}

function oneAnswer(
  { address, outcome, at, reply, host }: RecipientFate,
  accepted: AcceptedFact,
  facts: readonly StoryFact[],
  { now, time }: Telling,
): Answer {
  const when = at === undefined ? "" : ` at ${time(at)} (${untilText(at, now)})`;
  switch (outcome) {
    case "delivered": {
      const last = facts.findLast((fact) => fact.kind === "attempt");
      const where = last?.kind === "attempt" ? hopText(last.host, last.address) : host;
      const to = where === undefined ? "" : `, to ${where}`;
      const took = at === undefined ? "" : `, ${spanText(at - accepted.at)} after it came`;
      return { tone: "good", text: `Delivered to ${address}${when}${to}${took}: ${reply}` };
    }
    case "failed":
      return { tone: "bad", text: `Given up${when}: ${saidBy(host, reply)}` };
    case "removed":
      return { tone: "plain", text: `${capital(reply ?? "removed")}${when}; nobody was told` };
    case "waiting":
    case "deferred":
      return { tone: "plain", text: "Gone from the queue; the history does not tell how" };
    default:
      return outcome satisfies never;
  }
}

function saidBy(host: string | undefined, reply = "no reason is known"): string {
  return host !== undefined && /^[245]\d\d\b/.test(reply) ? `${host} answered ${reply}` : reply;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function manyAnswer(fates: readonly RecipientFate[], { now, time }: Telling): Answer {
  const count = (outcome: RecipientFate["outcome"]) =>
    fates.filter((fate) => fate.outcome === outcome).length;
  const [delivered, failed, removed] = [count("delivered"), count("failed"), count("removed")];
  const at = Math.max(...fates.map((fate) => fate.at ?? 0));
  const when = at === 0 ? "" : ` at ${time(at)} (${untilText(at, now)})`;
  if (delivered === fates.length) {
    return { tone: "good", text: `Delivered to all ${fates.length} recipients, the last${when}` };
  }
  const parts = [
    `${delivered} of ${fates.length} recipients delivered`,
    ...(failed > 0 ? [`${failed} given up`] : []),
    ...(removed > 0 ? [`${removed} removed`] : []),
  ];
  const reason = fates.find(({ outcome }) => outcome === "failed");
  const why = reason === undefined
    ? ""
    : `; ${reason.address}: ${saidBy(reason.host, reason.reply)}`;
  return { tone: failed > 0 ? "bad" : "plain", text: `Over${when}: ${parts.join(", ")}${why}` };
}
