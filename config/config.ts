/**
 * The configuration as the rooms see it: typed, complete and validated. Reading
 * it from a file, the environment and flags is `config/load.ts`.
 *
 * @module
 */
import type { SessionLimits } from "../protocol/handler.ts";

/**
 * What a listener is for: `mx` takes mail from everybody, for whoever the relay
 * rules let it; `submission` takes mail from users who have logged in (RFC 6409).
 */
export type ListenRole = "mx" | "submission";

/** An address to listen on. */
export interface ListenAddress {
  /** An IP address or name; undefined for every interface, IPv4 and IPv6. */
  readonly hostname?: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Implicit TLS, written `smtps://HOST:PORT` or `submissions://HOST:PORT`. */
  readonly tls: boolean;
  /** What it is for; `mx` where nothing is said. */
  readonly role?: ListenRole;
  /** Whether clients come by way of a proxy that speaks the PROXY protocol: `smtp+proxy://HOST:PORT`. */
  readonly proxied?: boolean;
}

/** The host that gets all mail instead of the recipients' MX hosts. */
export interface Smarthost {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
  /** Implicit TLS from the first octet (`smtps://`), certificate verified. */
  readonly implicitTls: boolean;
  /** With a password: AUTH PLAIN, only over verified TLS. */
  readonly user?: string;
  /** Given exactly when `user` is. */
  readonly password?: string;
}

/** A certificate chain and its key, PEM. */
export interface Certificate {
  /** The chain, the server's own certificate first. */
  readonly cert: string;
  /** The private key of the first. */
  readonly key: string;
}

/** The files that a certificate comes from. */
export interface CertificateFiles {
  /** That of the chain. */
  readonly cert: string;
  /** That of its key. */
  readonly key: string;
}

/**
 * What VRFY tells.
 * - `unsure`: 252 to everybody
 * - `trusted`: the truth to clients that may relay, 252 to others
 * - `off`: 502
 */
export type VrfyPolicy = "unsure" | "trusted" | "off";

/** A version of TLS. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** A name server. */
export interface NameServer {
  /** An IP address. */
  readonly host: string;
  /** 53 where nothing else is said. */
  readonly port: number;
}

/** Bounds on clients, connections and time. Times in ms, sizes in octets. An IPv6 address stands for its /64 network. */
export interface Limits extends SessionLimits {
  /** Connections at once; a further one gets 421 4.3.2. */
  readonly connections: number;
  /** Connections at once from one address that is not trusted to relay; a further one gets 421 4.7.0. */
  readonly connectionsPerAddress: number;
  /** Connections a minute from one such address; a further one gets 421 4.7.0. 0: no limit, here and in the other rates. */
  readonly connectionRate: number;
  /** MAIL commands a minute from one such address; a further one gets 450 4.7.1. */
  readonly messageRate: number;
  /** RCPT commands a minute from one such address; a further one gets 450 4.7.1. */
  readonly recipientRate: number;
  /** MAIL commands over one connection from such an address; a further one gets 421 4.7.0. */
  readonly messagesPerConnection: number;
  /** RCPT commands over one connection from such an address, after which MAIL gets 421 4.7.0. */
  readonly recipientsPerConnection: number;
  /** Failed logins from one such address within ten minutes, after which AUTH gets 421 4.7.0. 0: no limit. */
  readonly authFailures: number;
  /** Failed logins of one user within ten minutes, after which only addresses the user came from before can log in as that user. 0: no limit. */
  readonly authFailuresPerUser: number;
  /** Before the greeting, in which a client that is not trusted must not speak; 554 5.5.0. 0: none. */
  readonly greetPause: number;
  /** Waiting for a command (RFC 5321 §4.5.3.2.7). */
  readonly commandTimeout: number;
  /** Waiting for more content (§4.5.3.2.5). */
  readonly dataTimeout: number;
  /** The least rate of content, octets a second, counted after the first minute. */
  readonly dataRate: number;
  /** Octets of a message's header section. */
  readonly headerSize: number;
  /** Received headers a message may have before it is taken to loop (§6.3). */
  readonly hops: number;
  /** For a TLS handshake. */
  readonly tlsTimeout: number;
  /** How long a client that may submit mail can have it held until its release (RFC 4865). 0: not offered. */
  readonly longestHold: number;
  /** Messages that are captured; the oldest makes room for the next. */
  readonly captureMessages: number;
}

