/**
 * The story of one message for people: one sentence that answers where it is and
 * why, then what happened, in order, in plain words. Lines with a label and a tone
 * rather than markup, so that a terminal and a page can show the same. What peers
 * sent is in it as they sent it: who shows it escapes it. Pure; nothing here fails.
 *
 * @module
 */
import { actorText } from "../history/actor.ts";
import type {
  AcceptedFact,
  AttemptFact,
  FinishedFact,
  NoticeFact,
  RouteFact,
  Stages,
  StoryFact,
} from "../history/story.ts";
import type { ClientInfo, TlsInfo } from "../message/envelope.ts";
import { type Answer, answerOf, type Telling, type Tone } from "./story_answer.ts";
import {
  countText,
  hopText,
  listText,
  pathText,
  sizeText,
  spanText,
  type TimeWriter,
  withTimes,
} from "./words.ts";

/** A particular of what happened. */
export interface StoryLine {
  /** What it is about, in a word; empty where it goes on from the line before. */
  readonly label: string;
  readonly text: string;
}

/** One thing that happened. */
export interface StoryEvent {
  /** When, ms since 1970. */
  readonly at: number;
  readonly tone: Tone;
  /** What, in a sentence. */
  readonly title: string;
  readonly lines: readonly StoryLine[];
}

/** A story. */
export interface StoryText {
  /** Where the message is and why, in one sentence. */
  readonly answer: Answer;
  /** What happened, in order. */
  readonly events: readonly StoryEvent[];
}

/** Tells the story of a message from its facts, which are in order. */
export function storyText(facts: readonly StoryFact[], telling: Telling): StoryText {
  return {
    answer: answerOf(facts, telling),
    events: facts.map((fact) => eventOf(fact, telling.time)),
  };
}

/** One fact as an event. */
export function eventOf(fact: StoryFact, time: TimeWriter): StoryEvent {
  const { at } = fact;
  switch (fact.kind) {
    case "accepted":
      return { at, ...acceptedText(fact) };
    case "attempt":
      return { at, ...attemptText(fact, time) };
    case "waits": {
      const until = fact.until === undefined ? "" : ` until ${time(fact.until)}`;
      const title = `Not tried yet: ${fact.destination} waits${until}`;
      return { at, tone: "waiting", title, lines: [line("why", withTimes(fact.why, time))] };
    }
    case "notice":
      return { at, ...noticeText(fact) };
    case "steered": {
      const title = `${STEERED[fact.action]} by ${actorText(fact.by)}`;
      return { at, tone: "plain", title, lines: some("how", fact.detail) };
    }
    case "finished":
      return { at, ...finishedText(fact) };
    case "refused": {
      const whom = fact.to ?? fact.from;
      const { reply = "hung up on" } = fact;
      const title = `Refused${whom === undefined ? "" : ` ${pathText(whom)}`}: ${reply}`;
      const lines = [line("client", clientText(fact.client)), line("rule", fact.decision.rule)];
      return { at, tone: "bad", title, lines };
    }
    case "session": {
      const title = `Session with ${fact.client.address}: ${countText(fact.messages, "message")}`;
      const lines = [line("client", clientText(fact.client)), line("end", fact.end)];
      return { at, tone: "plain", title, lines };
    }
    default:
      return fact satisfies never;
  }
}

const STEERED: Readonly<Record<Extract<StoryFact, { kind: "steered" }>["action"], string>> = {
  hold: "Held",
  release: "Released",
  retry: "Made due at once",
  bounce: "Given up, to be returned to its sender,",
  remove: "Removed",
  redirect: "Redirected",
};

type Told = Omit<StoryEvent, "at">;

function line(label: string, text: string): StoryLine {
  return { label, text };
}

/** A line where there is something to say. */
function some(label: string, text: string | undefined): StoryLine[] {
  return text === undefined || text === "" ? [] : [line(label, text)];
}

/** Several texts under one label. */
function under(label: string, texts: readonly string[]): StoryLine[] {
  return texts.map((text, index) => line(index === 0 ? label : "", text));
}

const ORIGINS: Readonly<Record<NonNullable<AcceptedFact["origin"]>, string>> = {
  send: "the application that runs this server",
  notice: "this server: a notification",
  import: "an operator, as a file",
  "capture release": "an operator, who released a captured message",
  unknown: "no client; why it was queued here is not recorded",
};

function acceptedText(fact: AcceptedFact): Told {
  const { from, to, origin, client, size, took, messageId, subject, session, asked = [] } = fact;
  const title = `Accepted from ${pathText(from)} for ${listText(to)}` +
    (fact.held ? ", and held" : "");
  const facts = [sizeText(size), ...(took > 0 ? [`durable after ${spanText(took)}`] : [])];
  const lines = [
    origin === undefined ? line("client", clientText(client)) : line("brought by", ORIGINS[origin]),
    ...some("TLS", origin === undefined ? tlsText(client.tls) ?? "none" : undefined),
    ...some("user", client.user),
    ...under("rule", fact.decisions.map(decisionText)),
    ...some("asked", asked.join(" ")),
    ...some("subject", subject),
    ...some("Message-ID", messageId),
    line("size", facts.join(", ")),
    ...some("session", session),
  ];
  return { tone: "plain", title, lines };
}

