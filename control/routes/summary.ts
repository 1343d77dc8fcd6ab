/**
 * The route that shows the queue by destination.
 *
 * @module
 */
import { z } from "zod";
import { time } from "../answer_schemas.ts";
import { STATES } from "../filter.ts";
import { type Route, route } from "../route.ts";
import { queueCounts } from "./status.ts";

const destination = z.object({
  destination: z.string().describe("A domain, or the next hop that messages were redirected to"),
  messages: z.int().describe("One with recipients in several destinations counts for each"),
  states: z.partialRecord(z.enum(STATES), z.int()).describe("How many of these do what"),
  size: z.int().describe("Octets of content"),
  oldest: time.describe("When the oldest arrived"),
  due: time.optional().describe("When the first is due; absent while all are held"),
  lastError: z.string().optional().describe("The last error of the oldest that has one"),
}).meta({ id: "Destination" });

const summary = z.object({
  at: time.describe("As of when: it may be some seconds old where much waits"),
  counts: queueCounts,
  destinations: z.array(destination).describe("Most messages first"),
  more: z.int().describe("Destinations that are not shown"),
}).meta({ id: "Summary" });

/** The queue by destination. */
export type SummaryAnswer = z.output<typeof summary>;

/** What waits where. */
export const SUMMARY_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/queue/summary",
    name: "summarizeQueue",
    summary: "The queue by destination: how much waits, since when, and why",
    params: z.object({}),
    query: z.strictObject({
      limit: z.coerce.number<string>().int().min(1).max(10_000).default(1000)
        .describe("The most destinations"),
    }),
    body: undefined,
    answers: { "application/json": summary },
    async handle({ target, query: { limit } }): Promise<SummaryAnswer> {
      const { at, counts, destinations } = await target.summaries.get();
      return {
        at,
        counts,
        destinations: destinations.slice(0, limit).map((one) => ({ ...one })),
        more: Math.max(0, destinations.length - limit),
      };
    },
  }),
];
