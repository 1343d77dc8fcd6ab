/**
 * The routes that say how the server is doing.
 *
 * @module
 */
import { z } from "zod";
import { METRICS_TYPE } from "../../base/metrics.ts";
import { time } from "../answer_schemas.ts";
import { Problem } from "../problem.ts";
import { type Route, route } from "../route.ts";
import { NOT_READY_CODES } from "../target.ts";

/** How much is in the queue, see {@linkcode QueueCounts}. */
export const queueCounts = z.object({
  messages: z.int().describe("All of them"),
  unread: z.int().describe("Known by name only so far: the spool is still being read"),
  active: z.int(),
  incoming: z.int(),
  deferred: z.int(),
  scheduled: z.int(),
  held: z.int(),
  captured: z.int(),
}).meta({ id: "QueueCounts" });

/** What is in the way of mail, see {@linkcode NotReady}. */
const reasons = z.array(z.object({
  code: z.enum(NOT_READY_CODES).describe("For programs"),
  text: z.string().describe("For people"),
}));

/** Whether mail is taken. */
const readiness = z.object({
  ready: z.boolean(),
  reasons: reasons.describe("What is in the way; empty when nothing is"),
}).meta({ id: "Readiness" });

/** How the server is doing. */
export const status = z.object({
  version: z.string(),
  hostname: z.string(),
  running: z.boolean().describe("False where the spool is read without a server"),
  startedAt: time.optional(),
  notReady: reasons.describe("What is in the way of mail; empty when nothing is"),
  queue: queueCounts,
}).meta({ id: "Status" });

const nothing = z.object({});
const noQuery = z.strictObject({});

/** How it is. */
export const STATUS_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/status",
    name: "getStatus",
    summary: "What runs, since when, and how much is in the queue",
    params: nothing,
    query: noQuery,
    body: undefined,
    answers: { "application/json": status },
    handle: async ({ target: { version, hostname, startedAt, notReady, queue } }) => ({
      version,
      hostname,
      running: startedAt !== undefined,
      ...(startedAt !== undefined && { startedAt }),
      notReady: [...await notReady()],
      queue: queue.counts(),
    }),
  }),
  route({
    method: "GET",
    path: "/metrics",
    name: "getMetrics",
    summary: "The metrics, in the text format of Prometheus",
    params: nothing,
    query: noQuery,
    body: undefined,
    answers: { "text/plain": "text" },
    async handle({ target: { metrics } }) {
      if (metrics === undefined) throw new Problem("not_available", "no server runs");
      return new Response(await metrics(), { headers: { "content-type": METRICS_TYPE } });
    },
  }),
  route({
    method: "GET",
    path: "/healthz",
    name: "getHealth",
    summary: "Whether the process answers",
    params: nothing,
    query: noQuery,
    body: undefined,
    answers: { "text/plain": "text" },
    open: true,
    handle: () => new Response("ok\n", { headers: { "content-type": "text/plain" } }),
  }),
  route({
    method: "GET",
    path: "/readyz",
    name: "getReadiness",
    summary: "Whether mail is taken; 503 says what is in the way",
    description: "The spool is tried, at most every five seconds and for two at most.",
    params: nothing,
    query: noQuery,
    body: undefined,
    answers: { "application/json": readiness },
    unavailable: readiness,
    open: true,
    async handle({ target }) {
      const reasons = await target.notReady();
      const ready = reasons.length === 0;
      return Response.json({ ready, reasons }, { status: ready ? 200 : 503 });
    },
  }),
];
