/**
 * The routes that show what is in the queue.
 *
 * @module
 */
import { z } from "zod";
import { decode } from "../../base/bytes.ts";
import { headerSection } from "../../message/headers.ts";
import type { Content, Overview } from "../../queue/queue.ts";
import { messageId, queuedMessage, queueEntry, queuePage } from "../answer_schemas.ts";
import { FILTER_KEYS, STATES } from "../filter.ts";
import { linesResponse } from "../lines.ts";
import { all, type ListQuestion, page, SORTS } from "../listing.ts";
import { Problem } from "../problem.ts";
import { type Route, route } from "../route.ts";

/** The most messages on a page. */
const LONGEST_PAGE = 1000;

/** How much of a header section is shown, octets. */
const SHOWN_HEADER = 64 * 1024;

/** In a query several states are written with commas. */
const statesInQuery = z.string().transform((text) => text.split(","))
  .pipe(z.array(z.enum(STATES, { error: `expected one of ${STATES.join(", ")}` })))
  .optional().describe("What it does; of several with commas between them, one")
  .meta({ examples: ["deferred", "incoming,scheduled"] });

const listQuery = z.strictObject({
  ...FILTER_KEYS,
  state: statesInQuery,
  sort: z.enum(SORTS).default("arrived").describe("What the list is in order of"),
  order: z.enum(["asc", "desc"]).default("asc").describe("Smallest or oldest first, or last"),
  limit: z.coerce.number<string>().int().min(1).max(LONGEST_PAGE).optional().describe(
    "The most messages; 100 where nothing else is said, and all of them as lines",
  ),
  cursor: z.string().max(4096).optional().describe("The `next` of the page before"),
});

/** A message as it is shown: JSON has no Infinity. */
export function entryOf(overview: Overview): z.output<typeof queueEntry> {
  const { id, state, arrived, size, reversePath, recipients, domains } = overview;
  const { nextHop, attempts, due, parked, hostFailure, lastError } = overview;
  return {
    ...{ id, state, arrived, size, reversePath },
    recipients: [...recipients],
    domains: [...domains],
    ...(nextHop !== undefined && { nextHop }),
    attempts,
    ...(due < Infinity && { due }),
    ...(parked && { parked }),
    hostFailure,
    ...(lastError !== undefined && { lastError }),
  };
}

/** The problem of a message that is not in the queue. */
export function notInQueue(id: string): Problem {
  return new Problem("not_found", `there is no message ${id} in the queue`, { key: "id" });
}

/** What lies in the queue. */
export const QUEUE_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/queue",
    name: "listQueue",
    summary: "The messages in the queue that match a filter, page by page",
    description: "As `application/x-ndjson` it is one message a line, without pages.",
    params: z.object({}),
    query: listQuery,
    body: undefined,
    answers: { "application/json": queuePage, "application/x-ndjson": queueEntry },
    async handle({ target, query, wantsLines, signal }) {
      const { sort, order, limit, cursor, ...filter } = query;
      const now = target.clock.now();
      const asked = { filter, sort, order, ...(cursor !== undefined && { cursor }) };
      if (wantsLines) {
        const question: ListQuestion = { ...asked, limit: limit ?? Infinity };
        return await linesResponse(all(target.queue, question, now, signal), entryOf);
      }
      const found = await page(target.queue, { ...asked, limit: limit ?? 100 }, now, signal);
      return { ...found, messages: found.messages.map(entryOf) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/queue/{id}",
    name: "getQueued",
    summary: "A message in the queue: its envelope, recipients, attempts and header section",
    params: z.object({ id: messageId }),
    query: z.strictObject({}),
    body: undefined,
    answers: { "application/json": queuedMessage },
    async handle({ target: { queue }, params: { id } }) {
      const [message, content] = [await queue.read(id), await queue.contentOf(id)];
      const overview = queue.overview(id);
      if (message === undefined || content === undefined || overview === undefined) {
        throw notInQueue(id);
      }
      return { ...message, state: overview.state, header: await headerOf(content) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/queue/{id}/content",
    name: "getQueuedContent",
    summary: "The content of a message in the queue, octet for octet",
    params: z.object({ id: messageId }),
    query: z.strictObject({}),
    body: undefined,
    answers: { "message/rfc822": "text" },
    async handle({ target: { queue }, params: { id } }) {
      const content = await queue.contentOf(id);
      if (content === undefined) throw notInQueue(id);
      return new Response(ReadableStream.from(content.stream()), {
        headers: {
          "content-type": "message/rfc822",
          "content-length": String(content.size),
          "content-disposition": `attachment; filename="${id}.eml"`,
        },
      });
    },
  }),
];

/** The start of a message's header section, as text. */
async function headerOf(content: Content): Promise<string> {
  const start = new Uint8Array(Math.min(content.size, SHOWN_HEADER));
  let filled = 0;
  for await (const chunk of content.stream()) {
    const part = chunk.subarray(0, start.length - filled);
    start.set(part, filled);
    filled += part.length;
    if (filled === start.length) break;
  }
  return decode(headerSection(start.subarray(0, filled)));
}
