/**
 * Notes what the name servers are asked and answer while a route is looked up,
 * and which mail hosts are passed over, for whoever wants to know why mail went
 * where it did. Asks what it is told to, and changes nothing of the answers.
 *
 * @module
 */
import { printable } from "../base/printable.ts";
import type { RouteFact } from "../history/story.ts";
import type { DnsAnswer, MxRecord, Resolver } from "./dns.ts";

/** The most answers noted, and the most hosts passed over. */
const MOST_LINES = 20;
/** The most records shown of one answer. */
const MOST_RECORDS = 10;
/** The longest line, in characters: names and errors are others' to choose. */
const LONGEST_LINE = 1000;

function lineOf(text: string): string {
  return printable(text).slice(0, LONGEST_LINE);
}

/** What is noted of one route. */
export class RouteNotes implements Resolver {
  readonly #resolver: Resolver;
  #why: string;
  readonly #answers: string[] = [];
  readonly #skipped: string[] = [];

  /** Asks this resolver. `why` says what decided the destination. */
  constructor(why: string, resolver: Resolver) {
    this.#why = lineOf(why);
    this.#resolver = resolver;
  }

  /** What decided the destination, known better now. */
  because(why: string): void {
    this.#why = lineOf(why);
  }

  /** A host is passed over. */
  skip(host: string, why: string): void {
    if (this.#skipped.length < MOST_LINES) this.#skipped.push(lineOf(`${host}: ${why}`));
  }

  /** What was noted so far. */
  facts(): Omit<RouteFact, "took"> {
    const skipped = this.#skipped.length > 0 && { skipped: [...this.#skipped] };
    // A look-up of the group under way has no answer yet.
    const answers = this.#answers.filter((line) => line !== "");
    return { why: this.#why, answers, ...skipped };
  }

  /** {@inheritDoc Resolver.mx} */
  mx(domain: string): Promise<DnsAnswer<MxRecord>> {
    return this.#note(`MX ${domain}`, mxText, (asking) => this.#resolver.mx(domain, asking));
  }

  /** {@inheritDoc Resolver.provenMx} */
  provenMx(domain: string): ReturnType<Resolver["provenMx"]> {
    return this.#note(`MX ${domain}`, mxText, (asking) => {
      asking();
      return this.#resolver.provenMx(domain);
    });
  }

  /** {@inheritDoc Resolver.addresses} */
  addresses(host: string): Promise<DnsAnswer<string>> {
    return this.#note(
      `A, AAAA ${host}`,
      String,
      (asking) => this.#resolver.addresses(host, asking),
    );
  }

  async #note<T, A extends DnsAnswer<T> | { readonly kind: "unproven" }>(
    question: string,
    text: (record: T) => string,
    ask: (asking: () => void) => Promise<A>,
  ): Promise<A> {
    // Questions of one preference are put together: their lines stand in the order of asking.
    const at = this.#answers.length;
    if (at < MOST_LINES) this.#answers.push("");
    let isKept = true;
    const answer = await ask(() => isKept = false);
    const kept = isKept ? " (kept from an earlier look-up)" : "";
    if (at < MOST_LINES) {
      this.#answers[at] = lineOf(`${question}: ${answerText(answer, text)}${kept}`);
    }
    return answer;
  }
}

function mxText({ preference, exchange }: MxRecord): string {
  return `${preference} ${exchange || "."}`;
}

function answerText<T>(
  answer: DnsAnswer<T> | { readonly kind: "unproven" },
  text: (record: T) => string,
): string {
  switch (answer.kind) {
    case "found":
      return recordsText(answer.records, text) + (answer.proven ? " (proven by DNSSEC)" : "");
    case "none":
      return "none";
    case "no-such-domain":
      return "no such domain (NXDOMAIN)";
    case "no-answer":
      return `no answer: ${answer.reason}`;
    case "unproven":
      return "not proven by DNSSEC";
    default:
      return answer satisfies never;
  }
}

function recordsText<T>(records: readonly T[], text: (record: T) => string): string {
  if (records.length === 0) return "malformed records only";
  const shown = records.slice(0, MOST_RECORDS).map(text).join(", ");
  const more = records.length - MOST_RECORDS;
  return more > 0 ? `${shown} and ${more} more` : shown;
}
