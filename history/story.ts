/**
 * What there is to tell of a message, of a session and of a refusal, as it happens:
 * one stream of facts from which the history, the log, the metrics, the traces and
 * the live page are made. Facts are told after what they tell of is durable.
 *
 * @module
 */
import type { ClientInfo, TlsInfo } from "../message/envelope.ts";
import type { DeliveryError } from "../queue/queue.ts";

/** One decision about who may send what where, and the rule that made it. */
export interface Decision {
  /** What was decided about, e.g. `relay`, `sender`, `limit`, `hook`. */
  readonly about: "connection" | "login" | "sender" | "recipient" | "content" | "limit" | "hook";
  /** The rule as the operator wrote it, e.g. `trust 127.0.0.0/8`, `local_domain example.org`, `user alice`, or the default that stood in for one. */
  readonly rule: string;
  /** The recipient it is about, where it is about one. */
  readonly recipient?: string;
}

/** What every fact has. */
interface Fact {
  /** When, ms since 1970; of what took time: when it began. */
  readonly at: number;
  /** The message's id; of a session and of a refusal: the session's. */
  readonly id: string;
}

/** A message was made durable in the queue. */
export interface AcceptedFact extends Fact {
  readonly kind: "accepted";
  /** From the first octet of content until it was durable, ms. */
  readonly took: number;
  /** The part of that which making it durable took, ms; absent where that was not measured. */
  readonly commit?: number;
  /** The session that brought it; absent for what this program queued itself. */
  readonly session?: string;
  /** Why this program queued it itself, `unknown` where only the message is left to tell; absent for what a client brought. */
  readonly origin?: "send" | "notice" | "import" | "capture release" | "unknown";
  readonly client: ClientInfo;
  /** `""` is the null reverse-path. */
  readonly from: string;
  readonly to: readonly string[];
  /** Octets. */
  readonly size: number;
  /** Message-ID and Subject as they stand in the header section, unfolded, each at most 1,000 characters. */
  readonly messageId?: string;
  readonly subject?: string;
  /** Why it was let in: one for the client or user, and one for each recipient whose rule differs. */
  readonly decisions: readonly Decision[];
  /** What its sender asked for beyond delivery, as written: `REQUIRETLS`, `BY=3600;R`, `MT-PRIORITY=3`, `HOLDUNTIL=…`, `NOTIFY=…`. */
  readonly asked?: readonly string[];
  /** Whether it is held from the start. */
  readonly held?: true;
  /** Whether it is captured: kept to be looked at, and never delivered itself. */
  readonly captured?: true;
}

/** How the hosts of a destination were found. */
export interface RouteFact {
  /** What decided the destination: `MX example.org`, `smarthost relay.example:587`, `redirected to …`, `address literal`. */
  readonly why: string;
  /** What the name servers answered, in the order of asking, one line each: `MX example.org: 10 mx1.example.org, 20 mx2.example.org`; at most 20. */
  readonly answers: readonly string[];
  /** Hosts that were passed over, and why, one line each: `mx2.example.org[10.0.0.1]: not on the public Internet`; at most 20. Absent when none was. */
  readonly skipped?: readonly string[];
  /** How long that took, ms. */
  readonly took: number;
}

/** What an attempt did before and after mail went, ms each; what was not done is absent. */
export interface Stages {
  readonly dns?: number;
  readonly connect?: number;
  readonly greeting?: number;
  readonly ehlo?: number;
  readonly tls?: number;
  readonly auth?: number;
  readonly envelope?: number;
  readonly content?: number;
}

/** TLS of an attempt. */
export interface TlsFact {
  /** What was demanded, and by whom: `opportunistic`, `verified: smarthost with a password`, `verified: REQUIRETLS`. */
  readonly policy: string;
  /** The session; absent when plaintext was used, or none came about. */
  readonly session?: TlsInfo;
  /** Why it is not verified, or not there; absent when it is. */
  readonly why?: string;
}

/** What an attempt did for one recipient, where they fared differently. */
export interface RecipientResult {
  readonly outcome: "delivered" | "deferred" | "failed";
  /** The reply or error that decided it, one line. */
  readonly reply: string;
}

