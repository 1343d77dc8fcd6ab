/**
 * The metrics of a server: counted from the facts of its mail as they are told, and
 * read from the queue and the process when somebody asks. Their list is in
 * `docs/operate.md`. Nothing here throws.
 *
 * @module
 */
import { Counter, Gauge, Histogram, type Metric, metricsText } from "../base/metrics.ts";
import type { Clock } from "../base/clock.ts";
import type { AcceptedFact, AttemptFact, SessionFact } from "../history/story.ts";
import type { RefusedFact, StoryFact, StoryTaker } from "../history/story.ts";
import type { DnsListener } from "../deliver/dns.ts";
import type { MessageState, Queue } from "../queue/queue.ts";
import { breathe, inSlices } from "../base/slices.ts";
import { type EndTally, stateGauges } from "./state_gauges.ts";
import type { NotReady } from "./target.ts";

/** What is looked at when the metrics are asked for. */
export interface MetricsSource {
  readonly clock: Clock;
  readonly queue: Queue;
  /** How many clients are connected. */
  readonly connections: () => number;
  /** The connections to the API. */
  readonly apiConnections: () => readonly EndTally[];
  /** What is in the way of mail. Never rejects. */
  readonly notReady: () => Promise<readonly NotReady[]>;
  /** The program's version. */
  readonly version: string;
  /** When the server was started, ms since 1970. */
  readonly startedAt: number;
  /** What the history takes and has lost; absent where none is kept. */
  readonly history?: { readonly octets: number; readonly lost: number };
}

const STATES: readonly MessageState[] = [
  "active",
  "incoming",
  "deferred",
  "scheduled",
  "held",
  "captured",
];
const TLS_VERSIONS = ["none", "TLSv1.2", "TLSv1.3", "TLSv1.2+"];
const VERIFIED = ["yes", "no"];
const CLASSES = ["2xx", "4xx", "5xx", "none"];
const STAGES = ["dns", "connect", "greeting", "ehlo", "tls", "auth", "envelope", "content"];
const ORIGINS = ["client", "send", "notice", "import", "capture release"];
const OUTCOMES = ["delivered", "deferred", "failed", "mixed"];
const ABOUT = ["connection", "login", "sender", "recipient", "content", "limit", "hook"];
const ENDS = ["quit", "closed", "timeout", "turned away", "tls failed", "errors", "shutdown"];
const RECORDS = ["A", "AAAA", "MX", "CNAME", "TLSA"];
const QUESTIONS = ["A", "AAAA", "MX"];
const DNS_RESULTS = ["found", "none", "nxdomain", "servfail", "refused", "timeout", "failed"];
/** Seconds: from what happens within a machine to what hits a timeout. */
const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300];
/** How long ages of the queue are good for, ms: finding them goes through all of it. */
const AGES_FRESH_FOR = 15_000;

/** The metrics of one server. */
export class Metrics implements StoryTaker {
  readonly #source: MetricsSource;
  readonly #all: Metric[] = [];
  /** When the oldest message of each state arrived, and when that was found out, ms since 1970. */
  #arrived: ReadonlyMap<MessageState, number> = new Map();
  #arrivedAt = -Infinity;
  /** What was in the way of mail when last asked. */
  #notReady: readonly NotReady[] = [];
  /** How late the event loop was when last asked, ms. */
  #lag = 0;

