/**
 * Steers messages in the queue, one or a hundred thousand: a few at a time, so that
 * they share their disk syncs, with the count as it grows. What a message could not
 * be steered for is told and stops nothing; a client that goes away ends it between
 * two messages.
 *
 * @module
 */
import { z } from "zod";
import { log } from "../base/log.ts";
import { forEachLimited } from "../queue/concurrency.ts";
import type { Overview, Queue, Steering, SteerOutcome } from "../queue/queue.ts";
import type { Action } from "./action.ts";
import { messageId } from "./answer_schemas.ts";
import { testOf } from "./filter.ts";
import { Problem } from "./problem.ts";
import { breathe, inSlices } from "../base/slices.ts";
import { steeringFor } from "./replacement.ts";
import { steerAndTell, type SteerOrder } from "./steer.ts";
import type { ControlTarget } from "./target.ts";

/** How many messages are steered at a time. */
const AT_ONCE = 64;
/** How long a message that is being delivered is waited for, ms. */
const WAIT = 5000;
/** After as many messages the count is told. */
const TOLD_EACH = 1000;
/** The most messages that are named among those that were not steered. */
const MOST_NAMED = 100;
/** The longest account of the particulars, characters. */
const LONGEST_DETAIL = 1000;

const logger = log("control");

/** What came of it so far. */
export const actionResult = z.object({
  matched: z.int().describe("How many messages are meant"),
  done: z.int(),
  busy: z.int().describe("Being delivered, and not given back in time"),
  gone: z.int().describe("Not in the queue any more"),
  captured: z.int().describe("Captured: such can only be removed"),
  unaffected: z.int().describe("Without a recipient that is to be replaced"),
  failed: z.int().describe("Could not be recorded: see the log"),
  notDone: z.array(z.object({
    id: messageId,
    outcome: z.enum(["busy", "gone", "captured", "unaffected", "failed"]),
  })).describe(`The first ${MOST_NAMED} that were not steered`),
  over: z.boolean().describe("False in all lines but the last"),
}).meta({ id: "ActionResult" });

/** What came of it so far. */
export type ActionResult = z.output<typeof actionResult>;

/** One request to steer. */
export interface SteerRequest {
  readonly action: Action;
  readonly steering: Steering;
  readonly target: ControlTarget;
  /** Who asks. */
  readonly by: string;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** What came of steering one message. */
type Outcome = SteerOutcome | "unaffected" | "failed";

/** What is to be done to one message. */
type SteeringOf = ReturnType<typeof steeringFor>;

/** Does it; gives the count now and then, and at the end with `over`. @throws {Problem} unless it says for which messages */
export async function* act(request: SteerRequest): AsyncGenerator<ActionResult> {
  const { action, steering, target, signal } = request;
  const steeringOf = steeringFor(steering);
  const ids = await idsOf(request, steeringOf);
  const tally = new Tally(ids.length);
  for (let at = 0; at < ids.length && !action.dryRun && !signal.aborted; at += TOLD_EACH) {
    if (at > 0) yield tally.result(false);
    await forEachLimited(ids.slice(at, at + TOLD_EACH), AT_ONCE, async (id) => {
      if (!signal.aborted) tally.add(id, await steer(id, request, steeringOf));
    });
    await breathe();
  }
  target.summaries.outdate();
  yield tally.result(true);
}

/** The messages that are meant. @throws {Problem} when nothing says which */
async function idsOf(
  { action: { ids, filter }, target: { queue, clock }, signal }: SteerRequest,
  steeringOf: SteeringOf,
): Promise<readonly string[]> {
  const named = ids && [...new Set(ids)];
  if (filter === undefined) {
    if (named !== undefined) return named;
    throw new Problem("bad_request", "expected ids or a filter", { key: "ids" });
  }
  const matches = testOf(filter, clock.now());
  const found: string[] = [];
  await inSlices(named ? overviewsOf(named, queue) : queue.overviews(), (overview) => {
    if (matches(overview) && steeringOf(overview) !== undefined) found.push(overview.id);
  }, signal);
  return found;
}

/** Of these messages those that are in the queue. */
function* overviewsOf(ids: readonly string[], queue: Queue): Generator<Overview> {
  for (const id of ids) {
    const overview = queue.overview(id);
    if (overview !== undefined) yield overview;
  }
}

/** Steers one message; what is done is told. */
async function steer(
  id: string,
  { target, by, action, steering: wanted }: SteerRequest,
  steeringOf: SteeringOf,
): Promise<Outcome> {
  const before = target.queue.overview(id);
  const steering = before === undefined ? wanted : steeringOf(before);
  if (steering === undefined) return "unaffected";
  // While its destination rests it would be set aside again.
  if (before !== undefined && steering.kind === "retry") target.steering?.letTry(before);
  const order: SteerOrder = { steering, by, detail: detailOf(action), wait: WAIT };
  try {
    return await steerAndTell(target, id, order);
  } catch (error) {
    logger.error("a message could not be steered", { id, action: steering.kind, error });
    return "failed";
  }
}

/** The particulars of an action in one line; undefined when there are none. */
function detailOf({ reason, nextHop, recipients = {} }: Action): string | undefined {
  const parts = [
    ...(reason === undefined ? [] : [reason]),
    ...(nextHop === undefined ? [] : [nextHop === null ? "to its domains" : `to ${nextHop}`]),
    ...Object.entries(recipients).map(([from, to]) => `${from} is ${to} now`),
  ];
  return parts.length === 0 ? undefined : parts.join(", ").slice(0, LONGEST_DETAIL);
}

/** Counts what came of it. */
class Tally {
  readonly #matched: number;
  readonly #counts = { done: 0, busy: 0, gone: 0, captured: 0, unaffected: 0, failed: 0 };
  readonly #notDone: ActionResult["notDone"] = [];

  constructor(matched: number) {
    this.#matched = matched;
  }

  add(id: string, outcome: Outcome): void {
    this.#counts[outcome]++;
    if (outcome === "done" || this.#notDone.length >= MOST_NAMED) return;
    this.#notDone.push({ id, outcome });
  }

  result(over: boolean): ActionResult {
    return { matched: this.#matched, ...this.#counts, notDone: [...this.#notDone], over };
  }
}
