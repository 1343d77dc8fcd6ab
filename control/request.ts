/**
 * Reads what a request brings, against the schemas of its route. What does not fit
 * is thrown as a {@linkcode Problem} that names the key and what was expected;
 * nothing larger than its bound is ever held.
 *
 * @module
 */
import type { z } from "zod";
import { concat, decodeStrict } from "../base/bytes.ts";
import { Problem } from "./problem.ts";
import type { OctetsBody, Route } from "./route.ts";

/** The largest JSON that is read, octets: 10,000 ids fit. */
export const LARGEST_JSON = 1024 * 1024;

/** A value as a schema has it. @throws {Problem} */
export function checked<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { key, expected } = faultIn(result.error.issues[0]!);
  const where = key === "" ? "" : `${key}: `;
  throw new Problem("bad_request", where + expected, { ...(key && { key }), expected });
}

function faultIn(issue: z.core.$ZodIssue): { key: string; expected: string } {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return { key: [...path, issue.keys[0]].join("."), expected: "no such key" };
  }
  return { key: path.join("."), expected: issue.message };
}

/** The parameters of a query, each given once. @throws {Problem} */
export function queryOf(url: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null);
  for (const [key, value] of new URL(url).searchParams) {
    if (key in query) throw new Problem("bad_request", `${key}: given twice`, { key });
    query[key] = value;
  }
  return query;
}

/** The body as the route wants it. @throws {Problem} */
export async function bodyOf(request: Request, route: Route): Promise<unknown> {
  if (route.body === undefined) return undefined;
  if (isOctets(route.body)) {
    checkType(request, route.body.octets);
    return octetsOf(request);
  }
  checkType(request, "application/json");
  return checked(route.body, jsonIn(await readBounded(octetsOf(request))));
}

/** The octets of a body. A client that breaks off, or sends no chunks for chunks, is no failure of ours. */
function octetsOf({ body }: Request): ReadableStream<Uint8Array> {
  return ReadableStream.from(body === null ? [] : wholeOf(body));
}

/** @throws {Problem} when it does not come to its end */
async function* wholeOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk;
  } catch {
    throw new Problem("bad_request", "the body did not come to its end");
  }
}

/** Whether a route takes octets and not JSON. */
export function isOctets(body: z.ZodType | OctetsBody): body is OctetsBody {
  return "octets" in body;
}

/** A form of another page's can send no such type without asking first. */
function checkType({ headers }: Request, expected: string): void {
  const type = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type === expected) return;
  const place = { key: "Content-Type", expected };
  throw new Problem("unsupported_media_type", `Content-Type: expected ${expected}`, place);
}

async function readBounded(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LARGEST_JSON) {
      throw new Problem("too_large", `a body has at most ${LARGEST_JSON} octets`);
    }
    chunks.push(chunk);
  }
  return concat(chunks);
}

function jsonIn(octets: Uint8Array): unknown {
  const text = decodeStrict(octets);
  try {
    if (text !== undefined) return JSON.parse(text);
  } catch {
    // Told below, without the parser's words: they repeat what was sent.
  }
  throw new Problem("bad_request", "the body is no JSON");
}
