/**
 * The records of the spool, in the journal and in message files alike: one JSON
 * object each, with the length and the CRC-32 of what it holds. Reading gives
 * undefined for anything that is not exactly as it was written.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { type Bytes, decodeStrict } from "../base/bytes.ts";
import { isoTime } from "../base/iso_time.ts";
import { escapeMisleading } from "../base/printable.ts";
import type { DeliverBy } from "../message/deliver_by.ts";
import type { Envelope } from "../message/envelope.ts";
import { isId } from "./id.ts";
import type { Attempt, QueuedMessage, Recipient } from "./queue.ts";

/** What a record says. */
export type SpoolRecord =
  /** A message as it stands, with its content; undefined when that is in the message's `.eml` file. */
  | { readonly type: "queued"; readonly message: QueuedMessage; readonly content?: string }
  /** From here on the message's file counts, not the journal. */
  | { readonly type: "filed"; readonly id: string }
  /** The message is finished; what is left of it is to be removed. */
  | { readonly type: "done"; readonly id: string }
  /** What stands in that segment from that octet on was never acknowledged. */
  | { readonly type: "cut"; readonly segment: number; readonly at: number };

/** A recipient as written: times are ISO 8601, and there only where they mean something. */
interface RecipientJson extends Omit<Recipient, "nextAttempt"> {
  nextAttempt?: string;
}

/** An envelope as written. */
interface EnvelopeJson extends Omit<Envelope, "release" | "deliverBy"> {
  release?: string;
  deliverBy?: DeliverByJson;
}

/** A time for delivery as written. */
interface DeliverByJson extends Omit<DeliverBy, "since"> {
  since?: string;
}

/** An attempt as written. */
interface AttemptJson extends Omit<Attempt, "at"> {
  at: string;
}

/** A message as written. */
interface MessageJson
  extends Omit<QueuedMessage, "arrived" | "envelope" | "recipients" | "history"> {
  type: "queued";
  arrived: string;
  envelope: EnvelopeJson;
  recipients: RecipientJson[];
  history: AttemptJson[];
  content?: string;
  contentFile?: string;
}

/** The name of the file with a message's content, where it has one. */
export function contentFileName(id: string): string {
  return `${id}.eml`;
}

function parseTime(iso: string): number {
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) throw new TypeError(`not a time: ${iso}`);
  return ms;
}

function envelopeToJson(envelope: Envelope): EnvelopeJson {
  const { release, deliverBy } = envelope;
  if (release === undefined && deliverBy === undefined) return envelope as EnvelopeJson;
  return {
    ...envelope,
    release: release === undefined ? undefined : isoTime(release),
    deliverBy: deliverBy && deliverByToJson(deliverBy),
  };
}

function deliverByToJson({ since, ...by }: DeliverBy): DeliverByJson {
  return since === undefined ? by : { ...by, since: isoTime(since) };
}

function envelopeFromJson(json: EnvelopeJson): Envelope {
  const { release, deliverBy, ...plain } = json;
  return {
    ...plain,
    ...(release !== undefined && { release: parseTime(release) }),
    ...(deliverBy && { deliverBy: deliverByFromJson(deliverBy) }),
  };
}

function deliverByFromJson({ since, ...by }: DeliverByJson): DeliverBy {
  return since === undefined ? by : { ...by, since: parseTime(since) };
}

function recipientToJson(recipient: Recipient): RecipientJson {
  const { address, status, attempts, nextAttempt, lastError, delayTold } = recipient;
  if (status !== "waiting") return { address, status, attempts, lastError, delayTold };
  return { address, status, attempts, nextAttempt: isoTime(nextAttempt), lastError, delayTold };
}

function recipientFromJson(json: RecipientJson): Recipient {
  const { address, status, attempts, lastError, delayTold } = json;
  const nextAttempt = json.nextAttempt === undefined ? 0 : parseTime(json.nextAttempt);
  const recipient: Recipient = { address, status, attempts, nextAttempt };
  if (lastError !== undefined) recipient.lastError = lastError;
  if (delayTold !== undefined) recipient.delayTold = delayTold;
  return recipient;
}

function messageToJson(message: QueuedMessage, content: string | undefined): MessageJson {
  const { id, arrived, held, captured, nextHop, size, eightBit } = message;
  const { envelope, recipients, history } = message;
  return {
    type: "queued",
    id,
    arrived: isoTime(arrived),
    held,
    captured,
    nextHop,
    size,
    eightBit,
    envelope: envelopeToJson(envelope),
    recipients: recipients.map(recipientToJson),
    history: history.map((attempt) => ({ ...attempt, at: isoTime(attempt.at) })),
    content,
    contentFile: content === undefined ? contentFileName(id) : undefined,
  };
}

