/**
 * The routes that stop the mail for domains, or all of it, and let it go again.
 *
 * @module
 */
import { z } from "zod";
import { time } from "../answer_schemas.ts";
import { domainText } from "../filter.ts";
import { type Route, route } from "../route.ts";
import type { MailHolds } from "../target.ts";

const holds = z.object({
  all: z.boolean().describe("Whether all mail is held"),
  domains: z.array(z.object({ domain: z.string(), since: time })),
}).meta({ id: "Holds" });

const held = z.object({
  changed: z.boolean().describe("False when it was so before"),
}).meta({ id: "HoldChanged" });

const nothing = z.object({});
const noQuery = z.strictObject({});
const oneDomain = z.object({ domain: domainText });

/** What is held now. */
export type HoldsAnswer = z.output<typeof holds>;

/** A route that changes what is held. */
function change<Params extends z.ZodObject>(
  method: "PUT" | "DELETE",
  path: string,
  texts: { readonly name: string; readonly summary: string; readonly description?: string },
  params: Params,
  apply: (holds: MailHolds, params: z.output<Params>) => Promise<boolean>,
): Route {
  return route({
    ...{ method, path, ...texts, params, query: noQuery, body: undefined },
    answers: { "application/json": held },
    handle: async ({ target, params }) => ({ changed: await apply(target.holds, params) }),
  });
}

/** What mail is held by its domain. */
export const HOLD_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/holds",
    name: "listHolds",
    summary: "The domains whose mail is held",
    params: nothing,
    query: noQuery,
    body: undefined,
    answers: { "application/json": holds },
    handle: ({ target: { holds } }): HoldsAnswer => ({
      all: holds.isAllHeld,
      domains: holds.heldDomains().map(({ domain, since }) => ({ domain, since })),
    }),
  }),
  change(
    "PUT",
    "/v1/hold",
    {
      name: "holdAll",
      summary: "Stops all delivery; mail is accepted",
    },
    nothing,
    (holds) => holds.holdAll(),
  ),
  change(
    "DELETE",
    "/v1/hold",
    {
      name: "releaseAll",
      summary: "Delivers again, but for the domains that are held",
    },
    nothing,
    (holds) => holds.releaseAll(),
  ),
  change(
    "PUT",
    "/v1/domains/{domain}/hold",
    {
      name: "holdDomain",
      summary: "Stops the mail for a domain",
      description: "From now on no recipient in it is tried, waiting or new, until that is taken " +
        "back; nor does one expire. Other recipients of the same messages are tried.",
    },
    oneDomain,
    (holds, { domain }) => holds.holdDomain(domain),
  ),
  change(
    "DELETE",
    "/v1/domains/{domain}/hold",
    {
      name: "releaseDomain",
      summary: "Lets the mail for a domain go again, at once",
    },
    oneDomain,
    (holds, { domain }) => holds.releaseDomain(domain),
  ),
];
