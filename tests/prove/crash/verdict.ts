/**
 * The verdict of the crash proof: holds what next hops took against what was
 * acknowledged, and says of each duplicate why it was possible.
 *
 * @module
 */
import type { Ledger, Submission, Taken } from "./ledger.ts";
import { isRefused } from "./mail.ts";

/** A run of the server, as far as the verdict needs it. Times in ms since 1970. */
export interface RunTimes {
  /** What it called itself. */
  readonly name: string;
  /** When it was started. */
  readonly startedAt: number;
  /** Infinity when it was not killed. */
  readonly killedAt: number;
}

/**
 * Why something came twice.
 * - `sender`: its sender heard nothing and sent it again, as it has to
 * - `kill`: delivered before a kill, and the record of that not yet on disk
 * - `silence`: the next hop took it and hung up without a word
 * - `bounce`: the bounce had been queued, and the record of that not yet
 */
export type DuplicateReason = "sender" | "kill" | "silence" | "bounce";

/** What was found. */
export interface Verdict {
  /** Acknowledged messages that came to every recipient, or whose sender was told. */
  readonly found: number;
  /** Recipients of acknowledged messages that were neither reached nor reported; the first few, in words. */
  readonly lost: readonly string[];
  /** How many those are. */
  readonly lostCount: number;
  /** What came with other octets, to others, or though it had never been sent whole; in words. */
  readonly corrupt: readonly string[];
  /** Recipients whom no next hop takes, of whom senders were told. */
  readonly bounced: number;
  /** What came more than once, by reason. */
  readonly duplicates: ReadonlyMap<DuplicateReason, number>;
  /** What came more than once for no good reason; in words. */
  readonly unexplained: readonly string[];
  /** The longest time between a delivery and the kill that made it a duplicate, ms. */
  readonly longestUnrecorded: number;
  /** For each run that delivered anything: from its start to its first delivery, ms. */
  readonly firstDelivery: readonly number[];
}

/**
 * How old a delivery may be whose record a kill takes away, ms. The record waits
 * a second for company; the rest is for a machine that has other things to do.
 */
const LONGEST_UNRECORDED = 3000;

/** How many of each kind of finding are told in words. */
const MOST_TOLD = 20;

/** Judges. */
export function judge(ledger: Ledger, runs: readonly RunTimes[]): Verdict {
  return new Judge(ledger, runs).verdict();
}

/** Whether every recipient of every acknowledged message was reached, or its sender told. */
export function isComplete(ledger: Ledger): boolean {
  const reached = new Set(ledger.taken.flatMap(keysOf));
  return [...ledger.submissions.values()].every((submission) =>
    submission.state !== "acknowledged" ||
    submission.recipients.every((recipient) => reached.has(keyOf(submission.id, recipient)))
  );
}

function keyOf(submission: string, recipient: string): string {
  return `${submission} to ${recipient}`;
}

function keysOf({ submission, recipients }: Taken): string[] {
  return recipients.map((recipient) => keyOf(submission, recipient));
}

class Judge {
  readonly #ledger: Ledger;
  readonly #runs: ReadonlyMap<string, RunTimes>;
  /** What came, for each recipient of each submission, in the order in which it came. */
  readonly #arrivals = new Map<string, Taken[]>();
  readonly #lost: string[] = [];
  #lostCount = 0;
  readonly #corrupt: string[] = [];
  readonly #unexplained: string[] = [];
  readonly #duplicates = new Map<DuplicateReason, number>();
  #bounced = 0;
  #longestUnrecorded = 0;

  constructor(ledger: Ledger, runs: readonly RunTimes[]) {
    this.#ledger = ledger;
    this.#runs = new Map(runs.map((run) => [run.name, run]));
    for (const taken of ledger.taken) this.#file(taken);
  }

