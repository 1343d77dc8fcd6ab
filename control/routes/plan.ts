/**
 * The route that says what would become of a message.
 *
 * @module
 */
import { z } from "zod";
import { mailDomain } from "../../protocol/domain.ts";
import { deliveryError, time } from "../answer_schemas.ts";
import { mailboxText, senderText } from "../mailbox_text.ts";
import { Problem } from "../problem.ts";
import { type Route, route } from "../route.ts";
import { type MailHolds, type MailPlan, STAYS } from "../target.ts";
import { ipAddress } from "../texts.ts";

const question = z.strictObject({
  from: senderText.describe("Empty for the null reverse-path"),
  to: mailboxText,
  client: ipAddress.default("127.0.0.1").describe("The address of the client that would bring it"),
  user: z.string().min(1).max(256).optional().describe("Who it would have logged in as"),
  requireTls: z.boolean().optional().describe("Whether it would come with REQUIRETLS (RFC 8689)"),
}).meta({ id: "PlanQuestion" });

const plan = z.object({
  receive: z.object({
    accepted: z.boolean(),
    reply: z.string().describe("The reply to RCPT, or the first one before it that refuses"),
    decisions: z.array(z.object({
      about: z.string(),
      rule: z.string(),
      recipient: z.string().optional(),
    })).describe("The rules that are asked, in order"),
  }),
  route: z.object({
    destination: z.string(),
    route: z.object({ why: z.string(), answers: z.array(z.string()), took: z.number() }),
    hosts: z.array(z.looseObject({})).describe("In the order in which they would be tried"),
    error: deliveryError.optional(),
    tls: z.string().describe("What TLS would be demanded, and by what"),
    retries: z.array(z.object({ retry: z.int(), at: time, rule: z.string() })),
    jitter: z.number(),
  }),
  stays: z.enum(STAYS).optional().describe(
    "Why it would stay in the queue; absent when it would go",
  ),
}).meta({ id: "Plan" });

/** A plan as a client asks for it. */
export type PlanInput = z.input<typeof question>;

/** What would be. */
export const PLAN_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/plan",
    name: "plan",
    summary: "Whether a message would be accepted, and where it would go; nothing is sent",
    params: z.object({}),
    query: z.strictObject({}),
    body: question,
    answers: { "application/json": plan },
    async handle({ target, body }) {
      if (target.plan === undefined) {
        throw new Problem("not_available", "only a running server can plan");
      }
      const plan = await target.plan(body);
      return { ...plan, stays: plan.stays ?? holdOn(body.to, target.holds) };
    },
  }),
];

/** What holds mail for an address. */
function holdOn(to: string, holds: MailHolds): MailPlan["stays"] {
  if (holds.isAllHeld) return "all_held";
  const domain = mailDomain(to);
  return holds.heldDomains().some((held) => held.domain === domain) ? "domain_held" : undefined;
}
