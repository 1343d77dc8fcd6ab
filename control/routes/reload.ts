/**
 * The route that has the configuration read again.
 *
 * @module
 */
import { z } from "zod";
import { Problem } from "../problem.ts";
import { type Route, route } from "../route.ts";

/** What a reload has changed. */
export const reloaded = z.object({
  changes: z.array(z.string()).describe("A line for each setting, e.g. `retry.first: 5m → 10m`"),
}).meta({ id: "Reloaded" });

const nothing = z.object({});

/** Reloading. */
export const RELOAD_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/reload",
    name: "reload",
    summary: "Reads the configuration, certificates and users again, as SIGHUP does",
    description: "All of it is put in force, or nothing: 409 says why it could not be.",
    params: nothing,
    query: z.strictObject({}),
    body: undefined,
    answers: { "application/json": reloaded },
    async handle({ target: { reload } }) {
      if (reload === undefined) throw new Problem("not_available", "no server runs");
      const outcome = await reload();
      if ("changes" in outcome) return { changes: [...outcome.changes] };
      throw new Problem("bad_configuration", outcome.problems.join("; "));
    },
  }),
];