function messageFromJson(json: MessageJson): SpoolRecord | undefined {
  const { id, held, captured, nextHop, size, eightBit, envelope, content } = json;
  if (content === undefined && json.contentFile !== contentFileName(id)) return undefined;
  const message: QueuedMessage = {
    id,
    arrived: parseTime(json.arrived),
    envelope: envelopeFromJson(envelope),
    size,
    eightBit,
    recipients: json.recipients.map(recipientFromJson),
    history: json.history.map((attempt) => ({ ...attempt, at: parseTime(attempt.at) })),
    held,
    ...(captured && { captured }),
    ...(nextHop !== undefined && { nextHop }),
  };
  return { type: "queued", message, content };
}

/** The JSON text of a message, for the journal; with `indent`, for a file that people read, where no character may mislead them. */
export function queuedText(message: QueuedMessage, content?: string, indent?: number): string {
  // With null instead of undefined V8 does not take its fast way.
  const text = JSON.stringify(messageToJson(message, content), undefined, indent);
  return indent === undefined ? text : escapeMisleading(text);
}

/** The JSON text that says a message is filed. */
export function filedText(id: string): string {
  return `{"type":"filed","id":"${id}"}`;
}

/** The JSON text that says a message is done. */
export function doneText(id: string): string {
  return `{"type":"done","id":"${id}"}`;
}

/** The JSON text that says where an abandoned segment ends. */
export function cutText(segment: number, at: number): string {
  return `{"type":"cut","segment":${segment},"at":${at}}`;
}

const encoder = new TextEncoder();
const HEADER = /^\{"v":1,"len": {0,9}(\d{1,10}),"crc":"([0-9a-f]{8})","r":$/;
const LENGTH_DIGITS = 10;
const START = encoder.encode('{"v":1,"len":');
const HEADER_SIZE = START.length + LENGTH_DIGITS + ',"crc":"00000000","r":'.length;
const END = encoder.encode("}\n");

/** The octets that must be free in a buffer for a text to be sealed into it: UTF-8 takes at most three for a UTF-16 unit. */
export function roomFor(text: string): number {
  return HEADER_SIZE + 3 * text.length + END.length;
}

/**
 * Writes a record with this JSON text into a buffer with {@linkcode roomFor} it
 * at `at`; gives where it ends. The header is padded to a fixed width, so that
 * the text is encoded where it stays.
 */
export function sealInto(text: string, buffer: Bytes, at: number): number {
  const start = at + HEADER_SIZE;
  const size = encoder.encodeInto(text, buffer.subarray(start)).written;
  const check = crc32(buffer.subarray(start, start + size)).toString(16).padStart(8, "0");
  const length = String(size).padStart(LENGTH_DIGITS);
  encoder.encodeInto(`{"v":1,"len":${length},"crc":"${check}","r":`, buffer.subarray(at, start));
  buffer.set(END, start + size);
  return start + size + END.length;
}

/** A record with this JSON text, as octets of their own. */
export function seal(text: string): Bytes {
  const buffer = new Uint8Array(roomFor(text));
  return buffer.subarray(0, sealInto(text, buffer, 0));
}

/** The octets of a sealed JSON text at `at`, and where their record ends; undefined when the check fails. */
function unseal(bytes: Uint8Array, at: number): { body: Uint8Array; end: number } | undefined {
  const start = at + HEADER_SIZE;
  const header = HEADER.exec(decodeStrict(bytes.subarray(at, start)) ?? "");
  if (header === null) return undefined;
  const stop = start + Number(header[1]);
  const end = stop + END.length;
  if (end > bytes.length || bytes[stop] !== END[0] || bytes[stop + 1] !== END[1]) return undefined;
  const body = bytes.subarray(start, stop);
  return crc32(body) === parseInt(header[2]!, 16) ? { body, end } : undefined;
}

function recordFromJson(
  json: MessageJson | Exclude<SpoolRecord, { type: "queued" }>,
): SpoolRecord | undefined {
  switch (json.type) {
    case "queued":
      return isId(json.id) ? messageFromJson(json) : undefined;
    case "filed":
    case "done":
      return isId(json.id) ? json : undefined;
    case "cut":
      return json;
    default:
      json satisfies never;
      return undefined;
  }
}

/** The record at `at`, and where it ends; undefined when there is none that is whole. */
export function readRecord(
  bytes: Uint8Array,
  at: number,
): { record: SpoolRecord; end: number } | undefined {
  const sealed = unseal(bytes, at);
  if (sealed === undefined) return undefined;
  try {
    const record = recordFromJson(JSON.parse(decodeStrict(sealed.body) ?? ""));
    return record && { record, end: sealed.end };
  } catch {
    return undefined;
  }
}

/** Whether the octets at `at` are those every record begins with, which no JSON string can hold. */
function startsAt(bytes: Uint8Array, at: number): boolean {
  return START.every((octet, i) => bytes[at + i] === octet);
}

/** Where a record may begin, at `from` or after; the end of the octets when nowhere. */
export function nextStart(bytes: Uint8Array, from: number): number {
  let at = bytes.indexOf(START[0]!, from);
  while (at >= 0 && !startsAt(bytes, at)) at = bytes.indexOf(START[0]!, at + 1);
  return at < 0 ? bytes.length : at;
}
