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

/** How the server is doing. */
export const status = z.object({
  version: z.string(),
  hostname: z.string(),
  running: z.boolean().describe("False where the spool is read without a server"),
  startedAt: time.optional(),
  notReady: z.array(z.string()).describe("What is not ready yet; empty when all is"),
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
    handle: ({ target: { version, hostname, startedAt, notReady, queue } }) => ({
      version,
      hostname,
      running: startedAt !== undefined,
      ...(startedAt !== undefined && { startedAt }),
      notReady: [...notReady()],
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
    handle: () => text("ok\n"),
  }),
  route({
    method: "GET",
    path: "/readyz",
    name: "getReadiness",
    summary: "Whether mail is taken and delivered; 503 says what is not ready",
    params: nothing,
    query: noQuery,
    body: undefined,
    answers: { "text/plain": "text" },
    open: true,
    handle({ target }) {
      const missing = target.notReady();
      if (missing.length === 0) return text("ok\n");
      return text(missing.map((line) => `${line}\n`).join(""), 503);
    },
  }),
];

function text(body: string, status = 200): Response {
  return new Response(body, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}
