/**
 * From a destination to the hosts that mail for it is brought to, in the order
 * in which they are tried (RFC 5321 §5.1). A destination without a host is a
 * failure as a value: permanent only where the DNS was definite.
 *
 * @module
 */
import { isIP, isIPv4, isIPv6 } from "node:net";
import type { DeliverySettings } from "../config/config.ts";
import { parseHostPort } from "../config/host_port.ts";
import { printable } from "../message/fold.ts";
import type { RouteFact } from "../history/story.ts";
import type { DeliveryError } from "../queue/queue.ts";
import { type AddressGuard, canonicalAddress } from "./address_guard.ts";
import { isSmarthostKey, nextHopIn, smarthostKey } from "./destination.ts";
import { RouteNotes } from "./route_notes.ts";
import { type DnsAnswer, isHostName, type MxRecord, type Resolver } from "./dns.ts";

/** One address of one host. */
export interface Host {
  /** The name that its certificate has to bear; the address itself where there is no name. */
  readonly name: string;
  /** The IP address to connect to: this one was judged, the name is not to be looked up again. */
  readonly address: string;
  /** The port to connect to. */
  readonly port: number;
  /** An operator sent single messages there: what is configured for the smarthost, its password above all, is not for it. */
  readonly isRedirect?: true;
}

/** Where mail for a destination goes. */
export type Route =
  & { readonly told?: () => RouteTelling }
  & (
    /** At least one host, best first, looked up while they are tried. To be iterated once. */
    | { readonly kind: "hosts"; readonly hosts: AsyncIterable<Host> }
    | { readonly kind: "failure"; readonly error: DeliveryError }
  );

/** What was asked and answered on the way so far, and what was passed over. */
export type RouteTelling = Omit<RouteFact, "took">;

/** What routing needs to know. */
export interface RouteDeps {
  /** Asks the DNS. */
  readonly resolver: Resolver;
  /** The port of mail hosts, and the smarthost. */
  readonly settings: Pick<DeliverySettings, "port" | "smarthost">;
  /** What this server calls itself: a destination's MX of this name is ourselves. */
  readonly hostname: string;
  /** Judges each address before it is given out. */
  readonly guard: AddressGuard;
  /** A number in [0, 1), for the order of equal preferences. */
  readonly random: () => number;
}

/** What routing needs, and takes notes with. */
interface Noting extends RouteDeps {
  readonly resolver: RouteNotes;
}

/** The most addresses of one destination that are tried in one attempt. */
export const MOST_HOSTS = 20;
/** The most MX hosts of one destination whose addresses are looked up. */
const MOST_EXCHANGES = 20;
/** The most characters that an error's text has; a destination that is no domain may be anything. */
const LONGEST_TEXT = 1000;

/**
 * Finds the hosts of a destination that `destinationOf` gave; where TLS is
 * required (RFC 8689), only such whose names nobody on the way can have made up.
 * Never throws.
 */
export async function route(
  destination: string,
  deps: RouteDeps,
  requireTls = false,
): Promise<Route> {
  const resolver = new RouteNotes(`MX ${destination}`, deps.resolver);
  const found = await find(destination, { ...deps, resolver }, requireTls);
  return { ...found, told: () => resolver.facts() };
}

async function find(destination: string, deps: Noting, requireTls: boolean): Promise<Route> {
  const { smarthost } = deps.settings;
  const hop = nextHopIn(destination);
  if (hop !== undefined) return await routeToNextHop(hop, deps);
  if (smarthost !== undefined) {
    deps.resolver.because(smarthostKey(smarthost));
    return await routeToNamed("smarthost", smarthost, deps);
  }
  // It was in force when the job was cut, which goes another way in its next attempt.
  if (isSmarthostKey(destination)) return failure(temporary("4.3.5", "the smarthost is gone"));
  if (destination.startsWith("[")) return await routeToLiteral(destination, deps);
  if (!isHostName(destination)) {
    return failure(permanent("5.1.3", `"${destination}" is not a mail domain`));
  }
  return await routeByMx(destination, deps, requireTls);
}

/** A message's own next hop, as an operator wrote it. */
async function routeToNextHop(hop: string, deps: Noting): Promise<Route> {
  deps.resolver.because(`redirected to ${hop}`);
  try {
    const { host, port = deps.settings.port } = parseHostPort(hop);
    if (host === "") throw new TypeError("expected a host");
    return await routeToNamed("next hop", { host, port }, deps);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return failure(temporary("4.3.5", `next hop "${hop}": ${error.message}`));
  }
}

/**
 * A host that the operator named is looked up by address only and connected to
 * wherever it is: naming it is the permission. Its failures are temporary, because a
 * mistake of the operator's must not bounce all mail.
 */
