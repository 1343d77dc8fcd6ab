/**
 * The route that shows the queue by destination.
 *
 * @module
 */
import { z } from "zod";
import { time } from "../answer_schemas.ts";
import { STATES } from "../filter.ts";
import { type Route, route } from "../route.ts";
import type { ControlTarget } from "../target.ts";
import { deliveryStates, type DestinationSummary } from "../summary.ts";
import { queueCounts } from "./status.ts";

const destination = z.object({
  destination: z.string().describe("A domain, or the next hop that messages were redirected to"),
  redirected: z.literal(true).optional().describe("It is a next hop, and no recipient's domain"),
  messages: z.int().describe("One with recipients in several destinations counts for each"),
  states: z.partialRecord(z.enum(STATES), z.int()).describe("How many of these do what"),
  size: z.int().describe("Octets of content"),
  oldest: time.describe("When the oldest arrived"),
  due: time.optional().describe(
    "When the first is due; absent while all are held, or wait for the destination",
  ),
  lastError: z.string().optional().describe("The last error of the oldest that has one"),
  delivery: z.enum(["idle", "open", "resting", "probing", "held"]).optional().describe(
    "How the destination is doing: `resting` after it did not answer, `probing` when one message " +
      "is tried after that; absent where no server runs",
  ),
  until: time.optional().describe("When its rest ends"),
  failures: z.int().optional().describe("Attempts to reach it that have failed in a row"),
  active: z.int().optional().describe("Transactions under way"),
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
      const deliveryOf = delivering(target);
      return {
        at,
        counts,
        destinations: destinations.slice(0, limit).map((one) => ({
          ...one,
          ...deliveryOf(one),
        })),
        more: Math.max(0, destinations.length - limit),
      };
    },
  }),
];

/** How a destination is doing. */
function delivering(
  { steering }: ControlTarget,
): (one: DestinationSummary) => Partial<z.output<typeof destination>> {
  if (steering === undefined) return () => ({});
  const stateOf = deliveryStates(steering.destinations());
  return (one) => {
    const state = stateOf(one);
    if (state === undefined) return { delivery: "idle" };
    const { until, failures, active, error } = state;
    return {
      ...{ delivery: state.state, failures, active },
      ...(until !== undefined && { until }),
      // Why it rests is known for certain; what the messages say may be from another destination.
      ...(error !== undefined && { lastError: error.text }),
    };
  };
}
