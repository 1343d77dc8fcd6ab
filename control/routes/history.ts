/**
 * The routes that tell what became of messages, also of those that are gone.
 *
 * @module
 */
import { z } from "zod";
import type { Findings } from "../../history/messages.ts";
import type { RefusedFact, SessionFact, StoryFact } from "../../history/story.ts";
import { fact, messageId, time } from "../answer_schemas.ts";
import { idStart } from "../filter.ts";
import { ipAddress, mailboxPattern, timeText } from "../texts.ts";
import { Problem } from "../problem.ts";
import { type Route, route } from "../route.ts";
import type { ControlTarget } from "../target.ts";

const outcome = z.enum(["waiting", "delivered", "deferred", "failed", "removed"]);

const found = z.object({
  accepted: fact.describe("How it was accepted"),
  recipients: z.array(z.object({
    address: z.string(),
    formerly: z.array(z.string()).optional().describe("The addresses it was redirected from"),
    outcome,
    at: time.optional(),
    reply: z.string().optional(),
    host: z.string().optional(),
  })),
  finished: time.optional().describe("Absent while it is in the queue"),
}).meta({ id: "FoundMessage" });

/** A fact of a kind. */
const factOf = <const K extends StoryFact["kind"]>(kind: K) =>
  fact.extend({ kind: z.literal(kind) });

const refusals = z.object({ refusals: z.array(factOf("refused")) }).meta({ id: "Refusals" });
const sessions = z.object({ sessions: z.array(factOf("session")) }).meta({ id: "Sessions" });
const findings = z.object({
  messages: z.array(found),
  lookedBackTo: time.optional().describe(
    "The search ended here, having looked at as many messages as one may; `until` goes on from there",
  ),
}).meta({ id: "Findings" });
const story = z.object({ facts: z.array(fact) }).meta({ id: "Story" });

/** What became of a message, in order. */
export interface StoryAnswer {
  readonly facts: readonly StoryFact[];
}

/** The messages that were found. */
export type FindingsAnswer = Findings;

/** What was refused. */
export interface RefusalsAnswer {
  readonly refusals: readonly RefusedFact[];
}

/** The sessions that were found. */
export interface SessionsAnswer {
  readonly sessions: readonly SessionFact[];
}

const sender = mailboxPattern.optional().describe(
  "The sender; `*@example.org` is any in that domain, `<>` the null reverse-path",
);
const limit = z.coerce.number<string>().int().min(1).max(1000).default(100);

/** What refusals and sessions are found by. */
const SESSION_KEYS = {
  id: z.string().min(1).max(100).optional().describe("The session's id, as in the log"),
  client: ipAddress.optional().describe("The client's IP address"),
  since: timeText.optional().describe("Then or later: ISO 8601, or ms since 1970"),
  until: timeText.optional().describe("Before then"),
  limit,
};

/** What was. */
export const HISTORY_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/messages/{id}/story",
    name: "tellStory",
    summary: "All that happened to a message, in order, as far as it is kept",
    params: z.object({ id: messageId }),
    query: z.strictObject({}),
    body: undefined,
    answers: { "application/json": story },
    async handle({ target, params: { id } }): Promise<StoryAnswer> {
      const facts = await historyOf(target).story(id);
      if (facts.length > 0) return { facts };
      throw new Problem("not_found", `nothing is kept of a message ${id}`, { key: "id" });
    },
  }),
  route({
    method: "GET",
    path: "/v1/history",
    name: "findMessages",
    summary: "Messages that were accepted, and what became of each of their recipients",
    description: "Everything that is given has to hold.",
    params: z.object({}),
    query: z.strictObject({
      id: idStart.optional().describe("How its id begins"),
      from: sender,
      to: mailboxPattern.optional().describe(
        "A recipient, also after it was redirected; `*@example.org` is any in that domain",
      ),
      messageId: z.string().min(1).max(1000).optional().describe(
        "The Message-ID, with its angle brackets or without them",
      ),
      outcome: outcome.optional().describe("What became of such a recipient, as far as is known"),
      since: timeText.optional().describe(
        "Accepted then or later, or something happened to such a recipient; with `outcome`: that became of it then or later. ISO 8601, or ms since 1970",
      ),
      until: timeText.optional().describe("The same before then"),
      limit,
    }),
    body: undefined,
    answers: { "application/json": findings },
    handle: ({ target, query: { from, ...query }, signal }): Promise<FindingsAnswer> =>
      historyOf(target).find({ ...query, from: pathOf(from) }, signal),
  }),
  route({
    method: "GET",
    path: "/v1/history/refusals",
    name: "findRefusals",
    summary: "What clients were refused, the newest first",
    description: "Everything that is given has to hold.",
    params: z.object({}),
    query: z.strictObject({
      ...SESSION_KEYS,
      from: sender,
      to: mailboxPattern.optional().describe(
        "The recipient that was refused; `*@example.org` is any in that domain",
      ),
    }),
    body: undefined,
    answers: { "application/json": refusals },
    async handle({ target, query: { from, ...query }, signal }): Promise<RefusalsAnswer> {
      const question = { ...query, from: pathOf(from) };
      return { refusals: await historyOf(target).refusals(question, signal) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/history/sessions",
    name: "findSessions",
    summary: "Sessions that are over, the newest first: how long, what came, how they ended",
    description: "Everything that is given has to hold.",
    params: z.object({}),
    query: z.strictObject(SESSION_KEYS),
    body: undefined,
    answers: { "application/json": sessions },
    async handle({ target, query, signal }): Promise<SessionsAnswer> {
      return { sessions: await historyOf(target).sessions(query, signal) };
    },
  }),
];

/** A reverse-path as the history has it. */
function pathOf(mailbox: string | undefined): string | undefined {
  return mailbox === "<>" ? "" : mailbox;
}

function historyOf({ history }: ControlTarget): NonNullable<ControlTarget["history"]> {
  if (history !== undefined) return history;
  throw new Problem("not_available", "no history is kept here");
}