  readonly #sessions = this.#add(
    new Counter("smtp_sessions_total", "Sessions that are over, by how they ended.", {
      role: ["mx", "submission"],
      end: ENDS,
    }),
  );
  readonly #sessionTls = this.#add(
    new Counter("smtp_sessions_tls_total", "Sessions that are over, by the version of TLS.", {
      version: TLS_VERSIONS,
    }),
  );
  readonly #sessionTime = this.#add(
    new Histogram("smtp_session_duration_seconds", "How long sessions took.", SECONDS),
  );
  readonly #received = this.#add(
    new Counter("smtp_received_bytes_total", "Octets from clients, without what TLS adds."),
  );
  readonly #sent = this.#add(
    new Counter("smtp_sent_bytes_total", "Octets to clients, without what TLS adds."),
  );
  readonly #accepted = this.#add(
    new Counter("smtp_messages_accepted_total", "Messages made durable, by where from.", {
      origin: ORIGINS,
    }),
  );
  readonly #acceptedBytes = this.#add(
    new Counter("smtp_messages_accepted_bytes_total", "Octets of messages made durable."),
  );
  readonly #acceptTime = this.#add(
    new Histogram(
      "smtp_accept_duration_seconds",
      "From the first octet of content until the message was durable.",
      SECONDS,
    ),
  );
  readonly #commitTime = this.#add(
    new Histogram(
      "smtp_commit_duration_seconds",
      "From the end of content until the message was durable.",
      SECONDS,
    ),
  );
  readonly #refusals = this.#add(
    new Counter("smtp_refusals_total", "Refusals, by what was refused and for how long.", {
      about: ABOUT,
      class: CLASSES,
    }),
  );
  readonly #attempts = this.#add(
    new Counter("smtp_attempts_total", "Hosts tried, by outcome and class of the status.", {
      outcome: OUTCOMES,
      class: CLASSES,
    }),
  );
  readonly #delivered = this.#add(
    new Counter("smtp_recipients_delivered_total", "Recipients delivered to."),
  );
  readonly #attemptTime = this.#add(
    new Histogram("smtp_attempt_duration_seconds", "How long attempts took.", SECONDS),
  );
  readonly #stageTime = this.#add(
    new Histogram("smtp_stage_duration_seconds", "How long stages of attempts took.", SECONDS, {
      stage: STAGES,
    }),
  );
  readonly #attemptTls = this.#add(
    new Counter("smtp_attempts_tls_total", "Attempts that reached a host, by TLS.", {
      version: TLS_VERSIONS,
      verified: VERIFIED,
    }),
  );
  readonly #dns = this.#add(
    new Counter("smtp_dns_answers_total", "Answers of name servers for routes, by record.", {
      type: RECORDS,
    }),
  );
  readonly #questions = this.#add(
    new Counter("smtp_dns_questions_total", "Questions put to name servers, by what came of it.", {
      type: QUESTIONS,
      result: DNS_RESULTS,
    }),
  );
  readonly #notices = this.#add(
    new Counter("smtp_notices_total", "News for senders, by what it was.", {
      action: ["failed", "delayed", "relayed", "delivered"],
    }),
  );
  readonly #steered = this.#add(
    new Counter("smtp_steered_total", "What operators did to messages.", {
      action: ["hold", "release", "retry", "bounce", "remove", "redirect"],
    }),
  );
  readonly #waits = this.#add(
    new Counter("smtp_waits_total", "Messages not tried because a destination rests or is held."),
  );
  readonly #finished = this.#add(
    new Counter("smtp_messages_finished_total", "Messages finished and gone from the queue."),
  );

  /** Makes the metrics of a server. */
  constructor(source: MetricsSource) {
    this.#source = source;
    this.#addGauges();
    this.#all.push(...stateGauges(source, () => this.#notReady));
  }

  /** The names of all metrics, in their order. */
  get names(): readonly string[] {
    return this.#all.map(({ name }) => name);
  }

  take(fact: StoryFact): void {
    switch (fact.kind) {
      case "accepted":
        return this.#takeAccepted(fact);
      case "attempt":
        return this.#takeAttempt(fact);
      case "session":
        return this.#takeSession(fact);
      case "refused":
        return this.#takeRefused(fact);
      case "waits":
        return this.#waits.add(1);
      case "notice":
        return this.#notices.add(1, fact.action);
      case "steered":
        return this.#steered.add(1, fact.action);
      case "finished":
        return this.#finished.add(1);
      default:
        fact satisfies never;
    }
  }

  /** Counts a question to name servers. */
  readonly askedDns: DnsListener = (type, result) => this.#questions.add(1, type, result);

  /** All of them in the format of Prometheus; looks at the event loop and the spool on the way. */
  async text(): Promise<string> {
    const start = performance.now();
    await breathe();
    this.#lag = performance.now() - start;
    this.#notReady = await this.#source.notReady();
    await this.#findOldest();
    return metricsText(this.#all);
  }

  #add<M extends Metric>(metric: M): M {
    this.#all.push(metric);
    return metric;
  }

  #takeAccepted({ origin, size, took, commit }: AcceptedFact): void {
    this.#accepted.add(1, origin ?? "client");
    this.#acceptedBytes.add(size);
    this.#acceptTime.observe(took / 1000);
    if (commit !== undefined) this.#commitTime.observe(commit / 1000);
  }

  #takeAttempt(attempt: AttemptFact): void {
    const { outcome, delivered, took, stages, address, tls, route } = attempt;
    this.#attempts.add(1, outcome, classOf(attempt));
    this.#delivered.add(delivered);
    this.#attemptTime.observe(took / 1000);
    for (const stage in stages) {
      this.#stageTime.observe(stages[stage as keyof typeof stages]! / 1000, stage);
    }
    for (const answer of route?.answers ?? []) {
      this.#dns.add(1, answer.slice(0, answer.indexOf(" ")));
    }
    if (address === undefined) return;
    const { version = "none", verified = false } = tls?.session ?? {};
    this.#attemptTls.add(1, version, verified ? "yes" : "no");
  }

  #takeSession({ role, end, took, client, received, sent }: SessionFact): void {
    this.#sessions.add(1, role, end);
    this.#sessionTls.add(1, client.tls?.version ?? "none");
    this.#sessionTime.observe(took / 1000);
    this.#received.add(received);
    this.#sent.add(sent);
  }

  #takeRefused({ decision, reply }: RefusedFact): void {
    this.#refusals.add(1, decision.about, reply === undefined ? "none" : `${reply[0]}xx`);
  }

  #addGauges(): void {
    const { clock, queue, connections, version, startedAt, history } = this.#source;
    const one = (value: number) => [{ labels: [], value }];
    this.#addGauge(
      "smtp_connections_open",
      "Clients that are connected.",
      () => one(connections()),
    );
    this.#addGauge("smtp_queue_messages", "Messages in the queue, by state.", () => {
      const counts = queue.counts();
      return STATES.map((state) => ({ labels: [state], value: counts[state] }));
    }, { state: STATES });
    this.#addGauge("smtp_queue_oldest_seconds", "Age of the oldest message, by state.", () => {
      return [...this.#arrived].map(([state, at]) => ({
        labels: [state],
        value: Math.max(0, clock.now() - at) / 1000,
      }));
    }, { state: STATES });
    if (history !== undefined) {
      this.#addGauge(
        "smtp_history_bytes",
        "What the history takes on the disk.",
        () => one(history.octets),
      );
      this.#addGauge(
        "smtp_history_lost_total",
        "Facts that the history could not keep.",
        () => one(history.lost),
        {},
        "counter",
      );
    }
    this.#addGauge(
      "smtp_event_loop_lag_seconds",
      "How long it took until what was ready had run.",
      () => one(this.#lag / 1000),
    );
    this.#addGauge(
      "process_resident_memory_bytes",
      "Resident memory.",
      () => one(Deno.memoryUsage().rss),
    );
    this.#addGauge(
      "process_start_time_seconds",
      "When the server was started, since 1970.",
      () => one(startedAt / 1000),
    );
    const built = { version: [version] };
    this.#addGauge(
      "smtp_build_info",
      "1, with the version.",
      () => [{ labels: [version], value: 1 }],
      built,
    );
  }

  #addGauge(...[name, help, read, labels = {}, type]: GaugeSpec): void {
    this.#all.push(new Gauge(name, help, labels, read, type));
  }

  async #findOldest(): Promise<void> {
    const now = this.#source.clock.now();
    if (now - this.#arrivedAt < AGES_FRESH_FOR) return;
    this.#arrivedAt = now;
    const oldest = new Map<MessageState, number>();
    await inSlices(this.#source.queue.overviews(), ({ state, arrived }) => {
      if (arrived < (oldest.get(state) ?? Infinity)) oldest.set(state, arrived);
    });
    this.#arrived = oldest;
  }
}

/** A gauge: its name, its help, how it is read, its labels, and its type where it is a counter. */
type GaugeSpec = [
  name: string,
  help: string,
  read: ConstructorParameters<typeof Gauge>[3],
  labels?: ConstructorParameters<typeof Gauge>[2],
  type?: ConstructorParameters<typeof Gauge>[4],
];

/** The class of what decided an attempt: of the enhanced status where there is one (RFC 3463 §2), else of the reply. */
function classOf({ error, outcome }: AttemptFact): string {
  if (error === undefined) return outcome === "delivered" ? "2xx" : "none";
  const status = error.enhanced ?? error.code?.toString();
  return status === undefined ? "none" : `${status[0]}xx`;
}
