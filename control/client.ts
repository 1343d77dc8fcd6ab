/**
 * The API from the other side, with types: what the command line uses, and any
 * program in this language may. It speaks to a running server through the Unix socket
 * in its spool, over TCP with a token, or to an application in the same process.
 * Nothing here throws: what went wrong is a {@linkcode Problem} in the answer's place.
 *
 * ```ts
 * using client = ControlClient.onSocket("spool/control.sock");
 * const page = await client.list({ domain: "example.org", state: "deferred" });
 * if (page instanceof Problem) console.error(page.message);
 * ```
 *
 * @module
 */
import type { z } from "zod";
import type { queuedMessage, queueEntry, queuePage } from "./answer_schemas.ts";
import type { ActionResult } from "./act.ts";
import type { ActionInput } from "./action.ts";
import type { NamedEnvelope } from "./import.ts";
import type { FindingsAnswer, RefusalsAnswer, StoryAnswer } from "./routes/history.ts";
import type { HoldsAnswer } from "./routes/holds.ts";
import type { PlanInput } from "./routes/plan.ts";
import type { SummaryAnswer } from "./routes/summary.ts";
import type { MailPlan } from "./target.ts";
import type { FilterInput } from "./filter.ts";
import { LINES_TYPE } from "./lines.ts";
import type { Fetch } from "./listener.ts";
import type { SORTS } from "./listing.ts";
import { Problem } from "./problem.ts";
import type { status } from "./routes/status.ts";

/** A message in the queue in a few words. */
export type QueueEntry = z.output<typeof queueEntry>;
/** A page of the queue. */
export type QueuePage = z.output<typeof queuePage>;
/** A message in the queue without its content. */
export type QueuedDetails = z.output<typeof queuedMessage>;
/** How the server is doing. */
export type ServerStatus = z.output<typeof status>;

/** Which messages to list, and how. */
export interface ListRequest extends FilterInput {
  readonly sort?: (typeof SORTS)[number];
  readonly order?: "asc" | "desc";
  readonly limit?: number;
  readonly cursor?: string;
}

/** What messages to find; everything that is given has to hold. */
export interface FindRequest {
  /** How the id begins. */
  readonly id?: string;
  /** A mailbox, `*@` and a domain, or `<>`. */
  readonly from?: string;
  readonly to?: string;
  readonly messageId?: string;
  /** What became of such a recipient. */
  readonly outcome?: string;
  /** When they were accepted, or something happened to them; with an outcome, when that became of them. ISO 8601, or ms since 1970. */
  readonly since?: string | number;
  readonly until?: string | number;
  readonly limit?: number;
}

/** What refusals to find; everything that is given has to hold. */
export interface RefusalsRequest extends Pick<FindRequest, "from" | "to" | "limit"> {
  /** The session's id. */
  readonly id?: string;
  /** The client's IP address. */
  readonly client?: string;
  /** When. ISO 8601, or ms since 1970. */
  readonly since?: string | number;
  readonly until?: string | number;
}

/** Where requests are made out to; which server they reach is the transport's matter. */
const BASE = "http://localhost";

/** What a request is besides its path. */
interface Asked {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly query?: object;
  readonly json?: unknown;
  readonly content?: ReadableStream<Uint8Array>;
  readonly accept?: string;
}

/** Speaks to one server. */
export class ControlClient implements Disposable {
  readonly #fetch: Fetch;
  readonly #close: () => void;
  readonly #base: string;
  readonly #token: string | undefined;

  private constructor(
    fetch: Fetch,
    { close = () => {}, base = BASE, token }: {
      close?: () => void;
      base?: string;
      token?: string;
    } = {},
  ) {
    this.#fetch = fetch;
    this.#close = close;
    this.#base = base;
    this.#token = token;
  }

  /** To the server that listens on a Unix socket. */
  static onSocket(path: string): ControlClient {
    const client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
    return new ControlClient((request) => fetch(request, { client }), {
      close: () => client.close(),
    });
  }

  /** To the server at an address, e.g. `http://127.0.0.1:8026`. */
  static onTcp(base: string, token: string): ControlClient {
    const client = Deno.createHttpClient({});
    const close = () => client.close();
    return new ControlClient((request) => fetch(request, { client }), { close, base, token });
  }

  /** To an application in this process. */
  static inProcess(fetch: Fetch): ControlClient {
    return new ControlClient(fetch);
  }

  /** Gives the connection up. */
  [Symbol.dispose](): void {
    this.#close();
  }

  /** How the server is doing. */
  status(): Promise<ServerStatus | Problem> {
    return this.#json("/v1/status");
  }

  /** A page of the queue. */
  list(request: ListRequest = {}): Promise<QueuePage | Problem> {
    return this.#json("/v1/queue", { query: request });
  }

  /** All of the queue that matches, one after the other; a problem, if there is one, comes last. */
  listAll(request: ListRequest = {}): AsyncGenerator<QueueEntry | Problem> {
    return this.#lines("/v1/queue", { query: request });
  }

  /** One message in the queue. */
  get(id: string): Promise<QueuedDetails | Problem> {
    return this.#json(`/v1/queue/${encodeURIComponent(id)}`);
  }

