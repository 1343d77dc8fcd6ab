/**
 * What would become of mail for an address, as far as delivery decides it: the way
 * to it, the hosts in the order in which they would be tried, what TLS each would
 * have to show, and when it would be tried again. Asks name servers, connects to
 * nobody, and never throws.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { DeliverySettings, RetrySchedule } from "../config/config.ts";
import type { RouteFact } from "../history/story.ts";
import type { DeliveryError } from "../queue/queue.ts";
import { backoff } from "./backoff.ts";
import { demandOf, policyText } from "./demand.ts";
import { destinationOf } from "./destination.ts";
import { NO_JITTER, retryRule } from "./next.ts";
import type { Host, Route } from "./route.ts";
import type { UnverifiableHosts } from "./unverifiable.ts";

/** A host that would be tried. */
export interface PlannedHost extends Host {
  /** Why its certificate would not be verified, where that is known from earlier connections. */
  readonly unverifiable?: string;
}

/** An attempt that would be made if all before it failed for now. */
export interface PlannedRetry {
  /** 1 is the first after the first attempt. */
  readonly retry: number;
  /** When it would be, without jitter, ms since 1970. */
  readonly at: number;
  /** Its wait, and the settings it comes from. */
  readonly rule: string;
}

/** What delivery would do with mail for an address. */
export interface RoutePlan {
  readonly destination: string;
  readonly route: RouteFact;
  /** In the order in which they would be tried. */
  readonly hosts: readonly PlannedHost[];
  /** Why there is no host; absent when there is one. */
  readonly error?: DeliveryError;
  /** What TLS would be demanded, and by what. */
  readonly tls: string;
  /** At most {@linkcode MOST_RETRIES}; the last is when the message's time ends. None where it would come back at once. */
  readonly retries: readonly PlannedRetry[];
  /** The share by which each wait is made shorter or longer at random. */
  readonly jitter: number;
}

/** What planning needs. */
export interface PlanDeps {
  readonly settings: DeliverySettings;
  readonly clock: Clock;
  /** Finds the hosts of a destination, as delivery does. */
  readonly route: (destination: string, requireTls: boolean) => Promise<Route>;
  /** Hosts with which verified TLS failed lately. */
  readonly unverifiable: UnverifiableHosts;
}

/** The most retries listed: a schedule may make a million. */
export const MOST_RETRIES = 100;

/** What of a message bears on its route. */
export interface PlannedMail {
  /** Whether it requires TLS (RFC 8689). */
  readonly requireTls?: boolean;
  /** The next hop that it was redirected to. */
  readonly nextHop?: string;
}

/** Plans the delivery of mail for an address. */
export async function planRoute(
  address: string,
  { settings, clock, route, unverifiable }: PlanDeps,
  { requireTls = false, nextHop }: PlannedMail = {},
): Promise<RoutePlan> {
  const at = clock.now();
  const destination = destinationOf(address, settings, nextHop);
  const demand = demandOf(nextHop === undefined ? settings : {}, requireTls);
  const found = await route(destination, requireTls);
  const hosts: PlannedHost[] = [];
  if (found.kind === "hosts") {
    for await (const host of found.hosts) {
      const known = unverifiable.reasonFor(host);
      hosts.push(known === undefined ? host : { ...host, unverifiable: known });
    }
  }
  // It would come back after the first attempt.
  const isHopeless = found.kind === "failure" && found.error.permanent;
  const telling = found.told?.() ?? { why: destination, answers: [] };
  return {
    destination,
    route: { ...telling, took: clock.now() - at },
    hosts,
    ...(found.kind === "failure" && { error: found.error }),
    tls: policyText(demand, requireTls),
    retries: isHopeless ? [] : retriesOf(settings.retry, at),
    jitter: settings.retry.jitter,
  };
}

function retriesOf(schedule: RetrySchedule, arrived: number): PlannedRetry[] {
  const end = arrived + schedule.lifetime;
  const retries: PlannedRetry[] = [];
  let at = arrived;
  for (let retry = 1; retry < MOST_RETRIES; retry++) {
    at += backoff(retry, schedule, NO_JITTER);
    if (at >= end) break;
    retries.push({ retry, at, rule: retryRule(retry, schedule) });
  }
  const last = retries.length + 1;
  return [...retries, { retry: last, at: end, rule: "the last: retry.lifetime is over" }];
}
