/**
 * What a route of the API is: its place, what it takes and gives, in words and as
 * schemas, and the function that does it. From the table of routes come both the
 * application that answers and the OpenAPI document that describes it.
 *
 * @module
 */
import type { z } from "zod";
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { ControlTarget } from "./target.ts";

/** One request, checked. */
export interface Call<Params, Query, Body> {
  readonly target: ControlTarget;
  /** Who asks, as it is recorded: `socket`, `api`, `web`. */
  readonly by: string;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Whether the client wants lines of JSON (`application/x-ndjson`). */
  readonly wantsLines: boolean;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** What a body that is no JSON is: a stream of octets of this type. */
export interface OctetsBody {
  readonly octets: "message/rfc822";
}

/** What an answer may be, by media type: JSON as its schema has it, or text. */
export type Answers = Readonly<Record<string, z.ZodType | "text">>;

/** One route. */
export interface Route<
  Params extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType | OctetsBody | undefined = z.ZodType | OctetsBody | undefined,
> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** With parameters in braces: `/v1/queue/{id}`. */
  readonly path: string;
  /** Its name for programs that are made from the document. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** The particulars, in Markdown. */
  readonly description?: string;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly answers: Answers;
  /** The JSON that it answers 503 with; absent where that is a problem as elsewhere. */
  readonly unavailable?: z.ZodType;
  /** Whether it is answered without a token: it tells nothing of mail. */
  readonly open?: true;
  /** Whether its answer goes on for as long as the client listens. */
  readonly endless?: true;
  /** Gives what becomes JSON, or the whole answer. @throws {Problem} */
  handle(call: Call<z.output<Params>, z.output<Query>, BodyOf<Body>>): MaybePromise<unknown>;
}

/** What a handler gets for a body. */
type BodyOf<Body> = Body extends z.ZodType ? z.output<Body>
  : Body extends OctetsBody ? ReadableStream<Uint8Array>
  : undefined;

/** A route whose handler's types come from its schemas. */
export function route<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType | OctetsBody | undefined,
>(route: Route<Params, Query, Body>): Route {
  return route as unknown as Route;
}