/** When a deferred recipient is tried again, and its sender told. Times in ms. */
export interface RetrySchedule {
  /** The wait after the first failure. */
  readonly first: number;
  /** What each wait is multiplied by. */
  readonly factor: number;
  /** The longest wait. */
  readonly longest: number;
  /** The share by which a wait is made shorter or longer at random, 0 to 1. */
  readonly jitter: number;
  /** After this long in the queue a message is given up. */
  readonly lifetime: number;
  /** After this long a sender who asked for that is told that a recipient has to wait (RFC 3461 §4.1). */
  readonly delayNotice: number;
  /** The same for a sender who said nothing about it; 0: it is not told. */
  readonly unaskedDelayNotice: number;
}

/** How mail leaves. Times in ms, sizes in octets. */
export interface DeliverySettings {
  /** The port of MX hosts. */
  readonly port: number;
  /** Whether next hops on loopback, private and other special addresses are connected to. */
  readonly allowPrivate: boolean;
  /** Gets everything, when there is one. */
  readonly smarthost?: Smarthost;
  /** The name server; undefined for the system's. */
  readonly dns?: NameServer;
  /** PEM certificates of further authorities that next hops may be verified by. */
  readonly caCerts: readonly string[];
  /** Connections out at once. */
  readonly concurrency: number;
  /** Connections at once to one destination. */
  readonly concurrencyPerDestination: number;
  /** Messages over one connection. */
  readonly messagesPerConnection: number;
  /** How long an unused connection is kept. */
  readonly idleTimeout: number;
  /** For connecting. */
  readonly connectTimeout: number;
  /** For the greeting, EHLO, MAIL, RCPT and STARTTLS (RFC 5321 §4.5.3.2: 5 minutes). */
  readonly commandTimeout: number;
  /** For the 354 after DATA (2 minutes) and for each block of content sent (3 minutes). */
  readonly dataTimeout: number;
  /** For the reply to the final dot (10 minutes). */
  readonly finalTimeout: number;
  /** Recipients in one transaction (RFC 5321 §4.5.3.1.8 promises 100). */
  readonly recipientsPerTransaction: number;
  /** When to try again. */
  readonly retry: RetrySchedule;
}

/** The address at which the API is served besides its Unix socket. */
export interface ApiAddress {
  /** An IP address or name. */
  readonly hostname: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** What has to be shown there as `Authorization: Bearer TOKEN`. */
  readonly token: string;
}

/** Where the page is served, and what has to be shown to log in there; without a token it is open to whoever reaches it. */
export type WebAddress = Omit<ApiAddress, "token"> & Partial<Pick<ApiAddress, "token">>;

/** What is kept of mail that is gone. */
export interface HistorySettings {
  /** For how long, ms. */
  readonly keep: number;
  /** What it may take on the disk, octets; 0: nothing is kept. */
  readonly size: number;
}

