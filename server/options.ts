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
  type HistorySettings,
  type Limits,
  type ListenAddress,
  type RetrySchedule,
  type TlsVersion,
  type VrfyPolicy,
} from "../config/config.ts";
import { isLoopback, parseApiAddress, parseToken, parseWebAddress } from "../config/api_address.ts";
import { parseBanner } from "../config/banner.ts";
import { nameOfMachine, parseDomain, parseMailbox } from "../config/domain_name.ts";
import { parseFingerprint } from "../config/fingerprint.ts";
import { parseListen, parseNameServer } from "../config/listen.ts";
import { parseNetwork } from "../config/network.ts";
import { parseSmarthost } from "../config/smarthost.ts";
import type { Hooks } from "../policy/hooks.ts";
import type { Listeners } from "./events.ts";
import {
  checkFunctions,
  checkKeys,
  keyPairs,
  numbers,
  oneOf,
  parseCertificate,
  parseDirectory,
  parsePathname,
  port,
  text,
  texts,
  toggle,
  wait,
} from "./option_values.ts";

/** What `start()` takes. Everything has a default. */
export interface StartOptions {
  /** `:2525`, `127.0.0.1:25`, `[::1]:0`, `smtps://:465`, `submission://:587`, `submissions://:465`; one or several. Default `:2525`, every interface. */
  readonly listen?: string | readonly string[];
  /** What the server calls itself. Default the machine's name. */
  readonly hostname?: string;
  /** What the greeting says behind the name. Default `ESMTP deno-smtp-server`. */
  readonly banner?: string;
  /** What VRFY tells: nothing (`unsure`, the default), the truth to clients that may relay (`trusted`), or 502 (`off`). */
  readonly vrfy?: VrfyPolicy;
  /** Whether clients outside of `trust` have to wait for replies where RFC 2920 §3.1 says so. Default true. */
  readonly forbidUnauthPipelining?: boolean;
  /** The spool's directory, made when it is not there. Default `./spool`. */
  readonly spool?: string;
  /** Domains that anyone may send to. */
  readonly localDomains?: readonly string[];
  /** When given: the only addresses that exist in the local domains. */
  readonly localRecipients?: readonly string[];
  /** Networks in CIDR notation whose clients may send to anyone. Default loopback. */
  readonly trust?: readonly string[];
  /** Networks in CIDR notation whose proxies may say who the client is, on listeners such as `smtp+proxy://:2525`. */
  readonly proxyHosts?: readonly string[];
  /** Networks in CIDR notation whose clients may say by XCLIENT for whom they speak. */
  readonly xclientHosts?: readonly string[];
  /** `smtp://[user:pass@]host[:port]` or `smtps://…`: gets all mail instead of the recipients' MX hosts. */
  readonly smarthost?: string;
  /** The file of those who may log in on submission listeners, as `main.ts user add` writes it; see the hooks `password` and `token` too. */
  readonly users?: string;
  /** Whether submission listeners let clients log in and send without TLS. Default false. */
  readonly authWithoutTls?: boolean;
  /** Whether SCRAM-SHA-256-PLUS is offered, bound to `tls-server-end-point`. Default false: most clients know other bindings only. */
  readonly scramPlus?: boolean;
  /** Whether BINARYMIME is offered. Default false: offer it where a hook or every next hop takes such content. */
  readonly binaryMime?: boolean;
  /** Accept and queue, deliver nothing. */
  readonly hold?: boolean;
  /** Keep mail to be looked at instead of delivering it. Default false. */
  readonly capture?: boolean;
  /** The certificate to show, PEM; of several the one that has the name a client asks for, else the first. Default: one is made and kept in the spool. */
  readonly certificate?: Certificate | readonly Certificate[];
  /** The least version of TLS that clients may speak. Default `TLSv1.2`. */
  readonly tlsMinVersion?: TlsVersion;
  /** SHA-256 fingerprints of certificates whose holders may send to anyone. */
  readonly trustCertificates?: readonly string[];
  /** `ADDRESS[:PORT]` of the name server. Default the system's. */
  readonly dns?: string;
  /** The port of MX hosts. Default 25. */
  readonly deliveryPort?: number;
  /** Whether next hops on loopback and private addresses are connected to. Default false. */
  readonly allowPrivate?: boolean;
  /** PEM certificates of further authorities that next hops may be verified by. */
  readonly caCerts?: readonly string[];
  /** Whether the API is served on the Unix socket `control.sock` in the spool. Default true. */
  readonly control?: boolean;
  /** `HOST:PORT` where it is served over HTTP besides; needs `apiToken`. */
  readonly api?: string;
  /** What has to be shown there as `Authorization: Bearer TOKEN`: 16 to 512 characters. */
  readonly apiToken?: string;
  /** `[HOST]:PORT` where the page for people is served; on others than loopback it needs `apiToken`. */
  readonly web?: string;
  /** How long `stop()` waits for open transactions and deliveries, ms. */
  readonly stopGrace?: number;
  /** Bounds on clients; what is left out has its default. */
  readonly limits?: Partial<Limits>;
  /** Timeouts and concurrency of delivery; what is left out has its default. */
  readonly delivery?: Partial<DeliveryTuning>;
  /** When deferred mail is tried again; what is left out has its default. */
  readonly retry?: Partial<RetrySchedule>;
  /** What is kept of mail that is gone, and for how long; what is left out has its default. False: nothing is. */
  readonly history?: false | Partial<HistorySettings>;
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

/** Every option there is; a misspelt one must not pass for a setting. */
const OPTIONS: Readonly<Record<keyof StartOptions, true>> = {
  listen: true,
  hostname: true,
  banner: true,
  vrfy: true,
  forbidUnauthPipelining: true,
  spool: true,
  localDomains: true,
  localRecipients: true,
  trust: true,
  proxyHosts: true,
  xclientHosts: true,
  smarthost: true,
  users: true,
  authWithoutTls: true,
  scramPlus: true,
  binaryMime: true,
  hold: true,
  capture: true,
  certificate: true,
  tlsMinVersion: true,
  trustCertificates: true,
  dns: true,
  deliveryPort: true,
  allowPrivate: true,
  caCerts: true,
  control: true,
  api: true,
  web: true,
  apiToken: true,
  stopGrace: true,
  limits: true,
  delivery: true,
  retry: true,
  history: true,
  hooks: true,
  on: true,
};

const VRFY_POLICIES: readonly VrfyPolicy[] = ["unsure", "trusted", "off"];
const TLS_VERSIONS: readonly TlsVersion[] = ["TLSv1.2", "TLSv1.3"];

const HOOKS: Readonly<Record<keyof Hooks, true>> = {
  connect: true,
  mail: true,
  rcpt: true,
  password: true,
  token: true,
  message: true,
};

const EVENTS: Readonly<Record<keyof Listeners, true>> = {
  accepted: true,
  delivered: true,
  deferred: true,
  bounced: true,
};

/**
 * The configuration for these options.
 *
 * @throws {TypeError} naming the first option that is wrong.
 */
export function configOf(options: StartOptions): Config {
  checkKeys("", options, OPTIONS);
  checkFunctions("hooks", options.hooks, HOOKS);
  checkFunctions("on", options.on, EVENTS);
  const listen = listenAddresses(options.listen);
  const proxyHosts = texts("proxyHosts", options.proxyHosts, parseNetwork) ?? [];
  if (proxyHosts.length === 0 && listen.some(({ proxied }) => proxied)) {
    throw new TypeError("listen: a listener for proxies needs proxyHosts as well");
  }
  return {
    listen,
    hostname: text("hostname", options.hostname, parseDomain) ?? nameOfMachine(Deno.hostname()),
    banner: text("banner", options.banner, parseBanner) ?? DEFAULT_CONFIG.banner,
    vrfy: oneOf("vrfy", options.vrfy, VRFY_POLICIES) ?? DEFAULT_CONFIG.vrfy,
    forbidUnauthPipelining: toggle("forbidUnauthPipelining", options.forbidUnauthPipelining) ??
      DEFAULT_CONFIG.forbidUnauthPipelining,
    spool: text("spool", options.spool, parseDirectory) ?? DEFAULT_CONFIG.spool,
    localDomains: texts("localDomains", options.localDomains, parseDomain) ?? [],
    localRecipients: texts("localRecipients", options.localRecipients, parseMailbox) ?? [],
    trust: texts("trust", options.trust, parseNetwork) ?? DEFAULT_CONFIG.trust,
    users: text("users", options.users, parsePathname),
    authWithoutTls: toggle("authWithoutTls", options.authWithoutTls) ??
      DEFAULT_CONFIG.authWithoutTls,
    scramPlus: toggle("scramPlus", options.scramPlus) ?? DEFAULT_CONFIG.scramPlus,
    binaryMime: toggle("binaryMime", options.binaryMime) ?? DEFAULT_CONFIG.binaryMime,
    proxyHosts,
    xclientHosts: texts("xclientHosts", options.xclientHosts, parseNetwork) ?? [],
    hold: toggle("hold", options.hold) ?? DEFAULT_CONFIG.hold,
    capture: toggle("capture", options.capture) ?? DEFAULT_CONFIG.capture,
    certificates: keyPairs("certificate", options.certificate),
    certificateFiles: [],
    tlsMinVersion: oneOf("tlsMinVersion", options.tlsMinVersion, TLS_VERSIONS) ??
      DEFAULT_CONFIG.tlsMinVersion,
    trustCertificates: texts("trustCertificates", options.trustCertificates, parseFingerprint) ??
      DEFAULT_CONFIG.trustCertificates,
    control: toggle("control", options.control) ?? DEFAULT_CONFIG.control,
    ...apiOf(options),
    stopGrace: wait("stopGrace", options.stopGrace) ?? DEFAULT_CONFIG.stopGrace,
    limits: numbers("limits", options.limits, DEFAULT_CONFIG.limits),
    delivery: deliverySettings(options),
    history: historySettings(options.history),
  };
}

/** Neither is open to others than this machine without the token. */
function apiOf(options: StartOptions): Pick<Config, "api" | "web"> {
  const api = text("api", options.api, parseApiAddress);
  const web = text("web", options.web, parseWebAddress);
  const token = text("apiToken", options.apiToken, parseToken);
  if (api !== undefined && token === undefined) throw new TypeError("api: needs apiToken as well");
  if (web !== undefined && token === undefined && !isLoopback(web)) {
    throw new TypeError("web: needs apiToken as well, unless it is loopback");
  }
  if (api === undefined && web === undefined && token !== undefined) {
    throw new TypeError("apiToken: needs api or web as well");
  }
  return {
    ...(api && { api: { ...api, token: token! } }),
    ...(web && { web: { ...web, ...(token && { token }) } }),
  };
}

function listenAddresses(given: StartOptions["listen"]): readonly ListenAddress[] {
  const several = typeof given === "string" ? [given] : given;
  const addresses = texts("listen", several, parseListen) ?? DEFAULT_CONFIG.listen;
  return addresses.length > 0 ? addresses : DEFAULT_CONFIG.listen;
}

function historySettings(given: StartOptions["history"]): HistorySettings {
  return numbers("history", given === false ? { size: 0 } : given, DEFAULT_CONFIG.history);
}

function deliverySettings(options: StartOptions): DeliverySettings {
  const { port: mxPort, allowPrivate, caCerts, retry, ...tuning } = DEFAULT_DELIVERY;
  return {
    ...numbers("delivery", options.delivery, tuning),
    port: port("deliveryPort", options.deliveryPort) ?? mxPort,
    allowPrivate: toggle("allowPrivate", options.allowPrivate) ?? allowPrivate,
    smarthost: text("smarthost", options.smarthost, parseSmarthost),
    dns: text("dns", options.dns, parseNameServer),
    caCerts: texts("caCerts", options.caCerts, parseCertificate) ?? caCerts,
    retry: numbers("retry", options.retry, retry),
  };
}
