/**
 * What can be done to messages in the queue, as a request says it. What makes no sense
 * is thrown as a {@linkcode Problem}.
 *
 * @module
 */
import { z } from "zod";
import { parseHostPort } from "../config/host_port.ts";
import type { DeliveryError, Steering } from "../queue/queue.ts";
import { messageId } from "./answer_schemas.ts";
import { filterSchema } from "./filter.ts";
import { parsedText } from "./parsed_text.ts";
import { mailboxText } from "./mailbox_text.ts";
import { Problem } from "./problem.ts";

/** What can be done. */
export const ACTIONS = ["hold", "release", "retry", "bounce", "remove", "redirect"] as const;

/** The most ids in one request. */
export const MOST_IDS = 10_000;
/** The most recipients that are replaced in one request. */
const MOST_REPLACED = 1000;

const nextHop = parsedText((text) => {
  if (parseHostPort(text).host === "") throw new TypeError("expected HOST or HOST:PORT");
  return text;
});

/** What is asked for. */
export const actionSchema = z.strictObject({
  action: z.enum(ACTIONS),
  ids: z.array(messageId).min(1).max(MOST_IDS).optional().describe("These messages"),
  filter: filterSchema.optional().describe(
    "All that match it now, of those in `ids` where these are given; `{}` is every message",
  ),
  dryRun: z.boolean().default(false).describe("Only say how many match"),
  reason: z.string().min(1).max(500).regex(
    /^[ -~\u00a0-\ud7ff\ue000-\uffff]*$/u,
    "expected one line",
  )
    .optional().describe("For `bounce`: what its sender is told"),
  nextHop: nextHop.nullable().optional().describe(
    "For `redirect`: `HOST[:PORT]`; null is its recipients' domains again",
  ),
  recipients: z.record(mailboxText, mailboxText).optional().describe(
    "For `redirect`: new mailboxes by the old ones",
  ),
}).meta({ id: "Action" });

/** What is asked for, checked. */
export type Action = z.output<typeof actionSchema>;
/** What is asked for, as a client writes it. */
export type ActionInput = Omit<z.input<typeof actionSchema>, "ids"> & {
  readonly ids?: readonly string[];
};

/** What the queue is asked for. @throws {Problem} when something is given for another action */
export function steeringOf({ action, reason, nextHop, recipients }: Action): Steering {
  const isRedirect = action === "redirect";
  const change = nextHop !== undefined || recipients !== undefined;
  if (!isRedirect && change) throw misplaced(nextHop === undefined ? "recipients" : "nextHop");
  if (action !== "bounce" && reason !== undefined) throw misplaced("reason");
  switch (action) {
    case "redirect":
      if (!change) throw new Problem("bad_request", "redirect: needs nextHop or recipients");
      return { kind: "redirect", nextHop, recipients: replacements(recipients) };
    case "bounce":
      return { kind: "bounce", error: givenUp(reason) };
    case "hold":
    case "release":
    case "retry":
    case "remove":
      return { kind: action };
    default:
      return action satisfies never;
  }
}

function misplaced(key: string): Problem {
  return new Problem("bad_request", `${key}: is for another action`, { key });
}

function replacements(
  recipients: Readonly<Record<string, string>> = {},
): ReadonlyMap<string, string> | undefined {
  const entries = Object.entries(recipients);
  if (entries.length > MOST_REPLACED) {
    const expected = `at most ${MOST_REPLACED}`;
    const place = { key: "recipients", expected };
    throw new Problem("bad_request", `recipients: expected ${expected}`, place);
  }
  return entries.length === 0 ? undefined : new Map(entries);
}

/** The error that a sender is told of. RFC 3463 has no detail for what people decide. */
function givenUp(reason = "Given up by the administrator"): DeliveryError {
  return { enhanced: "5.0.0", text: reason, scope: "message", permanent: true };
}