async function routeToNamed(
  what: "smarthost" | "next hop",
  { host, port }: { readonly host: string; readonly port: number },
  deps: Noting,
): Promise<Route> {
  const answer = await addressesOf(host, deps.resolver);
  if (answer.kind !== "found") {
    const why = answer.kind === "no-answer" ? answer.reason : `${host} has no address`;
    return failure(temporary(answer.kind === "no-answer" ? "4.4.3" : "4.3.5", `${what}: ${why}`));
  }
  const name = isIP(host) === 0 ? host : canonicalAddress(host);
  const others = answer.records.filter((address) => !deps.guard.isOwn(address, port));
  if (others.length === 0) {
    return failure(temporary("4.3.5", `${what} ${host}:${port} is this server itself`));
  }
  const redirect = what === "next hop" ? { isRedirect: true as const } : {};
  const hosts = others.slice(0, MOST_HOSTS).map((address) => ({
    name,
    address,
    port,
    ...redirect,
  }));
  return { kind: "hosts", hosts: toAsync(hosts) };
}

/** The addresses of a host that may be written as one. */
async function addressesOf(host: string, resolver: Resolver): Promise<DnsAnswer<string>> {
  if (isIP(host) === 0) return await resolver.addresses(host);
  return { kind: "found", records: [canonicalAddress(host)] };
}

/** An address literal (RFC 5321 §4.1.3) is its own route. */
async function routeToLiteral(literal: string, deps: Noting): Promise<Route> {
  deps.resolver.because(`address literal ${literal}`);
  const address = literalAddress(literal);
  if (address === undefined) {
    return failure(permanent("5.1.3", `"${literal}" is not an address literal`));
  }
  const walk = new HostWalk(literal, deps);
  return await firstOf(walk, [[{ preference: 0, exchange: address }]]);
}

function literalAddress(literal: string): string | undefined {
  const inner = literal.endsWith("]") ? literal.slice(1, -1) : "";
  if (isIPv4(inner)) return inner;
  const tag = "ipv6:";
  if (!inner.toLowerCase().startsWith(tag)) return undefined;
  const address = inner.slice(tag.length);
  return isIPv6(address) ? canonicalAddress(address) : undefined;
}

async function routeByMx(domain: string, deps: Noting, requireTls: boolean): Promise<Route> {
  const { resolver } = deps;
  const answer = await (requireTls ? resolver.provenMx(domain) : resolver.mx(domain));
  switch (answer.kind) {
    case "no-such-domain":
      return failure(permanent("5.1.2", `domain ${domain} does not exist`));
    case "no-answer":
      return failure(temporary("4.4.3", answer.reason));
    case "unproven":
      return failure(unproven(domain));
    case "none": // the domain is its own mail host (§5.1, the implicit MX)
      resolver.because(`${domain} itself, which has no MX`);
      return await routeByRecords(domain, [{ preference: 0, exchange: domain }], deps);
    case "found":
      return await routeByRecords(domain, answer.records, deps);
  }
}

async function routeByRecords(
  domain: string,
  records: readonly MxRecord[],
  deps: Noting,
): Promise<Route> {
  if (records.length === 1 && records[0]!.exchange === "") {
    return failure(permanent("5.1.10", `domain ${domain} accepts no mail (null MX)`)); // RFC 7505 §3
  }
  // The root among others is no host; RFC 7505 §3 wants it alone.
  const hosts = records.filter((record) => record.exchange !== "");
  const considered = hosts.slice(0, MOST_EXCHANGES);
  const groups = byPreference(considered, deps.random);
  const ours = groups.findIndex((group) => group.some(({ exchange }) => isUs(exchange, deps)));
  if (considered.length < hosts.length) {
    deps.resolver.skip(`${hosts.length - considered.length} more`, "too many mail hosts");
  }
  if (ours >= 0) deps.resolver.skip(namesOf(groups.slice(ours)), OURSELVES);
  if (ours === 0) return failure(loop(domain));
  const walk = new HostWalk(domain, deps, considered.length < hosts.length);
  return await firstOf(walk, ours < 0 ? groups : groups.slice(0, ours));
}

/** Why a mail host and all that come after it are left out (§5.1). */
const OURSELVES = "this server itself, and what its MX records put behind it";

function namesOf(groups: readonly MxRecord[][]): string {
  return groups.flat().map(({ exchange }) => exchange).join(", ");
}

function isUs(exchange: string, deps: RouteDeps): boolean {
  return exchange === deps.hostname.toLowerCase();
}

