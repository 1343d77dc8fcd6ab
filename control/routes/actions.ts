/**
 * The route that steers messages.
 *
 * @module
 */
import { z } from "zod";
import { act, actionResult } from "../act.ts";
import { actionSchema, steeringOf } from "../action.ts";
import { linesResponse } from "../lines.ts";
import { type Route, route } from "../route.ts";

/** What can be done to messages. */
export const ACTION_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/queue/actions",
    name: "steerQueue",
    summary: "Holds, releases, retries, bounces, removes or redirects messages",
    description: "Messages are named by `ids`, or by a `filter` that they match. With " +
      "`dryRun` nothing is done but the counting. As `application/x-ndjson` the count comes " +
      "again and again while it grows; `over` marks the last.",
    params: z.object({}),
    query: z.strictObject({}),
    body: actionSchema,
    answers: { "application/json": actionResult, "application/x-ndjson": actionResult },
    async handle({ target, by, body, wantsLines, signal }) {
      const steering = steeringOf(body);
      const results = act({ action: body, steering, target, by, signal });
      if (wantsLines) return await linesResponse(results, (result) => result, 1);
      return (await Array.fromAsync(results)).at(-1);
    },
  }),
];
