/**
 * One attempt at one job: a kept connection or the destination's hosts in their
 * order, until one of them has decided about every recipient. Never throws:
 * what went wrong is the outcome of the recipients it went wrong for.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { RouteFact, Stages, TlsFact } from "../history/story.ts";
import { requestFor } from "../message/dsn_request.ts";
import type { DeliveryError } from "../queue/queue.ts";
import type { RecipientOutcome, SmtpClient, Transaction } from "./client.ts";
import { timeLeft } from "./deliver_by.ts";
import { DeliveryFailure } from "./failure.ts";
import type { Job } from "./job.ts";
import { portionOf } from "./portion.ts";
import type { Host, Route } from "./route.ts";
import type { Sessions } from "./sessions.ts";
import type { SetupFacts } from "./setup_notes.ts";

/** One host that was tried in an attempt. */
export interface Try {
  /** When it began, ms since 1970. */
  readonly at: number;
  /** How long it took, ms. */
  readonly took: number;
  /** Absent when there was no host to try. */
  readonly host?: Host;
  /** How it was found: on a kept connection, when that was made. */
  readonly route?: RouteFact;
  /** Whether the connection had been used before. */
  readonly kept?: true;
  /** Absent when it did not come to that. */
  readonly tls?: TlsFact;
  /** How long its parts took. */
  readonly stages: Stages;
  /** What it decided: positions in the message's list, and what became of each. */
  readonly outcomes: ReadonlyMap<number, RecipientOutcome>;
  /** The reply or error that decided it. */
  readonly reply: string;
}

/**
 * What an attempt says about its destination.
 * - `answered`: a host there judged the message or a recipient
 * - `failed`: no host there could be had for any message, for now
 * - `unknown`: neither, e.g. there is no such domain
 */
export type Finding =
  | { readonly kind: "answered" | "unknown" }
  | { readonly kind: "failed"; readonly error: DeliveryError };

/** What came of an attempt. */
export interface AttemptResult {
  /** The hosts that were tried, in order; at least one, or one entry without a host. */
  readonly tries: readonly Try[];
  /** What became of each recipient of the job in the end. */
  readonly outcomes: ReadonlyMap<number, RecipientOutcome>;
  readonly destination: Finding;
}

/** What came before a host was tried. */
interface Search {
  /** When it began, ms since 1970. */
  readonly at: number;
  /** How long the host's name and address took to find, ms. */
  readonly dns: number;
  readonly route?: RouteFact;
}

/** Told while a job has a session with its destination. */
export interface SessionHold {
  /** It has one. */
  take(): void;
  /** It has none any more. */
  release(): void;
}

/** What attempts need. */
export interface AttemptDeps {
  readonly clock: Clock;
  /** Finds the hosts of a destination; where TLS is required, only those whose names are proven. */
  readonly route: (destination: string, requireTls: boolean) => Promise<Route>;
  readonly sessions: Sessions;
}

/** Carries out a job. */
export async function attempt(
  job: Job,
  hold: SessionHold,
  deps: AttemptDeps,
): Promise<AttemptResult> {
  const run = new Run(job, hold, deps);
  let kept = run.takeKept();
  while (kept && !await run.transact(kept)) kept = run.takeKept();
  if (!run.isDecided) await run.tryHosts();
  return run.result();
}

/** An attempt under way. */
class Run {
  readonly #job: Job;
  readonly #hold: SessionHold;
  readonly #deps: AttemptDeps;
  readonly #tries: Try[] = [];
  readonly #outcomes = new Map<number, RecipientOutcome>();
  /** Whether the message requires TLS on all of its way (RFC 8689). */
  readonly #requireTls: boolean;
  #undecided: readonly number[];

  constructor(job: Job, hold: SessionHold, deps: AttemptDeps) {
    this.#job = job;
    this.#hold = hold;
    this.#deps = deps;
    this.#requireTls = job.work.claim.message.envelope.requireTls ?? false;
    this.#undecided = job.recipients;
  }

  get isDecided(): boolean {
    return this.#undecided.length === 0;
  }

  result(): AttemptResult {
    const finding = findingOf(this.#outcomes);
    // That TLS as one message requires it cannot be had says nothing about other mail.
    const isOwn = this.#requireTls && finding.kind === "failed";
    return {
      tries: this.#tries,
      outcomes: this.#outcomes,
      destination: isOwn ? { kind: "unknown" } : finding,
    };
  }

  /** A kept connection, if there is one. */
  takeKept(): SmtpClient | undefined {
    return this.#deps.sessions.take(this.#job.destination, this.#requireTls);
  }

  /** Goes through the destination's hosts until every recipient is decided about. */
  async tryHosts(): Promise<void> {
    const { clock } = this.#deps;
    let at = clock.now();
    const route = await this.#deps.route(this.#job.destination, this.#requireTls);
    const search = (): Search => searchOf(route, at, clock.now());
    if (route.kind === "failure") return this.#noteFailure(search(), route.error);
    for await (const host of route.hosts) {
      await this.#tryHost(host, search());
      if (this.isDecided) return;
      at = clock.now();
    }
  }

  async #tryHost(host: Host, search: Search): Promise<void> {
    try {
      const client = await this.#deps.sessions.open(host, this.#requireTls);
      client.route = search.route;
      await this.transact(client, search);
    } catch (error) {
      if (!(error instanceof DeliveryFailure)) throw error;
      this.#noteFailure(search, error.error, host, error.setup);
    }
  }

