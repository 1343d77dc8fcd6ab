/**
 * The route that tells what happens while it happens.
 *
 * @module
 */
import { z } from "zod";
import type { StoryFact } from "../../history/story.ts";
import { FACT_KINDS } from "../answer_schemas.ts";
import { type Route, route } from "../route.ts";

const kindsInQuery = z.string().max(200).transform((text) => text.split(","))
  .pipe(z.array(z.enum(FACT_KINDS, { error: `expected some of ${FACT_KINDS.join(", ")}` })))
  .transform((kinds): ReadonlySet<StoryFact["kind"]> => new Set(kinds))
  .optional().describe("Facts of these kinds only, with commas between them");

/** What happens. */
export const EVENT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/events",
    name: "listen",
    summary: "What happens, as server-sent events, until the client goes",
    description: "`fact` has a fact of a message's story, `counts` how much is in the queue when " +
      "that has changed, and `missed` how many facts were left out: at most 200 a second are sent.",
    params: z.object({}),
    query: z.strictObject({
      kinds: kindsInQuery,
      id: z.string().max(64).optional().describe("Facts of this message or session only"),
    }),
    body: undefined,
    answers: { "text/event-stream": "text" },
    endless: true,
    handle({ target, by, query: { kinds, id }, signal }) {
      const wanted = (fact: StoryFact) =>
        (kinds === undefined || kinds.has(fact.kind)) && (id === undefined || fact.id === id);
      return new Response(target.audience.listen(wanted, signal, by), {
        headers: { "content-type": "text/event-stream" },
      });
    },
  }),
];