  /** The content of a message in the queue, octet for octet. */
  async content(id: string): Promise<ReadableStream<Uint8Array> | Problem> {
    const response = await this.#ask(`/v1/queue/${encodeURIComponent(id)}/content`);
    return response instanceof Problem ? response : response.body ?? ReadableStream.from([]);
  }

  /** The queue by destination, at most `limit` of them. */
  summary(limit?: number): Promise<SummaryAnswer | Problem> {
    return this.#json("/v1/queue/summary", { query: { limit } });
  }

  /** Steers messages; gives the count as it grows. The last has `over`, or is a problem. */
  act(action: ActionInput): AsyncGenerator<ActionResult | Problem> {
    return this.#lines("/v1/queue/actions", { method: "POST", json: action });
  }

  /** Queues a message; whom it is from and for stands in its header section where it is not said. */
  import(
    content: ReadableStream<Uint8Array>,
    { from, to }: NamedEnvelope = {},
  ): Promise<{ id: string } | Problem> {
    return this.#json("/v1/queue/import", { method: "POST", query: { from, to }, content });
  }

  /** What mail is held by its domain. */
  holds(): Promise<HoldsAnswer | Problem> {
    return this.#json("/v1/holds");
  }

  /** Stops the mail for a domain, or all of it. */
  hold(domain?: string): Promise<{ changed: boolean } | Problem> {
    return this.#json(holdPath(domain), { method: "PUT" });
  }

  /** Lets the mail for a domain go again, or all of it. */
  release(domain?: string): Promise<{ changed: boolean } | Problem> {
    return this.#json(holdPath(domain), { method: "DELETE" });
  }

  /** What happened to a message, in order. */
  story(id: string): Promise<StoryAnswer | Problem> {
    return this.#json(`/v1/messages/${encodeURIComponent(id)}/story`);
  }

  /** Messages that were accepted, and what became of them. */
  find(request: FindRequest): Promise<FindingsAnswer | Problem> {
    return this.#json("/v1/history", { query: request });
  }

  /** What clients were refused. */
  refusals(request: RefusalsRequest): Promise<RefusalsAnswer | Problem> {
    return this.#json("/v1/history/refusals", { query: request });
  }

  /** What would become of a message. */
  plan(question: PlanInput): Promise<MailPlan | Problem> {
    return this.#json("/v1/plan", { method: "POST", json: question });
  }

  /** Has the configuration read again; gives what has changed. */
  reload(): Promise<{ changes: string[] } | Problem> {
    return this.#json("/v1/reload", { method: "POST" });
  }

  /** Asks and reads JSON. */
  async #json<T>(path: string, request: Asked = {}): Promise<T | Problem> {
    const response = await this.#ask(path, request);
    if (response instanceof Problem) return response;
    try {
      return await response.json() as T;
    } catch (error) {
      return unreachable(error);
    }
  }

  /** Asks and reads JSON line by line. */
  async *#lines<T>(path: string, request: Asked): AsyncGenerator<T | Problem> {
    const response = await this.#ask(path, { accept: LINES_TYPE, ...request });
    if (response instanceof Problem) return yield response;
    let rest = "";
    try {
      for await (
        const text of (response.body ?? emptyBody()).pipeThrough(new TextDecoderStream())
      ) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const line of lines) yield JSON.parse(line) as T;
      }
    } catch (error) {
      yield unreachable(error);
    }
  }

  /** Asks; gives a problem for every answer that is none. */
  async #ask(path: string, request: Asked = {}): Promise<Response | Problem> {
    try {
      const response = await this.#fetch(this.#requestOf(path, request));
      if (response.ok) return response;
      const body = await response.text();
      return problemIn(body) ??
        new Problem("internal", `unexpected answer ${response.status}: ${body.slice(0, 200)}`);
    } catch (error) {
      return unreachable(error);
    }
  }

  #requestOf(path: string, request: Asked): Request {
    const { method = "GET", query = {}, json, content, accept } = request;
    const url = new URL(path, this.#base);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(key, String(value));
    }
    // A request that goes nowhere has no Host field unless it is given one.
    const headers = new Headers({ host: url.host });
    if (accept !== undefined) headers.set("accept", accept);
    if (this.#token !== undefined) headers.set("authorization", `Bearer ${this.#token}`);
    if (json !== undefined) headers.set("content-type", "application/json");
    if (content !== undefined) headers.set("content-type", "message/rfc822");
    return new Request(url, { method, headers, body: content ?? JSON.stringify(json) });
  }
}

function holdPath(domain: string | undefined): string {
  return domain === undefined ? "/v1/hold" : `/v1/domains/${encodeURIComponent(domain)}/hold`;
}

function problemIn(body: string): Problem | undefined {
  try {
    return Problem.of(JSON.parse(body));
  } catch {
    return undefined;
  }
}

/** No server listens there, or it ended meanwhile. */
function unreachable(error: unknown): Problem {
  return new Problem("unreachable", error instanceof Error ? error.message : String(error));
}

function emptyBody(): ReadableStream<Uint8Array> {
  return ReadableStream.from([]);
}