  /** No conversation came about, which is the same for every recipient that is not decided about. */
  #noteFailure(search: Search, error: DeliveryError, host?: Host, setup?: SetupFacts): void {
    const { at, dns, route } = search;
    const outcomes = new Map<number, RecipientOutcome>();
    for (const index of this.#undecided) outcomes.set(index, { kind: "failed", error });
    const stages = { dns, ...setup?.stages };
    this.#note({ at, host, route, tls: setup?.tls, stages, outcomes, reply: error.text });
  }

  /** Hands the message over; false when the connection was dead before it began, and the rest is not decided. */
  async transact(client: SmtpClient, search?: Search): Promise<boolean> {
    this.#hold.take();
    const wasAlive = await this.#handOver(client, search);
    this.#deps.sessions.give(this.#job.destination, client, this.#requireTls);
    if (!wasAlive) this.#hold.release();
    return wasAlive;
  }

  /** In one transaction, or in as many as the host's limits make of it (RFC 9422). What is left when they let no more over this connection stays undecided. */
  async #handOver(client: SmtpClient, search: Search | undefined): Promise<boolean> {
    for (let left = this.#undecided, first = search;; first = undefined) {
      const at = this.#deps.clock.now();
      const some = this.#portion(left, client);
      const result = await client.transact(this.#transaction(some));
      if (result.stale) return false;
      const outcomes = new Map<number, RecipientOutcome>();
      for (const [i, index] of some.entries()) outcomes.set(index, result.outcomes[i]!);
      const { reply, stages } = result;
      this.#note({ ...beginning(client, first, at, stages), outcomes, reply });
      if (some.length === left.length) return true;
      left = left.slice(some.length);
      this.#undecided = [...this.#undecided, ...left];
      if (!client.usable) return true;
    }
  }

  /** Those of the recipients, from the first on, that go in the next transaction. */
  #portion(left: readonly number[], { extensions: { limits } }: SmtpClient): readonly number[] {
    if (limits === undefined) return left;
    const { recipients } = this.#job.work.claim.message;
    return left.slice(0, portionOf(left.map((index) => recipients[index]!.address), limits));
  }

  #transaction(recipients: readonly number[]): Transaction {
    const { claim } = this.#job.work;
    const { envelope, size, eightBit } = claim.message;
    const all = claim.message.recipients;
    return {
      reversePath: envelope.reversePath,
      recipients: recipients.map((index) => all[index]!.address),
      dsn: envelope.dsn && requestFor(envelope.dsn, recipients),
      smtputf8: envelope.smtputf8,
      priority: envelope.priority,
      binary: envelope.body === "BINARYMIME",
      requireTls: envelope.requireTls,
      deliverBy: timeLeft(claim.message, this.#deps.clock.now()),
      eightBit,
      size,
      content: claim.content(),
    };
  }

  #note(noted: Omit<Try, "took">): void {
    const { outcomes } = noted;
    this.#tries.push({ ...noted, took: this.#deps.clock.now() - noted.at });
    const undecided: number[] = [];
    for (const [index, outcome] of outcomes) {
      this.#outcomes.set(index, moreHopeful(this.#outcomes.get(index), outcome));
      if (mayTryNextHost(outcome)) undecided.push(index);
    }
    this.#undecided = undecided;
  }
}

/**
 * Whether the next host may be asked: only where this one failed for all mail,
 * not where it judged the message or the recipient (RFC 5321 §5.1), and not where
 * it may have taken the message without our hearing of it (scope `session`).
 */
function mayTryNextHost(outcome: RecipientOutcome): boolean {
  return outcome.kind === "failed" && outcome.error.scope === "host";
}

/** What counts of the failures of two hosts: that one of them will never take the message is not the end while the other may. */
function moreHopeful(
  before: RecipientOutcome | undefined,
  now: RecipientOutcome,
): RecipientOutcome {
  if (before?.kind !== "failed" || now.kind !== "failed") return now;
  const isWorse = now.error.scope === "host" && now.error.permanent;
  return isWorse && !before.error.permanent ? before : now;
}

function findingOf(outcomes: ReadonlyMap<number, RecipientOutcome>): Finding {
  let failure: DeliveryError | undefined;
  for (const outcome of outcomes.values()) {
    if (outcome.kind === "delivered") return { kind: "answered" };
    const { scope, permanent } = outcome.error;
    if (scope === "message" || scope === "recipient") return { kind: "answered" };
    if (scope === "host" && !permanent) failure ??= outcome.error;
  }
  return failure === undefined ? { kind: "unknown" } : { kind: "failed", error: failure };
}

/** What a route tells, once a host or a failure came of it. */
function searchOf({ told }: Route, at: number, now: number): Search {
  const dns = now - at;
  return { at, dns, route: told && { ...told(), took: dns } };
}

/** What led to a transaction: the search for the host and the way to it, where it is the first one over its connection. */
function beginning(
  { host, setup, route }: SmtpClient,
  search: Search | undefined,
  at: number,
  stages: Stages,
): Omit<Try, "took" | "outcomes" | "reply"> {
  const { tls } = setup;
  if (search === undefined) return { at, host, route, kept: true, tls, stages };
  return {
    at: search.at,
    host,
    route,
    tls,
    stages: { dns: search.dns, ...setup.stages, ...stages },
  };
}
