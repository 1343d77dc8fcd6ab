/**
 * From what an application passes to `start()` to a whole configuration. Values
 * are written as on the command line; one that is wrong throws a `TypeError`
 * that names its key, the value and what was expected.
 *
 * @module
 */
import {
  type Certificate,
  type Config,
  DEFAULT_CONFIG,
  DEFAULT_DELIVERY,
  type DeliverySettings,
  type Limits,
  type RetrySchedule,
} from "../config/config.ts";
import { nameOfMachine, parseDomain, parseMailbox } from "../config/domain_name.ts";
import { parseListen, parseNameServer } from "../config/listen.ts";
import { parseNetwork } from "../config/network.ts";
import { parseSmarthost, withoutUserinfo } from "../config/smarthost.ts";
import type { Hooks } from "../policy/hooks.ts";
import type { Listeners } from "./events.ts";

/** What `start()` takes. Everything has a default. */
export interface StartOptions {
  /** `:2525`, `127.0.0.1:25`, `[::1]:0`, `smtps://:465`; one or several. Default `:2525`, every interface. */
  readonly listen?: string | readonly string[];
  /** What the server calls itself. Default the machine's name. */
  readonly hostname?: string;
  /** The spool's directory, made when it is not there. Default `./spool`. */
  readonly spool?: string;
  /** Domains that anyone may send to. */
  readonly localDomains?: readonly string[];
  /** When given: the only addresses that exist in the local domains. */
  readonly localRecipients?: readonly string[];
  /** Networks in CIDR notation whose clients may send to anyone. Default loopback. */
  readonly trust?: readonly string[];
  /** `smtp://[user:pass@]host[:port]` or `smtps://…`: gets all mail instead of the recipients' MX hosts. */
  readonly smarthost?: string;
  /** Accept and queue, deliver nothing. */
  readonly hold?: boolean;
  /** The certificate to show, PEM. Default: one is made and kept in the spool. */
  readonly certificate?: Certificate;
  /** `ADDRESS[:PORT]` of the name server. Default the system's. */
  readonly dns?: string;
  /** The port of MX hosts. Default 25. */
  readonly deliveryPort?: number;
  /** Whether next hops on loopback and private addresses are connected to. Default false. */
  readonly allowPrivate?: boolean;
  /** PEM certificates of further authorities that next hops may be verified by. */
  readonly caCerts?: readonly string[];
  /** How long `stop()` waits for open transactions and deliveries, ms. */
  readonly stopGrace?: number;
  /** Bounds on clients; what is left out has its default. */
  readonly limits?: Partial<Limits>;
  /** Timeouts and concurrency of delivery; what is left out has its default. */
  readonly delivery?: Partial<DeliveryTuning>;
  /** When deferred mail is tried again; what is left out has its default. */
  readonly retry?: Partial<RetrySchedule>;
  /** Where the application has its say. */
  readonly hooks?: Hooks;
  /** Who is told of events. */
  readonly on?: Listeners;
}

/** The delivery settings that have no option of their own. */
export type DeliveryTuning = Omit<
  DeliverySettings,
  "port" | "allowPrivate" | "smarthost" | "dns" | "caCerts" | "retry"
>;

/**
 * The configuration for these options.
 *
 * @throws {TypeError} naming the first option that is wrong.
 */
export function configOf(options: StartOptions): Config {
  const { listen = [] } = options;
  const addresses = typeof listen === "string" ? [listen] : listen;
  return {
    listen: addresses.length > 0
      ? readAll("listen", addresses, parseListen)
      : DEFAULT_CONFIG.listen,
    hostname: read("hostname", options.hostname, parseDomain) ?? nameOfMachine(Deno.hostname()),
    spool: options.spool ?? DEFAULT_CONFIG.spool,
    localDomains: readAll("localDomains", options.localDomains ?? [], parseDomain),
    localRecipients: readAll("localRecipients", options.localRecipients ?? [], parseMailbox),
    trust: options.trust ? readAll("trust", options.trust, parseNetwork) : DEFAULT_CONFIG.trust,
    hold: options.hold ?? DEFAULT_CONFIG.hold,
    certificate: options.certificate,
    stopGrace: options.stopGrace ?? DEFAULT_CONFIG.stopGrace,
    limits: { ...DEFAULT_CONFIG.limits, ...given("limits", options.limits) },
    delivery: deliverySettings(options),
  };
}

function deliverySettings(options: StartOptions): DeliverySettings {
  return {
    ...DEFAULT_DELIVERY,
    ...given("delivery", options.delivery),
    port: options.deliveryPort ?? DEFAULT_DELIVERY.port,
    allowPrivate: options.allowPrivate ?? DEFAULT_DELIVERY.allowPrivate,
    smarthost: read("smarthost", options.smarthost, parseSmarthost),
    dns: read("dns", options.dns, parseNameServer),
    caCerts: options.caCerts ?? DEFAULT_DELIVERY.caCerts,
    retry: { ...DEFAULT_DELIVERY.retry, ...given("retry", options.retry) },
  };
}

/** The numbers of a table that are given; each must be one. */
function given<T extends object>(key: string, table: T = {} as T): Partial<T> {
  const entries = Object.entries(table).filter(([, value]) => value !== undefined);
  for (const [name, value] of entries) {
    if (typeof value === "number" && value >= 0) continue;
    throw new TypeError(`${key}.${name}: expected a number that is not negative, not ${value}`);
  }
  return Object.fromEntries(entries) as Partial<T>;
}

function readAll<T>(key: string, texts: readonly string[], parse: (text: string) => T): T[] {
  return texts.map((text) => read(key, text, parse)!);
}

function read<T>(key: string, text: string | undefined, parse: (text: string) => T): T | undefined {
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // A smarthost's password stays out of errors.
    const shown = key === "smarthost" ? withoutUserinfo(text) : text;
    throw new TypeError(`${key} ${JSON.stringify(shown)}: ${error.message}`, { cause: error });
  }
}