/** A host was tried, or there was none to try. */
export interface AttemptFact extends Fact {
  readonly kind: "attempt";
  /** ms. */
  readonly took: number;
  /** Where to: the recipients' domain, or the smarthost. */
  readonly destination: string;
  /** The recipients it was for. */
  readonly recipients: readonly string[];
  /** On a kept connection that by which it was made. */
  readonly route?: RouteFact;
  /** The host, and `address:port`; absent when none was found. */
  readonly host?: string;
  readonly address?: string;
  /** Whether the connection had been used before. */
  readonly kept?: true;
  readonly tls?: TlsFact;
  readonly stages: Stages;
  /** The reply or error that decided it, one line. */
  readonly reply: string;
  readonly outcome: "delivered" | "deferred" | "failed" | "mixed";
  /** One for each of `recipients`, in their order; absent unless the outcome is `mixed`. */
  readonly results?: readonly RecipientResult[];
  /** How many recipients it delivered to. */
  readonly delivered: number;
  /** The first failure, where there was one. */
  readonly error?: DeliveryError;
  /** What happens next and why, one line, with the rule that set the time. */
  readonly next: string;
  /** When the next attempt is, ms since 1970; absent when there is none. */
  readonly nextAttempt?: number;
}

/** A message was not tried, because its destination rests or is held. */
export interface WaitFact extends Fact {
  readonly kind: "waits";
  readonly destination: string;
  /** Why, one line. */
  readonly why: string;
  /** Until when, ms since 1970; absent when until somebody releases it. */
  readonly until?: number;
}

/** A sender was told what became of recipients, or is not to be told. */
export interface NoticeFact extends Fact {
  readonly kind: "notice";
  readonly action: "failed" | "delayed" | "relayed" | "delivered";
  readonly recipients: readonly string[];
  /** The id of the notification; absent when nobody was told. */
  readonly noticeId?: string;
  /** Why, one line. */
  readonly reason: string;
}

/** An operator did something with a message. */
export interface SteerFact extends Fact {
  readonly kind: "steered";
  readonly action: "hold" | "release" | "retry" | "bounce" | "remove" | "redirect";
  /** Who, by the end of the API that was used: `socket`, `api`, `web`; `spool` where no server ran; `server` for what this program did itself. */
  readonly by: string;
  /** The particulars, one line: the new next hop, the new recipient. */
  readonly detail?: string;
  /** The recipients that have another address from now on; absent when none has. */
  readonly redirected?: readonly Redirection[];
}

/** A recipient's address, and the one that stands for it from now on. */
export interface Redirection {
  readonly from: string;
  readonly to: string;
}

/** A message is finished and gone from the queue. */
export interface FinishedFact extends Fact {
  readonly kind: "finished";
  /** Recipients by what became of them. */
  readonly delivered: number;
  readonly bounced: number;
  readonly removed: number;
}

/** A client was refused a sender, a recipient, a message, a login or the connection. */
export interface RefusedFact extends Fact {
  readonly kind: "refused";
  readonly client: Pick<ClientInfo, "address" | "port" | "helo" | "user">;
  /** Where a sender or what comes after it was refused. */
  readonly from?: string;
  readonly to?: string;
  /** Our reply, one line; absent where the client was only hung up on. */
  readonly reply?: string;
  /** Why. */
  readonly decision: Decision;
}

/** A session is over. */
export interface SessionFact extends Fact {
  readonly kind: "session";
  /** ms. */
  readonly took: number;
  readonly client: ClientInfo;
  /** The listener as it is configured, e.g. `submission://192.0.2.1:587`, and what it is for. */
  readonly listener: string;
  readonly role: "mx" | "submission";
  /** Messages accepted: how many, and the ids of the first ten. */
  readonly messages: number;
  readonly ids: readonly string[];
  /** Commands refused by policy, and the first of these replies. */
  readonly refusals: number;
  readonly refusal?: string;
  /** Octets received and sent, without what TLS adds. */
  readonly received: number;
  readonly sent: number;
  /**
   * How it ended: by QUIT; the client hung up; it took too long; it was not let in; no
   * TLS came of its handshake; we hung up after what it did; the server stops.
   */
  readonly end:
    | "quit"
    | "closed"
    | "timeout"
    | "turned away"
    | "tls failed"
    | "errors"
    | "shutdown";
  /** What broke it off, where something did. */
  readonly error?: string;
}

/** One fact. */
export type StoryFact =
  | AcceptedFact
  | AttemptFact
  | WaitFact
  | NoticeFact
  | SteerFact
  | FinishedFact
  | RefusedFact
  | SessionFact;

/** Who is told. */
export interface StoryTaker {
  /** Takes a fact. Cheap, and never throws: the mail's way does not wait for it. */
  take(fact: StoryFact): void;
}

/** Tells every taker. One that throws is a bug of its own and stops nothing here: takers catch. */
export class Stories implements StoryTaker {
  readonly #takers: Set<StoryTaker>;

  /** Begins with these. */
  constructor(takers: Iterable<StoryTaker> = []) {
    this.#takers = new Set(takers);
  }

  take(fact: StoryFact): void {
    for (const taker of this.#takers) taker.take(fact);
  }

  /** Adds a taker; gives a function that removes it. */
  add(taker: StoryTaker): () => void {
    this.#takers.add(taker);
    return () => this.#takers.delete(taker);
  }
}