  verdict(): Verdict {
    let found = 0;
    for (const submission of this.#ledger.submissions.values()) {
      if (submission.state === "acknowledged") found += this.#find(submission);
      else this.#explainUnasked(submission);
    }
    for (const [key, arrivals] of this.#arrivals) this.#explainRepeats(key, arrivals);
    for (const what of this.#ledger.strange) tell(this.#corrupt, what);
    return {
      found,
      lost: this.#lost,
      lostCount: this.#lostCount,
      corrupt: this.#corrupt,
      bounced: this.#bounced,
      duplicates: this.#duplicates,
      unexplained: this.#unexplained,
      longestUnrecorded: this.#longestUnrecorded,
      firstDelivery: this.#firstDeliveries(),
    };
  }

  /** Checks something that came against the submission it says it is. */
  #file(taken: Taken): void {
    const submission = this.#ledger.submissions.get(taken.submission);
    const fault = submission === undefined ? "was never submitted" : faultIn(taken, submission);
    if (fault !== undefined) return tell(this.#corrupt, `${taken.submission} ${fault}`);
    for (const key of keysOf(taken)) {
      const arrivals = this.#arrivals.get(key);
      if (arrivals) arrivals.push(taken);
      else this.#arrivals.set(key, [taken]);
    }
  }

  /** 1 when an acknowledged submission came to all of its recipients, else 0. */
  #find({ id, recipients }: Submission): number {
    const missing = recipients.filter((recipient) => !this.#arrivals.has(keyOf(id, recipient)));
    for (const recipient of missing) tell(this.#lost, keyOf(id, recipient));
    this.#lostCount += missing.length;
    if (missing.length > 0) return 0;
    this.#bounced += recipients.filter(isRefused).length;
    return 1;
  }

  /** A submission that was not acknowledged and came all the same: its message is sent again, and comes twice. */
  #explainUnasked({ id, recipients, state }: Submission): void {
    for (const recipient of recipients) {
      const key = keyOf(id, recipient);
      if (!this.#arrivals.has(key)) continue;
      if (state === "sent") this.#count("sender");
      else tell(this.#unexplained, `${key} came, though its sender was refused`);
    }
  }

  #explainRepeats(key: string, arrivals: readonly Taken[]): void {
    for (let i = 1; i < arrivals.length; i++) {
      const reason = this.#reasonFor(arrivals[i - 1]!, arrivals[i]!);
      if (reason !== undefined) this.#count(reason);
      else tell(this.#unexplained, `${key} came again from ${arrivals[i]!.deliveredBy}`);
    }
  }

  /** Why something came again; undefined where nothing excuses it. */
  #reasonFor(before: Taken, after: Taken): DuplicateReason | undefined {
    if (!before.told) return "silence";
    if (before.madeBy !== after.madeBy) return "bounce";
    if (before.deliveredBy === after.deliveredBy) return undefined;
    const unrecorded = this.#runs.get(before.deliveredBy)!.killedAt - before.at;
    if (unrecorded > LONGEST_UNRECORDED) return undefined;
    this.#longestUnrecorded = Math.max(this.#longestUnrecorded, unrecorded);
    return "kill";
  }

  #count(reason: DuplicateReason): void {
    this.#duplicates.set(reason, (this.#duplicates.get(reason) ?? 0) + 1);
  }

  #firstDeliveries(): number[] {
    const first = new Map<string, number>();
    for (const { deliveredBy, at } of this.#ledger.taken) {
      if (!first.has(deliveredBy)) first.set(deliveredBy, at);
    }
    return Array.from(first, ([name, at]) => at - (this.#runs.get(name)?.startedAt ?? at));
  }
}

/** What is wrong with something that came, in words. */
function faultIn(taken: Taken, { recipients, hash, state }: Submission): string | undefined {
  if (state === "begun") return "came, though it was never sent whole";
  const isBounce = taken.hash === "";
  if (!isBounce && taken.hash !== hash) return "came with other octets";
  if (taken.recipients.length === 0) return "came back without a word of whom it did not reach";
  const expected = recipients.filter((recipient) => isRefused(recipient) === isBounce);
  const others = taken.recipients.filter((recipient) => !expected.includes(recipient));
  return others.length > 0 ? `came to, or back from, ${others.join()}` : undefined;
}

function tell(findings: string[], finding: string): void {
  if (findings.length < MOST_TOLD) findings.push(finding);
}
