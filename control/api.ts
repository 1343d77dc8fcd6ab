/**
 * The API: an application that answers requests for the routes in `routes.ts`. It is
 * the same on the Unix socket, over TCP and inside of the command line. A request
 * that cannot be answered gets a problem in JSON; a handler that fails gets 500, is
 * logged with its stack, and ends nothing.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { log } from "../base/log.ts";
import { QueueError } from "../queue/queue.ts";
import { type Admission, admit } from "./guard.ts";
import { LINES_TYPE } from "./lines.ts";
import { openApiDocument } from "./openapi.ts";
import { Problem, problemResponse } from "./problem.ts";
import { bodyOf, checked, queryOf } from "./request.ts";
import type { Route } from "./route.ts";
import { ROUTES } from "./routes.ts";
import type { ControlTarget } from "./target.ts";

/** What every answer says unless its route has said otherwise: it is data, for nobody to keep, frame or run. */
const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const logger = log("control");

/** Where the document is. */
export const DOCUMENT_PATH = "/v1/openapi.json";

/** The application for those whom `admission` lets in. */
export function apiOf(target: ControlTarget, admission: Admission): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    }
  });
  const open = new Set(ROUTES.filter((route) => route.open).map(({ path }) => path));
  app.use(async (c, next) => {
    admit(c.req.raw, admission, open.has(c.req.path));
    await next();
  });
  app.get(DOCUMENT_PATH, (c) => c.json(openApiDocument(ROUTES, target.version)));
  for (const route of ROUTES) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ":$1");
    app.on(route.method, path, (c) => answer(route, c, target, admission));
  }
  allowOnly(app);
  app.notFound((c) => problemResponse(new Problem("not_found", `there is no ${c.req.path}`)));
  app.onError((error) => problemResponse(problemOf(error)));
  return app;
}

/** Answers one request for a route. @throws {Problem} */
async function answer(
  route: Route,
  c: Context,
  target: ControlTarget,
  { by }: Admission,
): Promise<Response> {
  const request = c.req.raw;
  // The application answers HEAD as it does GET and drops the body: an endless one would go on.
  if (route.endless && request.method === "HEAD") throw methodNotAllowed(request.method);
  const params = checked(route.params, c.req.param());
  const query = checked(route.query, queryOf(request.url));
  const body = await bodyOf(request, route);
  const wantsLines = (request.headers.get("accept") ?? "").toLowerCase().includes(LINES_TYPE);
  const { signal } = request;
  const result = await route.handle({ target, by, params, query, body, wantsLines, signal });
  return result instanceof Response ? result : Response.json(result);
}

/** Tells whoever uses another method on one of the paths which there are (RFC 9110 §15.5.6). */
function allowOnly(app: Hono): void {
  const methods = new Map<string, string[]>([[DOCUMENT_PATH, ["GET"]]]);
  for (const { method, path } of ROUTES) methods.set(path, [...methods.get(path) ?? [], method]);
  for (const [path, allowed] of methods) {
    app.all(path.replaceAll(/\{(\w+)\}/g, ":$1"), (c) => {
      const allow = [...allowed, ...(allowed.includes("GET") ? ["HEAD"] : [])].join(", ");
      return problemResponse(methodNotAllowed(c.req.method), { allow });
    });
  }
}

function methodNotAllowed(method: string): Problem {
  return new Problem("method_not_allowed", `${method} is not for this path`);
}

/** What to answer to an error; one that nobody foresaw is logged and not told. */
function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof QueueError) {
    if (error.kind === "no-space") return new Problem("no_space", "there is no room in the spool");
    return new Problem("not_available", "the spool could not be read or written");
  }
  logger.error("a request could not be answered", { error });
  return new Problem("internal", "the request could not be answered: see the log");
}
