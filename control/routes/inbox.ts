/**
 * The routes of the inbox: captured mail for people and for tests that wait for it.
 *
 * @module
 */
import { z } from "zod";
import { parseDuration } from "../../config/units.ts";
import { clientInfo, messageId, time } from "../answer_schemas.ts";
import type { Inbox, InboxEntry } from "../inbox/inbox.ts";
import type { Part } from "../inbox/parse.ts";
import { mailboxText } from "../mailbox_text.ts";
import { parsedText } from "../parsed_text.ts";
import { Problem } from "../problem.ts";
import { type Route, route } from "../route.ts";
import type { ControlTarget } from "../target.ts";

/** The longest that an answer is waited for, ms. */
const LONGEST_WAIT = 60_000;
/** The most messages of a list. */
const LONGEST_LIST = 1000;
/** The most recipients of a message that is released. */
const MOST_RECIPIENTS = 1000;

const waitText = parsedText((text) => {
  const wait = parseDuration(text);
  if (wait > LONGEST_WAIT) throw new TypeError("expected at most 60s");
  return wait;
}).meta({ examples: ["5s"] });

const sinceText = parsedText((text) => {
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  if (/^\d/.test(text) && Number.isFinite(ms)) return ms;
  throw new TypeError("expected a time, such as 2026-01-31T12:00:00Z");
});

const searched = z.string().min(1).max(1000);

const FILTER = {
  to: searched.optional().describe("The mailbox of a recipient, in any case; `*` is anything"),
  from: searched.optional().describe("That of the sender; `<>` is the null reverse-path"),
  subject: searched.optional().describe("A text in the subject, in any case"),
  q: searched.optional().describe("A text in the subject, the text or an address, in any case"),
  since: sinceText.optional().describe("Not before this: ISO 8601, or ms since 1970"),
};

const release = z.object({ id: messageId, at: time, to: z.array(z.string()) })
  .meta({ id: "Release" });

const entrySchema = z.object({
  id: messageId,
  at: time,
  from: z.string().describe("The reverse-path; empty is the null one"),
  to: z.array(z.string()),
  size: z.int().describe("Octets"),
  author: z.string().describe("The From field"),
  subject: z.string(),
  preview: z.string(),
  messageId: z.string().optional(),
  attachments: z.int(),
  released: z.array(release).describe("Copies that were sent for real"),
}).meta({ id: "InboxEntry" });

const opened = z.object({
  ...entrySchema.shape,
  client: clientInfo,
  headers: z.array(z.object({ name: z.string(), value: z.string() })),
  toField: z.array(z.string()),
  ccField: z.array(z.string()),
  date: z.string().optional(),
  text: z.string(),
  html: z.string().optional().describe("As it came: not fit to be shown, see `/html`"),
  links: z.array(z.string()),
  parts: z.array(z.object({
    n: z.int(),
    name: z.string(),
    type: z.string(),
    size: z.int(),
    contentId: z.string().optional(),
  })),
  cut: z.boolean().describe("Whether it was too large to be read whole"),
}).meta({ id: "InboxMessage" });

const oneMessage = z.object({ id: messageId });
const noQuery = z.strictObject({});

/** @throws {Problem} where there is none */
function inboxOf({ inbox }: ControlTarget): Inbox {
  if (inbox === undefined) throw new Problem("not_available", "there is no inbox here");
  return inbox;
}

/** An entry as it is shown. */
function shown(entry: InboxEntry): z.output<typeof entrySchema> {
  const { to, released, ...rest } = entry;
  return { ...rest, to: [...to], released: released.map((one) => ({ ...one, to: [...one.to] })) };
}

