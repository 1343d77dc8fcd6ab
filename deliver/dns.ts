/**
 * MX and address look-ups that never confuse "no such domain", which is
 * permanent, with "no answer", which is temporary. `Deno.resolveDns` is asked
 * first; it reports both as the same error, so whenever it finds nothing the
 * question is put to the name servers again and the rcode of their answer
 * decides. Never throws: what goes wrong is a `no-answer`.
 *
 * @module
 */
import { isIPv4, isIPv6 } from "node:net";
import type { Clock } from "../base/clock.ts";
import type { NameServer } from "../config/config.ts";
import { ExpiringCache } from "./dns_cache.ts";
import { DnsFailure, type DnsFailureKind, queryDns, type QueryType } from "./dns_query.ts";
import { systemNameServers } from "./name_servers.ts";

/**
 * An answer.
 * - `found`: the records; none when all there were are malformed. `proven` where it is known that DNSSEC proves them
 * - `none`: the name exists and has no such record
 * - `no-such-domain`: the name does not exist (NXDOMAIN)
 * - `no-answer`: nothing is known: SERVFAIL, REFUSED, a timeout, a broken answer
 */
export type DnsAnswer<T> =
  | { readonly kind: "found"; readonly records: readonly T[]; readonly proven?: true }
  | { readonly kind: "none" }
  | { readonly kind: "no-such-domain" }
  | { readonly kind: "no-answer"; readonly reason: string };

/** An MX record (RFC 5321 §5.1). */
export interface MxRecord {
  /** The lowest is tried first. */
  readonly preference: number;
  /** The host: lower case, no final dot; `""` is the root, the null MX (RFC 7505). */
  readonly exchange: string;
}

/** Answers the questions that routing asks. Never throws. */
export interface Resolver {
  /**
   * The MX records of a domain in A-labels, best preference first, at most {@linkcode MOST_MX_RECORDS}.
   *
   * @param asking called where a name server has to be asked, because no answer is kept
   */
  mx(domain: string, asking?: () => void): Promise<DnsAnswer<MxRecord>>;
  /**
   * The same where the records are proven by DNSSEC, as a name server on this machine
   * says that it has validated them; `unproven` where there are records, and they are
   * not. That there are none is believed in any case: a domain which is its own mail
   * host has to show a certificate of its own.
   */
  provenMx(domain: string): Promise<DnsAnswer<MxRecord> | { readonly kind: "unproven" }>;
  /**
   * The IP addresses of a host, at most {@linkcode MOST_ADDRESSES}. IPv4 comes
   * first: many receivers judge mail over IPv6 more strictly than RFC 6724,
   * which would prefer it, could know.
   *
   * @param asking called where a name server has to be asked, because no answer is kept
   */
  addresses(host: string, asking?: () => void): Promise<DnsAnswer<string>>;
}

/** What came of a question that was put to name servers. */
export type DnsResult = "found" | "none" | "nxdomain" | DnsFailureKind;

/** Hears of each question that name servers were asked, once it is answered or given up. Must not throw. */
export type DnsListener = (type: QueryType, result: DnsResult) => void;

/** How a resolver is set up. */
export interface DnsResolverOptions {
  /** The name server to ask; the system's where not given. */
  readonly nameServer?: NameServer;
  /** Times questions and the answers that are kept. */
  readonly clock: Clock;
  /** Hears of questions. */
  readonly asked?: DnsListener;
}

/** The most MX records of one domain that are used. */
export const MOST_MX_RECORDS = 100;
/** The most addresses of one host that are used. */
export const MOST_ADDRESSES = 50;

/** For one question with all its repetitions, ms. */
const TIMEOUT = 10_000;
/** How long an answer is used, ms. `Deno.resolveDns` does not tell the TTL; this is as short as the shortest that is common. */
const ANSWER_TTL = 60_000;
/** How long "no answer" is, ms: long enough that the messages of one moment do not all wait for the same timeout. */
const NO_ANSWER_TTL = 3_000;
/** How many answers are kept. */
const CACHE_CAPACITY = 10_000;

