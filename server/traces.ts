/**
 * The way of each message as OpenTelemetry spans: made from facts after the event,
 * exported by whoever has registered a tracer provider, as Deno does by itself where
 * `OTEL_DENO=true`. Without one nothing is loaded, and nothing costs anything. Traces
 * leave the machine: no mailbox is in them, no content, and no words of other hosts,
 * which may repeat either. Never throws once it runs.
 *
 * @module
 */
import type { Attributes, Span, Tracer } from "@opentelemetry/api";
import type {
  AcceptedFact,
  AttemptFact,
  FinishedFact,
  NoticeFact,
  Stages,
  SteerFact,
  StoryFact,
  StoryTaker,
} from "../history/story.ts";

/** Where a tracer provider registers itself: by contract of the API, for all its versions 1.x. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/** The name that the spans' scope has. */
const SCOPE = "deno-smtp-server";

/** The stages of an attempt in the order in which they come. */
const STAGES: readonly (keyof Stages)[] = [
  "dns",
  "connect",
  "greeting",
  "ehlo",
  "tls",
  "auth",
  "envelope",
  "content",
];

/** The digits of ids, in their order (Crockford's base 32). */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

type Api = typeof import("@opentelemetry/api");

/** Takes facts for traces where somebody wants them; undefined where nobody does. */
export async function openTraces(): Promise<StoryTaker | undefined> {
  if (!(REGISTRY in globalThis)) return undefined;
  return new Traces(await import("@opentelemetry/api"));
}

/**
 * The 128 bits that an id is, in hexadecimal: a message's spans belong to one trace,
 * whichever process made them. Undefined for what is no id.
 */
export function traceIdOf(id: string): string | undefined {
  let value = 0n;
  for (const digit of id) {
    const at = DIGITS.indexOf(digit);
    if (at < 0) return undefined;
    value = value * 32n + BigInt(at);
  }
  const hex = value.toString(16).padStart(32, "0");
  return hex.length === 32 && value > 0n ? hex : undefined;
}

/** Makes spans. */
class Traces implements StoryTaker {
  readonly #api: Api;
  readonly #tracer: Tracer;

  constructor(api: Api) {
    this.#api = api;
    this.#tracer = api.trace.getTracer(SCOPE);
  }

  take(fact: StoryFact): void {
    switch (fact.kind) {
      case "accepted":
        return this.#accepted(fact);
      case "attempt":
        return this.#attempt(fact);
      case "notice":
      case "steered":
      case "finished":
        return this.#moment(fact);
      case "waits": // it goes on for hours, and is told by the attempts around it
      case "refused": // these two are about no message
      case "session":
        return;
      default:
        return fact satisfies never;
    }
  }

  #accepted(fact: AcceptedFact): void {
    const { client, to, size, origin, session, at, took, commit } = fact;
    const kind = this.#api.SpanKind.SERVER;
    const span = this.#begin("accept", fact, kind, {
      "smtp.recipients": to.length,
      "smtp.size": size,
      ...(session !== undefined && { "smtp.session": session }),
      ...(origin !== undefined && { "smtp.origin": origin }),
      ...(client.address !== "" && { "client.address": client.address }),
    });
    if (span === undefined) return;
    const end = at + took;
    if (commit !== undefined) this.#part("commit", fact, end - commit, end, span);
    span.end(end);
  }

  #attempt(fact: AttemptFact): void {
    const span = this.#begin("attempt", fact, this.#api.SpanKind.CLIENT, attributesOf(fact));
    if (span === undefined) return;
    if (fact.error !== undefined) {
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    }
    this.#stages(fact, span);
    span.end(fact.at + fact.took);
  }

  /** One after the other: that the second EHLO came after the handshake is not told by the facts. */
  #stages(fact: AttemptFact, whole: Span): void {
    let begin = fact.at;
    for (const name of STAGES) {
      const took = fact.stages[name];
      if (took === undefined) continue;
      this.#part(name, fact, begin, begin + took, whole);
      begin += took;
    }
  }

  /** A span within another. */
  #part(name: string, { id }: StoryFact, begin: number, end: number, whole: Span): void {
    const parent = this.#api.trace.setSpan(this.#api.ROOT_CONTEXT, whole);
    const attributes = { [MESSAGE_ID]: id };
    this.#tracer.startSpan(name, { startTime: begin, attributes }, parent).end(end);
  }

  #moment(fact: NoticeFact | SteerFact | FinishedFact): void {
    const kind = this.#api.SpanKind.INTERNAL;
    this.#begin(fact.kind, fact, kind, attributesOfMoment(fact))?.end(fact.at);
  }

  #begin(
    name: string,
    { id, at: startTime }: StoryFact,
    kind: number,
    attributes: Attributes,
  ): Span | undefined {
    const traceId = traceIdOf(id);
    if (traceId === undefined) return undefined;
    // The message itself is the parent, and no span: it may outlive this process.
    const message = { traceId, spanId: traceId.slice(16), traceFlags: SAMPLED, isRemote: true };
    const parent = this.#api.trace.setSpanContext(this.#api.ROOT_CONTEXT, message);
    const named = { [MESSAGE_ID]: id, ...attributes };
    return this.#tracer.startSpan(name, { startTime, kind, attributes: named }, parent);
  }
}

/** The attribute that every span has: the id that clients hear, and that `explain` takes. */
const MESSAGE_ID = "smtp.message_id";

/** The trace is wanted: what is not is for the exporter's sampler to say. */
const SAMPLED = 1;

function attributesOf(fact: AttemptFact): Attributes {
  const { destination, recipients, host, address, kept, tls, outcome, delivered } = fact;
  const session = tls?.session;
  const code = /^[2-5]\d\d(?=[ -]|$)/.exec(fact.reply)?.[0];
  return {
    "smtp.destination": destination,
    "smtp.recipients": recipients.length,
    "smtp.delivered": delivered,
    "smtp.outcome": outcome,
    ...(code !== undefined && { "smtp.reply_code": Number(code) }),
    "smtp.next": fact.next,
    "smtp.connection_kept": kept ?? false,
    ...(fact.route && { "smtp.route": fact.route.why }),
    ...(host !== undefined && { "server.address": host, "network.peer.address": address }),
    ...(fact.error?.enhanced !== undefined && { "smtp.status": fact.error.enhanced }),
    ...(tls && { "smtp.tls.policy": tls.policy }),
    ...(session && { "tls.protocol": session.version, "smtp.tls.verified": session.verified }),
  };
}

function attributesOfMoment(fact: NoticeFact | SteerFact | FinishedFact): Attributes {
  switch (fact.kind) {
    case "notice": {
      const { action, recipients, noticeId } = fact;
      const notice = noticeId === undefined ? {} : { "smtp.notice_id": noticeId };
      return { "smtp.action": action, "smtp.recipients": recipients.length, ...notice };
    }
    case "steered":
      return { "smtp.action": fact.action, "smtp.by": fact.by };
    case "finished": {
      const { delivered, bounced, removed } = fact;
      return { "smtp.delivered": delivered, "smtp.bounced": bounced, "smtp.removed": removed };
    }
    default:
      return fact satisfies never;
  }
}