/** Where a browser is to save something, never to show it (RFC 6266, RFC 8187). */
export function savedAs(name: string): string {
  const plain = name.replace(/[^\w.@ -]/g, "_").slice(-100) || "part";
  const exact = encodeURIComponent(name.slice(-200).toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}

function partResponse({ name, type, octets }: Part): Response {
  const known = /^[\w.+-]{1,60}\/[\w.+-]{1,60}$/.test(type) ? type : "application/octet-stream";
  return new Response(octets, {
    headers: {
      "content-type": known,
      "content-disposition": savedAs(name),
      "content-security-policy": "default-src 'none'; sandbox",
    },
  });
}

/** What was captured. */
export const INBOX_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/messages",
    name: "listInbox",
    summary: "Captured messages that match, the newest first; waits for one where asked to",
    description: "With `wait` it answers at once when there is one, else when one comes, and " +
      "with an empty list when none came in time.",
    params: z.object({}),
    query: z.strictObject({
      ...FILTER,
      wait: waitText.optional().describe("How long to wait for one, at most 60s"),
      limit: z.coerce.number<string>().int().min(1).max(LONGEST_LIST).default(100),
    }),
    body: undefined,
    answers: { "application/json": z.object({ messages: z.array(entrySchema) }) },
    async handle({ target, query: { wait = 0, ...query }, signal }) {
      const found = await inboxOf(target).waitFor(query, wait, signal);
      return { messages: found.map(shown) };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/messages",
    name: "emptyInbox",
    summary: "Removes captured messages that match; all of them where nothing is said",
    params: z.object({}),
    query: z.strictObject(FILTER),
    body: undefined,
    answers: { "application/json": z.object({ removed: z.int() }) },
    async handle({ target, query, by }) {
      const inbox = inboxOf(target);
      const found = await inbox.find({ ...query, limit: Infinity });
      return { removed: await inbox.remove(found.map(({ id }) => id), by) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/messages/{id}",
    name: "getCaptured",
    summary: "A captured message, read: its fields, texts, links and attachments",
    params: oneMessage,
    query: noQuery,
    body: undefined,
    answers: { "application/json": opened },
    async handle({ target, params: { id } }) {
      const { entry, message, parsed } = await inboxOf(target).open(id);
      const { headers, to, cc, date, text, html, links, parts, cut } = parsed;
      return {
        ...shown(entry),
        client: message.envelope.client,
        ...{ headers, toField: to, ccField: cc, date, text, html, links, cut },
        parts: parts.map(({ octets: _, ...part }) => part),
      };
    },
  }),
  route({
    method: "GET",
    path: "/v1/messages/{id}/raw",
    name: "getCapturedContent",
    summary: "A captured message, octet for octet",
    params: oneMessage,
    query: noQuery,
    body: undefined,
    answers: { "message/rfc822": "text" },
    async handle({ target, params: { id } }) {
      const content = await inboxOf(target).content(id);
      return new Response(ReadableStream.from(content.stream()), {
        headers: {
          "content-type": "message/rfc822",
          "content-length": String(content.size),
          "content-disposition": savedAs(`${id}.eml`),
        },
      });
    },
  }),
  route({
    method: "GET",
    path: "/v1/messages/{id}/html",
    name: "getCapturedHtml",
    summary: "The HTML of a captured message, made harmless: for a frame with `sandbox`",
    params: oneMessage,
    query: noQuery,
    body: undefined,
    answers: { "text/html": "text" },
    async handle({ target, params: { id } }) {
      const { FRAME_POLICY, safeDocument } = await import("../inbox/safe_html.ts");
      const { parsed } = await inboxOf(target).open(id);
      return new Response(await safeDocument(parsed), {
        headers: {
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": FRAME_POLICY,
        },
      });
    },
  }),
  route({
    method: "GET",
    path: "/v1/messages/{id}/parts/{n}",
    name: "getCapturedPart",
    summary: "An attachment of a captured message, to be saved",
    params: z.object({ id: messageId, n: z.coerce.number<string>().int().min(0).max(10_000) }),
    query: noQuery,
    body: undefined,
    answers: { "application/octet-stream": "text" },
    async handle({ target, params: { id, n } }) {
      const { parsed } = await inboxOf(target).open(id);
      const part = parsed.parts[n];
      if (part === undefined) throw new Problem("not_found", `it has no part ${n}`, { key: "n" });
      return partResponse(part);
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/messages/{id}",
    name: "removeCaptured",
    summary: "Removes a captured message",
    params: oneMessage,
    query: noQuery,
    body: undefined,
    answers: { "application/json": z.object({ removed: z.int() }) },
    async handle({ target, params: { id }, by }) {
      const removed = await inboxOf(target).remove([id], by);
      if (removed > 0) return { removed };
      throw new Problem("not_found", `there is no message ${id} in the inbox`, { key: "id" });
    },
  }),
  route({
    method: "POST",
    path: "/v1/messages/{id}/release",
    name: "releaseCaptured",
    summary: "Queues a copy of a captured message for real delivery; the captured one stays",
    params: oneMessage,
    query: noQuery,
    body: z.strictObject({
      to: z.array(mailboxText).min(1).max(MOST_RECIPIENTS).optional()
        .describe("Others than those it was for"),
    }),
    answers: { "application/json": release },
    handle: ({ target, params: { id }, body: { to }, by }) => inboxOf(target).release(id, by, to),
  }),
];