/** Records of equal preference together, best first, each group shuffled to spread the load (§5.1). */
function byPreference(records: readonly MxRecord[], random: () => number): MxRecord[][] {
  const groups = Map.groupBy(records, (record) => record.preference);
  return [...groups.keys()].sort((a, b) => a - b).map((key) => shuffled(groups.get(key)!, random));
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

/** Takes the first step of the walk: a route needs one host, and a walk without one knows why. */
async function firstOf(walk: HostWalk, groups: readonly MxRecord[][]): Promise<Route> {
  const hosts = walk.hosts(groups);
  const first = await hosts.next();
  return first.done
    ? failure(walk.failure())
    : { kind: "hosts", hosts: resumed(first.value, hosts) };
}

async function* resumed(first: Host, rest: AsyncIterable<Host>): AsyncGenerator<Host> {
  yield first;
  yield* rest;
}

async function* toAsync(hosts: readonly Host[]): AsyncGenerator<Host> {
  yield* hosts;
}

/** Goes through the mail hosts of one destination, and remembers what came of those without a usable address. */
class HostWalk {
  readonly #destination: string;
  readonly #deps: Noting;
  /** Whether there are exchanges that are not looked up, because there are too many. */
  readonly #partial: boolean;
  readonly #seen = new Set<string>();
  #noAnswer: string | undefined;
  #loops = false;
  #forbidden: string | undefined;

  constructor(destination: string, deps: Noting, partial = false) {
    this.#destination = destination;
    this.#deps = deps;
    this.#partial = partial;
  }

  /**
   * The usable addresses. Those of one preference are looked up together, so
   * that a group that holds ourselves is left out whole, with all that come
   * after it: carrying mail there could bring it back (RFC 5321 §5.1).
   */
  async *hosts(groups: readonly MxRecord[][]): AsyncGenerator<Host> {
    for (const [i, group] of groups.entries()) {
      const found = await Promise.all(group.map(({ exchange }) => this.#lookUp(exchange)));
      const hosts = found.flat();
      if (hosts.some(({ address, port }) => this.#deps.guard.isOwn(address, port))) {
        this.#loops = true;
        this.#deps.resolver.skip(namesOf(groups.slice(i)), OURSELVES);
        return;
      }
      for (const host of hosts) {
        if (!this.#isUsable(host)) continue;
        if (this.#seen.size >= MOST_HOSTS) return;
        this.#seen.add(host.address);
        yield host;
      }
    }
  }

  /** Why there was no host. Permanent only when every look-up was definite. */
  failure(): DeliveryError {
    const destination = this.#destination;
    if (this.#noAnswer !== undefined) return temporary("4.4.3", this.#noAnswer);
    if (this.#partial) {
      return temporary("4.4.3", `no usable host among the first mail hosts of ${destination}`);
    }
    if (this.#loops) return loop(destination);
    if (this.#forbidden !== undefined) {
      const text = `mail host of ${destination} is not on the public Internet: ${this.#forbidden}`;
      return permanent("5.4.4", text);
    }
    return permanent("5.4.4", `no mail host of ${destination} has an address`);
  }

  async #lookUp(exchange: string): Promise<Host[]> {
    const answer = await addressesOf(exchange, this.#deps.resolver);
    if (answer.kind === "no-answer") this.#noAnswer ??= answer.reason;
    if (answer.kind !== "found") return [];
    const port = this.#deps.settings.port;
    return answer.records.map((address) => ({ name: exchange, address, port }));
  }

  #isUsable({ name, address, port }: Host): boolean {
    if (this.#seen.has(address)) return false;
    if (this.#deps.guard.judge(address, port) === "allowed") return true;
    const host = `${name}[${address}]`;
    this.#deps.resolver.skip(host, "not on the public Internet (allow_private)");
    this.#forbidden ??= host;
    return false;
  }
}

function loop(domain: string): DeliveryError {
  return permanent("5.4.6", `mail for ${domain} loops back to this server`);
}

/** RFC 8689 §4.2.1: whose name a certificate has to bear must be as certain as the certificate. */
function unproven(domain: string): DeliveryError {
  const why = `the MX records of ${domain} are not proven by DNSSEC`;
  return permanent("5.7.10", `the message requires TLS, and ${why}`);
}

function permanent(enhanced: string, text: string): DeliveryError {
  return { enhanced, text: printable(text, LONGEST_TEXT), scope: "host", permanent: true };
}

function temporary(enhanced: string, text: string): DeliveryError {
  return { enhanced, text: printable(text, LONGEST_TEXT), scope: "host", permanent: false };
}

function failure(error: DeliveryError): Route {
  return { kind: "failure", error };
}
