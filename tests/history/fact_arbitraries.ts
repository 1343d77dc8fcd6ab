/** Facts of every kind with whatever strangers may put into them. A field that a fact gets has to be named here too. */
import fc from "fast-check";
import type { ClientInfo, TlsInfo } from "../../message/envelope.ts";
import type { Decision, RouteFact, Stages, StoryFact, TlsFact } from "../../history/story.ts";
import type { RecipientResult, Redirection } from "../../history/story.ts";
import type { DeliveryError } from "../../queue/queue.ts";

/** An arbitrary for each field, those that may be absent included. */
type Fields<T> = { [K in keyof T]-?: fc.Arbitrary<T[K]> };

/** Any kind of fact. */
type Kind = StoryFact["kind"];
type FactOf<K extends Kind> = Extract<StoryFact, { kind: K }>;

const LATEST = Date.UTC(9999, 11, 31);

const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit }), // lone surrogates among them
  fc.constantFrom('","at":"2000', '"}\n{"kind":"finished"', "\\", '\\"', "\u2028\u202e", "\0", ""),
);
const texts = fc.array(text, { maxLength: 3 });
const time = fc.integer({ min: 0, max: LATEST });
const count = fc.nat();
const address = fc.ipV4();
const id = fc.constantFrom("01KAZ5M8ZP3V4Q7XW2R9T6N0BC", "mid8dk8d-2k");

function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

/** An object of these fields. */
function of<T extends object>(fields: Fields<T>): fc.Arbitrary<T> {
  return fc.record(fields) as fc.Arbitrary<T>;
}

function word<T extends string>(...words: T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...words);
}

const outcome = word("delivered", "deferred", "failed");
const decision = of<Decision>({
  about: word("connection", "login", "sender", "recipient", "content", "limit", "hook"),
  rule: text,
  recipient: maybe(text),
});
const session = of<TlsInfo>({
  version: text,
  cipher: maybe(text),
  verified: fc.boolean(),
  fingerprint: maybe(text),
});
const client = of<ClientInfo>({
  address,
  port: count,
  helo: text,
  protocol: text,
  tls: maybe(session),
  user: maybe(text),
});
const stage = maybe(count);
const stages = of<Stages>({
  ...{ dns: stage, connect: stage, greeting: stage, ehlo: stage },
  ...{ tls: stage, auth: stage, envelope: stage, content: stage },
});
const error = of<DeliveryError>({
  code: maybe(count),
  enhanced: maybe(text),
  text,
  hop: maybe(text),
  scope: word("session", "host", "message", "recipient"),
  permanent: fc.boolean(),
});

const facts: { [K in Kind]: fc.Arbitrary<FactOf<K>> } = {
  accepted: of<FactOf<"accepted">>({
    ...{ kind: word("accepted"), at: time, id, took: count },
    commit: maybe(count),
    session: maybe(id),
    origin: maybe(word("send", "notice", "import", "capture release", "unknown")),
    client,
    from: text,
    to: texts,
    size: count,
    messageId: maybe(text),
    subject: maybe(text),
    decisions: fc.array(decision, { maxLength: 2 }),
    asked: maybe(texts),
    held: maybe(fc.constant(true)),
    captured: maybe(fc.constant(true)),
  }),
  attempt: of<FactOf<"attempt">>({
    ...{ kind: word("attempt"), at: time, id, took: count },
    destination: text,
    recipients: texts,
    route: maybe(of<RouteFact>({ why: text, answers: texts, skipped: maybe(texts), took: count })),
    host: maybe(text),
    address: maybe(text),
    kept: maybe(fc.constant(true)),
    tls: maybe(of<TlsFact>({ policy: text, session: maybe(session), why: maybe(text) })),
    stages,
    reply: text,
    outcome: word("delivered", "deferred", "failed", "mixed"),
    results: maybe(fc.array(of<RecipientResult>({ outcome, reply: text }), { maxLength: 2 })),
    delivered: count,
    error: maybe(error),
    next: text,
    nextAttempt: maybe(time),
  }),
  waits: of<FactOf<"waits">>({
    ...{ kind: word("waits"), at: time, id },
    destination: text,
    why: text,
    until: maybe(time),
  }),
  notice: of<FactOf<"notice">>({
    ...{ kind: word("notice"), at: time, id },
    action: word("failed", "delayed", "relayed", "delivered"),
    recipients: texts,
    noticeId: maybe(id),
    reason: text,
  }),
  steered: of<FactOf<"steered">>({
    ...{ kind: word("steered"), at: time, id },
    action: word("hold", "release", "retry", "bounce", "remove", "redirect"),
    by: text,
    detail: maybe(text),
    redirected: maybe(fc.array(of<Redirection>({ from: text, to: text }), { maxLength: 2 })),
  }),
  finished: of<FactOf<"finished">>({
    ...{ kind: word("finished"), at: time, id },
    ...{ delivered: count, bounced: count, removed: count },
  }),
  refused: of<FactOf<"refused">>({
    ...{ kind: word("refused"), at: time, id },
    client,
    from: maybe(text),
    to: maybe(text),
    reply: maybe(text),
    decision,
  }),
  session: of<FactOf<"session">>({
    ...{ kind: word("session"), at: time, id, took: count },
    client,
    listener: text,
    role: word("mx", "submission"),
    messages: count,
    ids: texts,
    refusals: count,
    refusal: maybe(text),
    received: count,
    sent: count,
    end: word("quit", "closed", "timeout", "turned away", "tls failed", "errors", "shutdown"),
    error: maybe(text),
  }),
};

/** Arbitrary facts by their kind. */
export const anyFact: ReadonlyMap<Kind, fc.Arbitrary<StoryFact>> = new Map(
  Object.entries(facts) as [Kind, fc.Arbitrary<StoryFact>][],
);