/** What the records of a type are made into; undefined for a malformed one. */
type Reader<T> = (data: unknown) => T | undefined;

/** One question, and the time it has. */
interface Question<T> {
  readonly name: string;
  readonly type: QueryType;
  readonly read: Reader<T>;
  /** When it is given up, ms since 1970. */
  readonly deadline: number;
  /** Aborts then, or when the resolver is closed. */
  readonly signal: AbortSignal;
}

/** A resolver that asks the DNS, and keeps answers for a minute. */
export class DnsResolver implements Resolver {
  readonly #nameServer: NameServer | undefined;
  readonly #clock: Clock;
  readonly #asked: DnsListener | undefined;
  readonly #mx: ExpiringCache<DnsAnswer<MxRecord>>;
  readonly #addresses: ExpiringCache<DnsAnswer<string>>;
  readonly #closed = new AbortController();

  /** Makes one. */
  constructor(options: DnsResolverOptions) {
    this.#nameServer = options.nameServer;
    this.#clock = options.clock;
    this.#asked = options.asked;
    this.#mx = new ExpiringCache(this.#clock, CACHE_CAPACITY, lifetime);
    this.#addresses = new ExpiringCache(this.#clock, CACHE_CAPACITY, lifetime);
  }

  /** {@inheritDoc Resolver.mx} */
  mx(domain: string, asking?: () => void): Promise<DnsAnswer<MxRecord>> {
    return this.#mx.get(domain, async () => {
      asking?.();
      const answer = await this.#ask(domain, "MX", readMx);
      return answer.kind === "found"
        ? { kind: "found", records: bestFirst(answer.records) }
        : answer;
    });
  }

  /** {@inheritDoc Resolver.provenMx} Not kept: such questions are rare. */
  async provenMx(domain: string): Promise<DnsAnswer<MxRecord> | { readonly kind: "unproven" }> {
    const answer = await this.#inTime(domain, "MX", readMx, (question) => this.#askAgain(question));
    if (answer.kind !== "found") return answer;
    if (!answer.proven) return { kind: "unproven" };
    return { kind: "found", records: bestFirst(answer.records) };
  }

  /** {@inheritDoc Resolver.addresses} */
  addresses(host: string, asking?: () => void): Promise<DnsAnswer<string>> {
    return this.#addresses.get(host, async () => {
      asking?.();
      const [ipv4, ipv6] = await Promise.all([
        this.#ask(host, "A", (data) => readAddress(data, isIPv4)),
        this.#ask(host, "AAAA", (data) => readAddress(data, isIPv6)),
      ]);
      return bothFamilies(ipv4, ipv6);
    });
  }

  /** Ends the questions under way, and all later ones, with `no-answer`. */
  close(): void {
    this.#closed.abort();
  }

  #ask<T>(name: string, type: QueryType, read: Reader<T>): Promise<DnsAnswer<T>> {
    return this.#inTime(
      name,
      type,
      read,
      async (question) => await this.#askSystem(question) ?? await this.#askAgain(question),
    );
  }

  /** Puts a question, which ends when its time does. */
  async #inTime<T>(
    name: string,
    type: QueryType,
    read: Reader<T>,
    put: (question: Question<T>) => Promise<DnsAnswer<T>>,
  ): Promise<DnsAnswer<T>> {
    if (!isHostName(name)) return { kind: "no-such-domain" };
    const controller = new AbortController();
    const end = (): void => controller.abort();
    const cancel = this.#clock.after(TIMEOUT, end);
    this.#closed.signal.addEventListener("abort", end);
    if (this.#closed.signal.aborted) end();
    const deadline = this.#clock.now() + TIMEOUT;
    try {
      return await put({ name, type, read, deadline, signal: controller.signal });
    } finally {
      cancel();
      this.#closed.signal.removeEventListener("abort", end);
    }
  }

  /** The first question. Undefined when nothing was found, whatever the reason. */
  async #askSystem<T>(question: Question<T>): Promise<DnsAnswer<T> | undefined> {
    const { name, type, read, signal } = question;
    const nameServer = this.#nameServer &&
      { ipAddr: this.#nameServer.host, port: this.#nameServer.port };
    try {
      // The final dot makes the name absolute: no search domain of the system is tried.
      const found = await Deno.resolveDns(`${name}.`, type, { nameServer, signal });
      if (found.length === 0) return undefined;
      this.#asked?.(type, "found");
      return { kind: "found", records: readAll(found, read) };
    } catch {
      return undefined;
    }
  }

  /** The second question, whose rcode decides. */
  async #askAgain<T>(question: Question<T>): Promise<DnsAnswer<T>> {
    const { name, type, read, deadline, signal } = question;
    try {
      if (signal.aborted) throw new DnsFailure("timeout", "timed out");
      const servers = this.#nameServer === undefined ? systemNameServers() : [this.#nameServer];
      const options = { servers, clock: this.#clock, deadline, signal };
      const { exists, records, proven } = await queryDns(name, type, options);
      this.#asked?.(type, !exists ? "nxdomain" : records.length === 0 ? "none" : "found");
      if (!exists) return { kind: "no-such-domain" };
      if (records.length === 0) return { kind: "none" };
      const found = readAll(records.map(({ data }) => data), read);
      return { kind: "found", records: found, ...(proven && { proven }) };
    } catch (error) {
      this.#asked?.(type, error instanceof DnsFailure ? error.kind : "failed");
      const why = error instanceof Error ? error.message : String(error);
      return { kind: "no-answer", reason: `${type} look-up of ${name}: ${why}` };
    }
  }
}

