/**
 * The list of the messages in the queue: filtered, in some order, page by page. A
 * page goes on behind the last message of the one before, wherever that is by then,
 * so that it stays right while the queue changes.
 *
 * @module
 */
import { z } from "zod";
import { decodeStrict, encode } from "../base/bytes.ts";
import type { Overview, Queue } from "../queue/queue.ts";
import { type Filter, testOf } from "./filter.ts";
import { Problem } from "./problem.ts";
import { type Compare, Selection } from "./selection.ts";
import { inSlices } from "../base/slices.ts";

/** What a list can be in order of. */
export const SORTS = ["arrived", "due", "size", "sender", "attempts", "domain"] as const;

/** What a list is in order of. */
export type Sort = (typeof SORTS)[number];

/** Which messages to list, and how. */
export interface ListQuestion {
  readonly filter: Filter;
  readonly sort: Sort;
  readonly order: "asc" | "desc";
  /** Infinity for all. */
  readonly limit: number;
  /** Where the page before ended. */
  readonly cursor?: string;
}

/** A message as it is put in order: what it is compared by, and its id where that is equal. */
interface Place {
  readonly key: string | number;
  readonly id: string;
}

/** A page of a list. */
export interface Page {
  /** As they are now, in order. */
  readonly messages: Overview[];
  /** How many match, on this page and others. */
  readonly matched: number;
  /** With this the next page is asked for; absent when there is none. */
  readonly next?: string;
}

const KEYS: Readonly<Record<Sort, (overview: Overview) => string | number>> = {
  arrived: ({ arrived }) => arrived,
  due: ({ due }) => due,
  size: ({ size }) => size,
  sender: ({ reversePath }) => reversePath.toLowerCase(),
  attempts: ({ attempts }) => attempts,
  domain: ({ domains }) => domains[0] ?? "",
};

const compareUp: Compare<Place> = (a, b) => {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
};

const compareDown: Compare<Place> = (a, b) => compareUp(b, a);

/** One page. @throws {Problem} for a cursor of another list */
export async function page(
  queue: Queue,
  question: ListQuestion,
  now: number,
  signal?: AbortSignal,
): Promise<Page> {
  const { limit } = question;
  const { selection, matched } = await select(queue, question, limit + 1, now, signal);
  const places = [...selection.rows()];
  const messages = places.slice(0, limit).flatMap(({ id }) => queue.overview(id) ?? []);
  const last = places[limit - 1];
  const goesOn = places.length > limit && last !== undefined;
  return { messages, matched, ...(goesOn && { next: cursorAt(last, question) }) };
}

/** Every message that matches, in order, as it is when its turn comes; what is gone by then is left out. */
export async function* all(
  queue: Queue,
  question: ListQuestion,
  now: number,
  signal?: AbortSignal,
): AsyncGenerator<Overview> {
  const { selection } = await select(queue, question, question.limit, now, signal);
  for (const { id } of selection.rows()) {
    const overview = queue.overview(id);
    if (overview !== undefined) yield overview;
  }
}

async function select(
  queue: Queue,
  { filter, sort, order, cursor }: ListQuestion,
  limit: number,
  now: number,
  signal?: AbortSignal,
): Promise<{ selection: Selection<Place>; matched: number }> {
  const compare = order === "asc" ? compareUp : compareDown;
  const after = cursor === undefined ? undefined : placeAt(cursor, sort, order);
  const selection = new Selection(compare, limit);
  const matches = testOf(filter, now);
  const key = KEYS[sort];
  let matched = 0;
  await inSlices(queue.overviews(), (overview) => {
    if (!matches(overview)) return;
    matched++;
    const place = { key: key(overview), id: overview.id };
    if (after === undefined || compare(place, after) > 0) selection.add(place);
  }, signal);
  return { selection, matched };
}

const cursorSchema = z.tuple([
  z.enum(SORTS),
  z.enum(["asc", "desc"]),
  // JSON has no Infinity.
  z.union([z.string(), z.number(), z.null()]),
  z.string(),
]);

function cursorAt({ key, id }: Place, { sort, order }: ListQuestion): string {
  return encode(JSON.stringify([sort, order, key, id])).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

function placeAt(cursor: string, sort: Sort, order: "asc" | "desc"): Place {
  const read = cursorSchema.safeParse(decoded(cursor));
  if (!read.success || read.data[0] !== sort || read.data[1] !== order) {
    const expected = "the `next` of a page of the same list";
    throw new Problem("bad_request", `cursor: expected ${expected}`, { key: "cursor", expected });
  }
  const [, , key, id] = read.data;
  return { key: key ?? Infinity, id };
}

function decoded(cursor: string): unknown {
  try {
    return JSON.parse(decodeStrict(Uint8Array.fromBase64(cursor, { alphabet: "base64url" })) ?? "");
  } catch {
    return undefined;
  }
}
