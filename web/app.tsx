/**
 * The application behind `--web`: the views, their style and script, the log-in where
 * a token is set, and the API for the script. It answers only for names that are its
 * own and changes nothing for other origins. A view that fails is a plain 500, logged.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import type { Child } from "hono/jsx";
import { log } from "../base/log.ts";
import { apiOf } from "../control/api.ts";
import { type Admission, admit } from "../control/guard.ts";
import { Problem, problemResponse } from "../control/problem.ts";
import { type Asset, ASSETS } from "./assets.ts";
import { documentOf, type LayoutProps } from "./layout.tsx";
import { LoginForm, Sessions } from "./login.tsx";
import { Nothing } from "./parts.tsx";
import { inboxView, messageInboxView } from "./pages/inbox.tsx";
import { listView } from "./pages/list.tsx";
import { messageView } from "./pages/message.tsx";
import { queueView } from "./pages/queue.tsx";
import type { Site } from "./site.ts";

/** Nothing but what is ours, and frames of ours that can do nothing. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
  "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; " +
  "frame-ancestors 'none'";

const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Paths that the API answers. */
const API_PATHS = /^\/(?:v1\/|metrics$|healthz$|readyz$)/;

/** What a form to log in may have, octets. */
const LARGEST_FORM = 4096;

const logger = log("web");

/** What a view is. */
export interface View {
  readonly title: string;
  readonly part: LayoutProps["part"];
  readonly body: Child;
  readonly status?: 200 | 400 | 404;
}

/** The application. */
export function webOf(site: Site, admission: Omit<Admission, "by">): Hono {
  const { target } = site;
  const { token } = admission;
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  const sessions = token === undefined ? undefined : new Sessions(token, target.clock, random);
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    }
  });
  app.use(async (c, next) => {
    admit(c.req.raw, { ...admission, by: "web" }, true);
    await next();
  });
  for (const asset of Object.values(ASSETS)) app.get(asset.path, (c) => assetResponse(c, asset));
  addApi(app, site, admission, sessions);
  if (sessions !== undefined) addLogin(app, site, sessions);
  addViews(app, site, sessions !== undefined);
  app.onError((error) => {
    if (error instanceof Problem) return problemResponse(error);
    logger.error("a page could not be made", { error });
    return new Response("The page could not be made: see the log.\n", { status: 500 });
  });
  return app;
}

/** Files that never change at their address. */
function assetResponse(c: Context, { type, text, path }: Asset): Response {
  const etag = `"${path}"`;
  if (c.req.header("if-none-match") === etag) return new Response(null, { status: 304 });
  return new Response(text, {
    headers: { "content-type": type, "cache-control": "max-age=31536000, immutable", etag },
  });
}

/** The API, for those who are logged in and for programs that show the token. */
function addApi(
  app: Hono,
  { target }: Site,
  admission: Omit<Admission, "by">,
  sessions: Sessions | undefined,
): void {
  const { hostname } = admission;
  const open = apiOf(target, { by: "web", hostname });
  const guarded = apiOf(target, { ...admission, by: "web" });
  app.use(async (c, next) => {
    if (!API_PATHS.test(c.req.path)) return await next();
    const request = c.req.raw;
    const isIn = sessions === undefined || sessions.has(request);
    return await (isIn ? open : guarded).fetch(request);
  });
}

/** The form to log in, before which there is nothing else. */
function addLogin(app: Hono, site: Site, sessions: Sessions): void {
  const form = (c: Context, failed: boolean) =>
    respond(c, site, false, {
      title: "Log in",
      part: "login",
      body: <LoginForm failed={failed} />,
    });
  app.get("/login", (c) => form(c, false));
  app.post("/login", async (c) => {
    if (Number(c.req.header("content-length") ?? Infinity) > LARGEST_FORM) return form(c, true);
    const { token } = await c.req.parseBody();
    const cookie = typeof token === "string" ? sessions.logIn(token) : undefined;
    if (cookie === undefined) return form(c, true);
    c.header("set-cookie", cookie);
    return c.redirect("/", 303);
  });
  app.post("/logout", (c) => {
    c.header("set-cookie", sessions.logOut(c.req.raw));
    return c.redirect("/login", 303);
  });
  app.use(async (c, next) => {
    if (!sessions.has(c.req.raw)) return c.redirect("/login", 303);
    await next();
  });
}

function addViews(app: Hono, site: Site, loggedIn: boolean): void {
  const show = (c: Context, view: View) => respond(c, site, loggedIn, view);
  app.get("/", async (c) => show(c, await queueView(site)));
  app.get("/queue", async (c) => show(c, await listView(site, c.req.query(), c.req.raw.signal)));
  app.get("/message/:id", async (c) => show(c, await messageView(site, c.req.param("id"))));
  app.get("/inbox", async (c) => show(c, await inboxView(site, c.req.query())));
  app.get("/inbox/:id", async (c) => {
    const { id } = c.req.param();
    return show(c, await messageInboxView(site, id, c.req.query("show")));
  });
  app.notFound((c) =>
    show(c, {
      ...{ title: "Not found", part: "queue", status: 404 },
      body: (
        <Nothing title="There is no such page" isView>It may have been moved or mistyped.</Nothing>
      ),
    })
  );
}

function respond(
  c: Context,
  { target }: Site,
  loggedIn: boolean,
  { title, part, body, status = 200 }: View,
): Response | Promise<Response> {
  const { hostname, queue } = target;
  const { captured } = queue.counts();
  const page = documentOf({ title, part, hostname, captured, loggedIn, children: body });
  return c.html(page, status);
}
