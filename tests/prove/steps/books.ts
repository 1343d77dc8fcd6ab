/**
 * What was promised and what came of it: the acknowledgements that clients heard,
 * what the next hop took, and what each run of the server left open in the spool.
 * From these alone it judges what was lost, changed, or delivered twice.
 *
 * @module
 */
import { hashOf, type Mail, nameOf, senderOf, treatmentOf } from "../rig/mail.ts";
import type { NextHop, Taken } from "../rig/next_hop.ts";
import type { Recorder } from "../rig/play.ts";

/** Why something was delivered again. */
export type DuplicateReason = "delivery not recorded" | "bounce not recorded";

/** What the books say in the end. */
export interface Judgement {
  /** Messages that were acknowledged. */
  readonly acknowledged: number;
  /** Of these: all recipients delivered to, or their sender told. */
  readonly found: number;
  /** What is missing, in words. */
  readonly lost: readonly string[];
  /** What came otherwise than it was sent, in words. */
  readonly corrupt: readonly string[];
  /** Deliveries beyond the first that a kill explains, by why it does. */
  readonly duplicates: ReadonlyMap<DuplicateReason, number>;
  /** Others, in words. */
  readonly unexplained: readonly string[];
  /** Messages that were delivered though no client heard that they were accepted. */
  readonly unacknowledged: number;
}

/** The books of one trial. */
export class Books implements Recorder {
  readonly #hop: Pick<NextHop, "taken">;
  readonly #submitted = new Map<string, Mail>();
  readonly #acknowledged = new Set<string>();
  /** What each run of the server left open in the spool. */
  readonly #open = new Map<string, ReadonlySet<string>>();

  /** Opens them. */
  constructor(hop: Pick<NextHop, "taken">) {
    this.#hop = hop;
  }

  /** A message goes to the server. */
  submitted(mail: Mail): void {
    this.#submitted.set(mail.name, mail);
  }

  /** The server has answered for it. */
  acknowledged(mail: Mail): void {
    this.#acknowledged.add(mail.name);
  }

  /** A run of the server is over, and has left these addresses open. */
  runEnded(run: string, open: ReadonlySet<string>): void {
    this.#open.set(run, open);
  }

  /** Where something has to arrive for a recipient: there, or with the sender of its message. */
  goalOf(address: string): string {
    return treatmentOf(address) === "never" ? senderOf(nameOf(address)) : address;
  }

  /** Judges. */
  judge(): Judgement {
    const byAddress = Map.groupBy(this.#hop.taken, ({ address }) => address);
    const acknowledged = [...this.#acknowledged].map((name) => this.#submitted.get(name)!);
    const missing = (mail: Mail) =>
      mail.recipients.filter((address) => !byAddress.has(this.goalOf(address)));
    const duplicates = new Map<DuplicateReason, number>();
    const unexplained: string[] = [];
    for (const taken of byAddress.values()) {
      const byContent = Map.groupBy(taken, ({ hash }) => hash);
      for (const same of byContent.values()) this.#judgeRepeats(same, duplicates, unexplained);
      this.#judgeBounces(taken[0]!.address, byContent.size - 1, duplicates, unexplained);
    }
    const came = new Set(this.#hop.taken.map(({ address }) => nameOf(address)));
    const changed = this.#hop.taken.filter((taken) => this.#isChanged(taken));
    return {
      acknowledged: acknowledged.length,
      found: acknowledged.filter((mail) => missing(mail).length === 0).length,
      lost: acknowledged.flatMap(missing).map((address) => `${address} got nothing`),
      corrupt: changed.map(({ address }) => `${address} got something else`),
      duplicates,
      unexplained,
      unacknowledged: came.difference(this.#acknowledged).size,
    };
  }

  /** A delivery that is followed by another is explained where its run left the address open. */
  #judgeRepeats(
    taken: readonly Taken[],
    duplicates: Map<DuplicateReason, number>,
    unexplained: string[],
  ): void {
    for (const [i, { address, run }] of taken.slice(0, -1).entries()) {
      const explained = taken[i + 1]!.run !== run && this.#open.get(run)?.has(address);
      if (explained) add(duplicates, "delivery not recorded", 1);
      else unexplained.push(`${address} got it again after ${run}`);
    }
  }

  /** Each run that left a refused recipient open may have queued a bounce that is made again. */
  #judgeBounces(
    sender: string,
    further: number,
    duplicates: Map<DuplicateReason, number>,
    unexplained: string[],
  ): void {
    if (further === 0) return;
    const leftOpen = [...this.#open.values()].filter((open) =>
      [...open].some((address) => address !== sender && this.goalOf(address) === sender)
    );
    if (further <= leftOpen.length) add(duplicates, "bounce not recorded", further);
    else unexplained.push(`${sender} got ${further} further bounces`);
  }

  /** Whether content is not what was sent; what a bounce says is not judged here. */
  #isChanged({ address, hash }: Taken): boolean {
    const mail = this.#submitted.get(nameOf(address));
    if (mail === undefined) return true;
    return address !== mail.sender && hash !== hashOf(mail.content);
  }
}

function add(counts: Map<DuplicateReason, number>, reason: DuplicateReason, count: number): void {
  counts.set(reason, (counts.get(reason) ?? 0) + count);
}
