/**
 * What is noted while a connection is made ready for mail: how long each stage
 * took, what TLS was demanded, and why it is no better than it is. Never fails.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Stages, TlsFact } from "../history/story.ts";
import type { TlsInfo } from "../message/envelope.ts";
import type { Stage } from "./failure.ts";

/** What came of it, as an attempt tells it. */
export interface SetupFacts {
  /** Of all connections that were made for it. */
  readonly stages: Stages;
  /** Absent where it did not come to that. */
  readonly tls?: TlsFact;
}

/** A stage before mail goes. */
export type SetupStage = Extract<
  Stage,
  "connect" | "greeting" | "ehlo" | "starttls" | "tls" | "auth"
>;

/** What the time of a stage counts as: the command and the handshake are one. */
const COUNTS_AS: Readonly<Record<SetupStage, keyof Stages>> = {
  connect: "connect",
  greeting: "greeting",
  ehlo: "ehlo",
  starttls: "tls",
  tls: "tls",
  auth: "auth",
};

/** The notes on the way to one client, however many connections that takes. */
export class SetupNotes {
  readonly #clock: Clock;
  readonly #policy: string;
  readonly #stages: Partial<Record<keyof Stages, number>> = {};
  #stage: SetupStage = "connect";
  #since: number;
  #why: string | undefined;

  /** Begins with connecting; `policy` says what TLS is demanded, and by what. */
  constructor(policy: string, clock: Clock) {
    this.#policy = policy;
    this.#clock = clock;
    this.#since = clock.now();
  }

  /** The stage that it is at. */
  get stage(): SetupStage {
    return this.#stage;
  }

  /** The next stage begins. */
  enter(stage: SetupStage): void {
    this.#count();
    this.#stage = stage;
  }

  /** Why TLS is not verified, or not there; what was said last counts. */
  because(why: string): void {
    this.#why = why;
  }

  /** All of it, with the TLS session where there is one now. */
  facts(session?: TlsInfo): SetupFacts {
    this.#count();
    return { stages: { ...this.#stages }, tls: this.#tls(session) };
  }

  #tls(session: TlsInfo | undefined): TlsFact {
    const why = session?.verified ? undefined : this.#why;
    return { policy: this.#policy, ...(session && { session }), ...(why !== undefined && { why }) };
  }

  #count(): void {
    const now = this.#clock.now();
    const name = COUNTS_AS[this.#stage];
    this.#stages[name] = (this.#stages[name] ?? 0) + now - this.#since;
    this.#since = now;
  }
}
