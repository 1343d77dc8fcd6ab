/**
 * What went wrong with a request, as a value that both ends of the API have: a code
 * for programs, a sentence for people, and where it is about one key of the request,
 * that key and what was expected.
 *
 * @module
 */

/** What kind of problem it is. */
export type ProblemCode =
  | "bad_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "timeout"
  | "method_not_allowed"
  | "header_too_large"
  | "overloaded"
  | "busy"
  | "bad_configuration"
  | "too_large"
  | "unsupported_media_type"
  | "wrong_host"
  | "internal"
  | "not_available"
  | "no_space"
  | "unreachable";

/** The status of each (RFC 9110 §15); what never reached a server has none. */
const STATUSES: Readonly<Record<ProblemCode, number>> = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  timeout: 408,
  busy: 409,
  bad_configuration: 409,
  too_large: 413,
  unsupported_media_type: 415,
  wrong_host: 421,
  header_too_large: 431,
  internal: 500,
  not_available: 503,
  overloaded: 503,
  no_space: 507,
  unreachable: 0,
};

/** Which part of a request it is about. */
export interface ProblemPlace {
  /** The key: the name of a parameter, or the way to a value in the body, e.g. `filter.state`. */
  readonly key?: string;
  /** What was expected there. */
  readonly expected?: string;
}

/** A problem as it is sent. */
export interface ProblemBody {
  readonly error: ProblemPlace & { readonly code: ProblemCode; readonly message: string };
}

/** A request cannot be answered. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly place: ProblemPlace;

  constructor(code: ProblemCode, message: string, place: ProblemPlace = {}) {
    super(message);
    this.name = "Problem";
    this.code = code;
    this.place = place;
  }

  /** The status it is answered with. */
  get status(): number {
    return STATUSES[this.code];
  }

  /** What is sent. */
  get body(): ProblemBody {
    return { error: { code: this.code, message: this.message, ...this.place } };
  }

  /** The problem in what another end has sent; undefined when it is none. */
  static of(body: unknown): Problem | undefined {
    const error = (body as Partial<ProblemBody> | null)?.error;
    if (typeof error?.code !== "string" || !Object.hasOwn(STATUSES, error.code)) return undefined;
    const { code, message, key, expected } = error;
    return new Problem(code, String(message), { key, expected });
  }
}

/** The fields that go with a problem by its kind: what to show, and when to ask again (s). */
export function problemHeaders({ code }: Problem): Record<string, string> {
  if (code === "unauthorized") return { "www-authenticate": "Bearer" };
  if (code === "overloaded") return { "retry-after": "1" };
  return {};
}

/** A problem as an answer. */
export function problemResponse(problem: Problem, headers: Record<string, string> = {}): Response {
  const own = { ...problemHeaders(problem), ...headers };
  return Response.json(problem.body, { status: problem.status, headers: own });
}

/** Every code that is sent, with its status. */
export function problemStatuses(): [code: ProblemCode, status: number][] {
  const entries = Object.entries(STATUSES) as [ProblemCode, number][];
  return entries.filter(([, status]) => status > 0);
}