function lifetime<T>(answer: DnsAnswer<T>): number {
  return answer.kind === "no-answer" ? NO_ANSWER_TTL : ANSWER_TTL;
}

/**
 * Whether a name is one that a host can have: letters, digits, hyphens, and the
 * underscores that some have all the same; not all digits at its end, as an
 * IPv4 address is (RFC 1123 §2.1, RFC 3696 §2).
 */
export function isHostName(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/i.test(name) &&
    !/(?:^|\.)\d+$/.test(name);
}

function readAll<T>(data: readonly unknown[], read: Reader<T>): T[] {
  return data.map(read).filter((record) => record !== undefined);
}

function readMx(data: unknown): MxRecord | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { preference, exchange } = data as Partial<MxRecord>;
  if (typeof preference !== "number" || typeof exchange !== "string") return undefined;
  const host = exchange.toLowerCase().replace(/\.$/, "");
  return host === "" || isHostName(host) ? { preference, exchange: host } : undefined;
}

function bestFirst(records: readonly MxRecord[]): MxRecord[] {
  return records.toSorted((a, b) => a.preference - b.preference).slice(0, MOST_MX_RECORDS);
}

function readAddress(data: unknown, isFamily: (text: string) => boolean): string | undefined {
  return typeof data === "string" && isFamily(data) ? data : undefined;
}

/** Puts the answers for A and AAAA together. Definite only where both are; what was found counts in any case. */
function bothFamilies(ipv4: DnsAnswer<string>, ipv6: DnsAnswer<string>): DnsAnswer<string> {
  const records = [ipv4, ipv6].flatMap((answer) => answer.kind === "found" ? answer.records : []);
  if (records.length > 0) return { kind: "found", records: records.slice(0, MOST_ADDRESSES) };
  if (ipv4.kind === "no-answer") return ipv4;
  if (ipv6.kind === "no-answer") return ipv6;
  // A name that does not exist for one type exists for none; a server that says otherwise is wrong about one of them.
  const absent = ipv4.kind === "no-such-domain" && ipv6.kind === "no-such-domain";
  return { kind: absent ? "no-such-domain" : "none" };
}