function decisionText({ about, rule, recipient }: AcceptedFact["decisions"][number]): string {
  return `${about}${recipient === undefined ? "" : ` ${recipient}`}: ${rule}`;
}

function clientText(
  { address, port, helo }: Pick<ClientInfo, "address" | "port" | "helo">,
): string {
  const where = address === "" ? "this program" : address;
  const called = helo === "" ? "" : `, who called itself ${helo}`;
  return `${where}${port > 0 ? ` port ${port}` : ""}${called}`;
}

function tlsText(tls: TlsInfo | undefined): string | undefined {
  if (tls === undefined) return undefined;
  const cipher = tls.cipher === undefined ? "" : ` ${tls.cipher}`;
  const shown = tls.fingerprint === undefined ? "" : `, certificate ${tls.fingerprint}`;
  return `${tls.version}${cipher}${shown}`;
}

const OUTCOMES: Readonly<Record<AttemptFact["outcome"], readonly [Tone, string]>> = {
  delivered: ["good", "Delivered"],
  deferred: ["waiting", "Tried, and put off"],
  failed: ["bad", "Tried, and failed for good"],
  mixed: ["waiting", "Tried, and recipients fared differently"],
};

function attemptText(fact: AttemptFact, time: TimeWriter): Told {
  const [tone, outcome] = OUTCOMES[fact.outcome];
  const hop = hopText(fact.host, fact.address);
  const where = hop === undefined ? ` (${fact.destination})` : ` at ${hop}`;
  const { recipients, results, reply, next, stages, took } = fact;
  const lines = [
    line("recipients", listText(recipients, 5)),
    ...routeLines(fact.route, fact.kept),
    ...some("TLS", demandedTls(fact)),
    ...(results === undefined
      ? [line("reply", reply)]
      : under("reply", results.map((one, i) => `${recipients[i]}: ${one.outcome}: ${one.reply}`))),
    ...some("stages", stagesText(stages, took)),
    ...(fact.outcome === "delivered" ? [] : [line("next", withTimes(next, time))]),
  ];
  return { tone, title: `${outcome}${where}`, lines };
}

function routeLines(route: RouteFact | undefined, kept: true | undefined): StoryLine[] {
  const over = kept && "over a connection that was kept open";
  if (route === undefined) return some("route", over);
  return [
    line("route", over ? `${route.why}, ${over}` : route.why),
    ...under("DNS", route.answers),
    ...under("passed over", route.skipped ?? []),
  ];
}

/** TLS of an attempt: what it was, whether it was verified, and under which policy. */
function demandedTls({ tls, address }: AttemptFact): string | undefined {
  if (tls === undefined) return undefined;
  const { session, policy, why } = tls;
  if (session === undefined && address === undefined) return undefined;
  const what = session === undefined
    ? "none"
    : `${tlsText(session)}, ${session.verified ? "verified" : "not verified"}`;
  return `${what}${why === undefined ? "" : `: ${why}`} (policy: ${policy})`;
}

const STAGES: readonly (readonly [keyof Stages, string])[] = [
  ["dns", "DNS"],
  ["connect", "connect"],
  ["greeting", "greeting"],
  ["ehlo", "EHLO"],
  ["tls", "TLS"],
  ["auth", "AUTH"],
  ["envelope", "envelope"],
  ["content", "content"],
];

function stagesText(stages: Stages, took: number): string {
  const parts = STAGES.flatMap(([stage, name]) => {
    const ms = stages[stage];
    return ms === undefined ? [] : [`${name} ${spanText(ms)}`];
  });
  const all = `${spanText(took)} in all`;
  return parts.length === 0 ? all : `${parts.join(", ")}; ${all}`;
}

const NEWS: Readonly<Record<NoticeFact["action"], string>> = {
  failed: "failed",
  delayed: "is delayed",
  relayed: "was handed on to a host that does not tell",
  delivered: "was delivered",
};

function noticeText({ action, recipients, noticeId, reason }: NoticeFact): Told {
  const whom = noticeId === undefined ? "Nobody was told" : "Its sender was told";
  const title = `${whom} that mail for ${listText(recipients)} ${NEWS[action]}`;
  const lines = [line("why", reason), ...some("notification", noticeId)];
  return { tone: action === "failed" ? "bad" : "plain", title, lines };
}

function finishedText({ delivered, bounced, removed }: FinishedFact): Told {
  const parts = [
    ...(delivered > 0 ? [`${delivered} delivered`] : []),
    ...(bounced > 0 ? [`${bounced} given up`] : []),
    ...(removed > 0 ? [`${removed} removed`] : []),
  ];
  const tone = bounced > 0 ? "bad" : delivered > 0 ? "good" : "plain";
  return { tone, title: `Gone from the queue: ${parts.join(", ") || "nothing left"}`, lines: [] };
}
