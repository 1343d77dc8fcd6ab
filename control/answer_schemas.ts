/**
 * What the API's answers about the queue look like. Times are ms since 1970, spans
 * ms, sizes octets, as in the facts that histories are made of.
 *
 * @module
 */
import { z } from "zod";
import type { StoryFact } from "../history/story.ts";
import { STATES } from "./filter.ts";

/** The kinds of facts there are. */
export const FACT_KINDS = [
  "accepted",
  "attempt",
  "waits",
  "notice",
  "steered",
  "finished",
  "refused",
  "session",
] as const satisfies readonly StoryFact["kind"][];

/** A time. */
export const time = z.number().describe("ms since 1970");

/** A message's id. */
export const messageId = z.string().regex(/^[0-9A-Z]{26}$/, "expected a message's id");

/** What went wrong with a recipient, see {@linkcode DeliveryError}. */
export const deliveryError = z.object({
  code: z.int().optional(),
  enhanced: z.string().optional(),
  text: z.string(),
  hop: z.string().optional(),
  scope: z.enum(["session", "host", "message", "recipient"]),
  permanent: z.boolean(),
}).meta({ id: "DeliveryError" });

/** A TLS session, see {@linkcode TlsInfo}. */
export const tlsInfo = z.object({
  version: z.string(),
  cipher: z.string().optional(),
  verified: z.boolean(),
  fingerprint: z.string().optional(),
}).meta({ id: "TlsInfo" });

/** Who brought a message, see {@linkcode ClientInfo}. */
export const clientInfo = z.object({
  address: z.string(),
  port: z.int(),
  helo: z.string(),
  protocol: z.string(),
  tls: tlsInfo.optional(),
  user: z.string().optional(),
}).meta({ id: "ClientInfo" });

/** A message in the queue in a few words, see {@linkcode Overview}. */
export const queueEntry = z.object({
  id: messageId,
  state: z.enum(STATES),
  arrived: time,
  size: z.int().describe("Octets of content"),
  reversePath: z.string().describe("Empty is the null reverse-path"),
  recipients: z.array(z.string()).describe("Those that are not finished"),
  domains: z.array(z.string()).describe("Their domains"),
  nextHop: z.string().optional().describe("Where it was redirected to"),
  attempts: z.int(),
  due: time.optional().describe("Absent while it is held"),
  parked: z.literal(true).optional().describe(
    "It waits for room at its destination, or for that to answer; `due` is the latest",
  ),
  hostFailure: z.boolean(),
  lastError: z.string().optional(),
}).meta({ id: "QueueEntry" });

const recipient = z.object({
  address: z.string(),
  status: z.enum(["waiting", "delivered", "relayed", "failed", "bounced"]),
  attempts: z.int(),
  nextAttempt: time,
  lastError: deliveryError.optional(),
  delayTold: z.boolean().optional(),
}).meta({ id: "Recipient" });

const attempt = z.object({
  at: time,
  took: z.number(),
  destination: z.string(),
  recipients: z.array(z.int()).describe("Positions in the message's list"),
  host: z.string().optional(),
  address: z.string().optional(),
  tls: tlsInfo.optional(),
  reply: z.string(),
  outcome: z.enum(["delivered", "deferred", "failed", "mixed"]),
  next: z.string(),
}).meta({ id: "Attempt" });

const envelope = z.object({
  reversePath: z.string(),
  recipients: z.array(z.string()),
  smtputf8: z.boolean(),
  body: z.enum(["7BIT", "8BITMIME", "BINARYMIME"]),
  client: clientInfo,
  release: time.optional(),
  priority: z.int().optional(),
  dsn: z.looseObject({}).optional().describe("What its sender asked to be told (RFC 3461)"),
  requireTls: z.literal(true).optional(),
  deliverBy: z.looseObject({}).optional().describe("When it is to be delivered (RFC 2852)"),
}).meta({ id: "Envelope" });

/** A whole message without its content, see {@linkcode QueuedMessage}. */
export const queuedMessage = z.object({
  id: messageId,
  arrived: time,
  envelope,
  size: z.int(),
  eightBit: z.boolean(),
  recipients: z.array(recipient),
  history: z.array(attempt),
  held: z.boolean(),
  captured: z.literal(true).optional(),
  nextHop: z.string().optional(),
  state: z.enum(STATES),
  header: z.string().describe("The start of its header section, at most 64 KiB"),
}).meta({ id: "QueuedMessage" });

/** A page of the queue. */
export const queuePage = z.object({
  messages: z.array(queueEntry),
  matched: z.int().describe("How many match, on this page and others"),
  next: z.string().optional().describe("The `cursor` of the next page; absent on the last one"),
}).meta({ id: "QueuePage" });

/** A fact of a message's story, see {@linkcode StoryFact}. */
export const fact = z.looseObject({
  kind: z.enum(FACT_KINDS),
  at: time,
  id: z.string().describe("The message's id; of a session or refusal that of the session"),
}).meta({ id: "Fact" });
