/**
 * The ways to next hops as the configuration has them: who asks the name servers,
 * judges addresses, and remembers what was learned of hosts. One for delivery and
 * for plans, so that both say the same.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import { AddressGuard, type ListenerAddress } from "../deliver/address_guard.ts";
import { type DnsListener, DnsResolver } from "../deliver/dns.ts";
import { type PlannedMail, planRoute, type RoutePlan } from "../deliver/plan.ts";
import { type Route, route, type RouteDeps } from "../deliver/route.ts";
import { UnverifiableHosts } from "../deliver/unverifiable.ts";

/** What routing takes from the configuration. */
export type RoutingConfig = Pick<Config, "delivery" | "hostname">;

/** Finds routes, and plans with them. */
export class Routing {
  /** Hosts with which verified TLS failed. */
  readonly unverifiable: UnverifiableHosts;
  readonly #clock: Clock;
  readonly #listeners: () => readonly ListenerAddress[];
  readonly #asked: DnsListener | undefined;
  /** Every one that was asked, the one that is asked now last. */
  readonly #resolvers: DnsResolver[] = [];
  #config: RoutingConfig;
  #deps: RouteDeps;

  /** `listeners` are this server's own, to which no mail is carried; `asked` hears of questions to name servers. */
  constructor(
    config: RoutingConfig,
    clock: Clock,
    listeners: () => readonly ListenerAddress[],
    asked?: DnsListener,
  ) {
    this.unverifiable = new UnverifiableHosts(clock);
    this.#config = config;
    this.#clock = clock;
    this.#listeners = listeners;
    this.#asked = asked;
    this.#ask(config);
    this.#deps = this.#depsOf(config);
  }

  /** Finds ways by another configuration from now on; questions under way are answered as they were asked. */
  change(config: RoutingConfig): void {
    const { dns } = this.#config.delivery;
    const { host, port } = config.delivery.dns ?? {};
    this.#config = config;
    if (host !== dns?.host || port !== dns?.port) this.#ask(config);
    this.#deps = this.#depsOf(config);
  }

  #ask({ delivery }: RoutingConfig): void {
    const parts = { clock: this.#clock, asked: this.#asked };
    this.#resolvers.push(new DnsResolver({ nameServer: delivery.dns, ...parts }));
  }

  #depsOf({ delivery: settings, hostname }: RoutingConfig): RouteDeps {
    const parts = { listeners: this.#listeners, clock: this.#clock };
    const guard = new AddressGuard({ allowPrivate: settings.allowPrivate, ...parts });
    const resolver = this.#resolvers.at(-1)!;
    return { resolver, settings, hostname, guard, random: Math.random };
  }

  /** Finds the hosts of a destination. Never throws. */
  readonly route = (destination: string, requireTls: boolean): Promise<Route> =>
    route(destination, this.#deps, requireTls);

  /** What delivery would do with mail for an address; sends nothing. Never throws. */
  plan(address: string, mail?: PlannedMail): Promise<RoutePlan> {
    const { delivery: settings } = this.#config;
    const deps = { settings, clock: this.#clock, route: this.route };
    return planRoute(address, { ...deps, unverifiable: this.unverifiable }, mail);
  }

  /** Ends the questions under way, and all later ones. */
  close(): void {
    for (const resolver of this.#resolvers) resolver.close();
  }
}