/** Everything that can be set. */
export interface Config {
  /** At least one. */
  readonly listen: readonly ListenAddress[];
  /** What the server calls itself. */
  readonly hostname: string;
  /** What the greeting says behind the name. */
  readonly banner: string;
  /** What VRFY tells. */
  readonly vrfy: VrfyPolicy;
  /** Whether clients outside of `trust` have to wait for replies where RFC 2920 §3.1 says so, or are told 554 and hung up on. */
  readonly forbidUnauthPipelining: boolean;
  /** The spool's directory. */
  readonly spool: string;
  /** Domains anyone may send to: lower case, A-labels. */
  readonly localDomains: readonly string[];
  /** When not empty: the only addresses that exist in the local domains; lower case. */
  readonly localRecipients: readonly string[];
  /** Networks in CIDR notation whose clients may relay. */
  readonly trust: readonly string[];
  /** Networks in CIDR notation whose proxies may say who the client is, on listeners that are for proxies. */
  readonly proxyHosts: readonly string[];
  /** Networks in CIDR notation whose clients may say by XCLIENT for whom they speak. */
  readonly xclientHosts: readonly string[];
  /** Accept and queue, deliver nothing. */
  readonly hold: boolean;
  /** Keep what comes in to be looked at, and deliver of it only what is released. */
  readonly capture: boolean;
  /** The certificates to show, by server name, the first where none has the name; none: one is made and kept in the spool. */
  readonly certificates: readonly Certificate[];
  /** Where those come from, in the same order, to be looked at again; none when they come from no files. */
  readonly certificateFiles: readonly CertificateFiles[];
  /** The least version of TLS that clients may speak. */
  readonly tlsMinVersion: TlsVersion;
  /** SHA-256 of the certificates whose holders may relay, in lower-case hexadecimal. */
  readonly trustCertificates: readonly string[];
  /** The file of those who may log in. */
  readonly users?: string;
  /** Whether submission listeners let clients log in without TLS, and send without it. */
  readonly authWithoutTls: boolean;
  /** Whether SCRAM-SHA-256-PLUS is offered, for clients that can bind to `tls-server-end-point`. */
  readonly scramPlus: boolean;
  /** Whether BINARYMIME (RFC 3030) is offered: whoever is offered it stops converting what our next hops may not take. */
  readonly binaryMime: boolean;
  /** How long a stop waits for open transactions and deliveries, ms. */
  readonly stopGrace: number;
  /** Whether the API is served on a Unix socket in the spool. */
  readonly control: boolean;
  /** Where it is served besides; nowhere by default. */
  readonly api?: ApiAddress;
  /** Where the page for people is served; absent for nowhere. */
  readonly web?: WebAddress;
  /** Bounds on what clients may do. */
  readonly limits: Limits;
  /** How mail leaves. */
  readonly delivery: DeliverySettings;
  /** What is kept of mail that is gone. */
  readonly history: HistorySettings;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** The limits where nothing else is configured. */
export const DEFAULT_LIMITS: Limits = {
  commandLine: 512,
  recipients: 1000,
  messageSize: 128 * MIB,
  errors: 20,
  idleCommands: 100,
  connections: 10_000,
  connectionsPerAddress: 100,
  connectionRate: 600,
  messageRate: 600,
  recipientRate: 3000,
  messagesPerConnection: 1000,
  recipientsPerConnection: 10_000,
  authFailures: 10,
  authFailuresPerUser: 30,
  greetPause: 0,
  commandTimeout: 5 * MINUTE,
  dataTimeout: 3 * MINUTE,
  dataRate: 100,
  headerSize: 256 * KIB,
  hops: 50,
  tlsTimeout: 30 * SECOND,
  longestHold: 7 * DAY,
  captureMessages: 1000,
};

/** The delivery settings where nothing else is configured. */
export const DEFAULT_DELIVERY: DeliverySettings = {
  port: 25,
  allowPrivate: false,
  caCerts: [],
  concurrency: 500,
  concurrencyPerDestination: 20,
  messagesPerConnection: 1000,
  idleTimeout: 5 * SECOND,
  connectTimeout: 30 * SECOND,
  commandTimeout: 5 * MINUTE,
  dataTimeout: 3 * MINUTE,
  finalTimeout: 10 * MINUTE,
  recipientsPerTransaction: 100,
  retry: {
    first: 5 * MINUTE,
    factor: 2,
    longest: 4 * HOUR,
    jitter: 0.1,
    lifetime: 5 * DAY,
    delayNotice: 4 * HOUR,
    unaskedDelayNotice: 0,
  },
};

/** What is kept of mail where nothing else is configured: room for about a million messages to one recipient each. */
export const DEFAULT_HISTORY: HistorySettings = { keep: 30 * DAY, size: 2 * GIB };

/** The networks that may relay where nothing else is configured. */
export const LOOPBACK_NETWORKS: readonly string[] = ["127.0.0.0/8", "::1/128"];

/** The configuration where nothing is set, but for the server's name. */
export const DEFAULT_CONFIG: Omit<Config, "hostname"> = {
  listen: [{ port: 2525, tls: false }],
  banner: "ESMTP deno-smtp-server",
  vrfy: "unsure",
  forbidUnauthPipelining: true,
  spool: "./spool",
  localDomains: [],
  localRecipients: [],
  trust: LOOPBACK_NETWORKS,
  certificates: [],
  certificateFiles: [],
  tlsMinVersion: "TLSv1.2",
  trustCertificates: [],
  proxyHosts: [],
  xclientHosts: [],
  hold: false,
  capture: false,
  authWithoutTls: false,
  scramPlus: false,
  binaryMime: false,
  stopGrace: 30 * SECOND,
  control: true,
  limits: DEFAULT_LIMITS,
  delivery: DEFAULT_DELIVERY,
  history: DEFAULT_HISTORY,
};
