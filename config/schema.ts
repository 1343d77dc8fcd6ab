/**
 * What may stand in a configuration: each key's form and bounds, checked in the
 * same way whether a flag, a variable or a file set it. Faults are returned as
 * a list that names each of them.
 *
 * @module
 */
import { z } from "zod";
import type { LogLevel } from "../base/log.ts";
import type {
  ApiAddress,
  Config,
  DeliverySettings,
  HistorySettings,
  Limits,
  RetrySchedule,
  TlsVersion,
  VrfyPolicy,
  WebAddress,
} from "./config.ts";
import { parseApiAddress, parseWebAddress } from "./api_address.ts";
import { parseBanner } from "./banner.ts";
import { parseDomain, parseMailbox } from "./domain_name.ts";
import { parseFingerprint } from "./fingerprint.ts";
import { parseListen, parseNameServer } from "./listen.ts";
import { parseNetwork } from "./network.ts";
import { parseSmarthost } from "./smarthost.ts";
import { parseDuration, parseSize } from "./units.ts";

/** How log records are written. */
export type LogFormat = "pretty" | "json";

/** What one source sets: keys as in the file, values checked. */
export interface Settings
  extends
    Partial<Pick<Config, "listen" | "hostname" | "spool" | "trust" | "hold" | "capture" | "users">>,
    Partial<Pick<DeliverySettings, "smarthost" | "dns">> {
  /** See {@linkcode Config.localDomains}. */
  local_domain?: string[];
  /** See {@linkcode Config.authWithoutTls}. */
  auth_without_tls?: boolean;
  /** See {@linkcode Config.scramPlus}. */
  scram_plus?: boolean;
  /** See {@linkcode Config.binaryMime}. */
  binary_mime?: boolean;
  /** See {@linkcode Config.localRecipients}. */
  local_recipients?: string[];
  /** The files with the certificate chains. */
  tls_cert?: string[];
  /** The files with their keys, in the same order. */
  tls_key?: string[];
  /** See {@linkcode Config.tlsMinVersion}. */
  tls_min_version?: TlsVersion;
  /** See {@linkcode Config.trustCertificates}. */
  trust_certificates?: string[];
  /** The file with further authorities. */
  ca_file?: string;
  /** See {@linkcode Config.banner}. */
  banner?: string;
  /** See {@linkcode Config.vrfy}. */
  vrfy?: VrfyPolicy;
  /** See {@linkcode Config.forbidUnauthPipelining}. */
  forbid_unauth_pipelining?: boolean;
  /** See {@linkcode Config.proxyHosts}. */
  proxy_hosts?: string[];
  /** See {@linkcode Config.xclientHosts}. */
  xclient_hosts?: string[];
  /** See {@linkcode DeliverySettings.port}. */
  delivery_port?: number;
  /** See {@linkcode DeliverySettings.allowPrivate}. */
  allow_private?: boolean;
  /** See {@linkcode Config.stopGrace}, ms. */
  stop_grace?: number;
  /** See {@linkcode Config.control}. */
  control?: boolean;
  /** See {@linkcode Config.api}; its token comes from the file. */
  api?: Omit<ApiAddress, "token">;
  /** See {@linkcode Config.web}; its token comes from the same file. */
  web?: Omit<WebAddress, "token">;
  /** The file with the token. */
  api_token_file?: string;
  /** How log records are written. */
  log_format?: LogFormat;
  /** Which of them are. */
  log_level?: LogLevel;
  /** The table of that name. */
  limits?: Partial<Limits>;
  /** The table of that name. */
  delivery?: Partial<DeliverySettings>;
  /** The table of that name. */
  retry?: Partial<RetrySchedule>;
  /** The table of that name; `history = false` has no size. */
  history?: Partial<HistorySettings>;
}

/** Something wrong with one value or key. */
export interface Fault {
  /** The way to it: keys, and the position in a list. */
  readonly path: readonly (string | number)[];
  /** Whether the key itself is unknown; otherwise its value is wrong. */
  readonly unknownKey: boolean;
  /** What was expected. */
  readonly message: string;
}

const DAY = 86_400_000;
/** As long as a timer of the runtime can wait: 2^31 - 1 ms. */
const LONGEST_WAIT = 24 * DAY;
const LONGEST_LIFETIME = 365 * DAY;
const LONGEST_HISTORY = 3650 * DAY;
/** Below this a history would forget within minutes. Octets. */
const SMALLEST_HISTORY = 16 * 1024 * 1024;

/** A value that `parse` reads from text; its `TypeError` says what was expected. */
function parsed<T>(parse: (text: string) => T, expected = "expected text in quotes") {
  return z.string({ error: expected }).transform((text, context): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
}

/** Text that says something. */
const filled = parsed((text) => {
  if (text.trim() === "" || text.includes("\0")) throw new TypeError("expected a value");
  return text;
});

/** A list; a single value stands for a list of one. */
function list<T extends z.ZodType>(item: T, least = 0) {
  const message = "expected a list of texts with at least one in it";
  const items = z.array(item, { error: "expected a list of texts" }).min(least, message);
  return z.preprocess((value) => typeof value === "string" ? [value] : value, items);
}

/** A number within bounds, also written as text, as flags and variables are. */
function numeric(form: RegExp, expected: string, inBounds: (value: number) => boolean) {
  const read = parsed((text) => {
    const value = form.test(text) ? Number(text) : NaN;
    if (!inBounds(value)) throw new TypeError(expected);
    return value;
  });
  return z.preprocess((value) => typeof value === "number" ? String(value) : value, read);
}

function whole(least: number, most: number) {
  const expected = `expected a whole number from ${least} to ${most}`;
  return numeric(/^\d+$/, expected, (value) => value >= least && value <= most);
}

function decimal(least: number, most: number) {
  const expected = `expected a number from ${least} to ${most}`;
  return numeric(/^\d+(\.\d+)?$/, expected, (value) => value >= least && value <= most);
}

function size(least: number) {
  const read = parsed(
    (text) => bounded(parseSize(text), least, Infinity, `expected at least ${least} octets`),
    'expected a size, such as 65536 or "64KiB"',
  );
  return z.preprocess((value) => typeof value === "number" ? String(value) : value, read);
}

/** 0, or a size of some use. */
function sizeOrNone(least: number) {
  const expected = `expected 0 or at least ${least} octets`;
  const read = parsed((text) => {
    const octets = parseSize(text);
    return octets === 0 ? 0 : bounded(octets, least, Infinity, expected);
  }, expected);
  return z.preprocess((value) => typeof value === "number" ? String(value) : value, read);
}

function duration(least: number, most: number) {
  const expected = `expected a time from ${least} ms to ${most / DAY} days, such as "30s" or "5m"`;
  return parsed((text) => bounded(parseDuration(text), least, most, expected), expected);
}

const timeout = duration(1, LONGEST_WAIT);

function bounded(value: number, least: number, most: number, expected: string): number {
  if (value < least || value > most) throw new TypeError(expected);
  return value;
}

/** On or off, also written as text, as variables are. */
const toggle = z.preprocess(
  (value) => value === "true" ? true : value === "false" ? false : value,
  z.boolean({ error: "expected true or false" }),
);

function oneOf<const T extends string>(...values: T[]) {
  return z.enum(values, { error: `expected one of ${values.join(", ")}` });
}

const limits = table({
  command_line: size(512), // the least that RFC 5321 §4.5.3.1.4 allows
  recipients: whole(100, 1_000_000), // §4.5.3.1.8
  message_size: size(64 * 1024), // §4.5.3.1.7
  header_size: size(1024),
  errors: whole(1, 1_000_000),
  idle_commands: whole(1, 1_000_000),
  connections: whole(1, 1_000_000),
  connections_per_address: whole(1, 1_000_000),
  connection_rate: whole(0, 1_000_000),
  message_rate: whole(0, 1_000_000),
  recipient_rate: whole(0, 1_000_000),
  messages_per_connection: whole(1, 1_000_000),
  recipients_per_connection: whole(1, 1_000_000),
  auth_failures: whole(0, 1_000_000),
  auth_failures_per_user: whole(0, 1_000_000),
  greet_pause: duration(0, DAY),
  command_timeout: timeout,
  data_timeout: timeout,
  data_rate: size(0),
  tls_timeout: timeout,
  longest_hold: duration(0, LONGEST_LIFETIME),
  capture_messages: whole(1, 100_000),
  hops: whole(1, 1000),
});

const delivery = table({
  concurrency: whole(1, 100_000),
  concurrency_per_destination: whole(1, 100_000),
  messages_per_connection: whole(1, 1_000_000),
  recipients_per_transaction: whole(1, 1_000_000),
  idle_timeout: duration(0, LONGEST_WAIT),
  connect_timeout: timeout,
  command_timeout: timeout,
  data_timeout: timeout,
  final_timeout: timeout,
});

const retry = table({
  first: timeout,
  factor: decimal(1, 100),
  longest: timeout,
  jitter: decimal(0, 1),
  lifetime: duration(1, LONGEST_LIFETIME),
  delay_notice: duration(1, LONGEST_LIFETIME),
  unasked_delay_notice: duration(0, LONGEST_LIFETIME),
});

const history = table({
  keep: duration(1, LONGEST_HISTORY),
  size: sizeOrNone(SMALLEST_HISTORY),
});

function table<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, { error: "expected a table" }).partial();
}

const root = table({
  listen: list(parsed(parseListen), 1),
  hostname: parsed(parseDomain),
  spool: filled,
  local_domain: list(parsed(parseDomain)),
  local_recipients: list(parsed(parseMailbox)),
  trust: list(parsed(parseNetwork)),
  banner: parsed(parseBanner),
  vrfy: oneOf("unsure", "trusted", "off"),
  forbid_unauth_pipelining: toggle,
  proxy_hosts: list(parsed(parseNetwork)),
  xclient_hosts: list(parsed(parseNetwork)),
  smarthost: parsed(parseSmarthost),
  hold: toggle,
  capture: toggle,
  tls_cert: list(filled, 1),
  tls_key: list(filled, 1),
  tls_min_version: oneOf("TLSv1.2", "TLSv1.3"),
  trust_certificates: list(parsed(parseFingerprint)),
  users: filled,
  auth_without_tls: toggle,
  scram_plus: toggle,
  binary_mime: toggle,
  ca_file: filled,
  dns: parsed(parseNameServer),
  delivery_port: whole(1, 65535),
  allow_private: toggle,
  stop_grace: duration(0, LONGEST_WAIT),
  control: toggle,
  api: parsed(parseApiAddress),
  web: parsed(parseWebAddress),
  api_token_file: filled,
  log_format: oneOf("pretty", "json"),
  log_level: oneOf("debug", "info", "warn", "error"),
  limits,
  delivery,
  retry,
  // `history = false` is a history without room.
  history: z.preprocess((value) => value === false ? { size: 0 } : value, history),
});

/** The tables of the file, by name. */
const TABLES: ReadonlyMap<string, { shape: z.ZodRawShape }> = new Map(
  Object.entries({ limits, delivery, retry, history }),
);

/** The keys that are known at a place: at the top with an empty path, or in a table; tables included. */
export function knownKeys(path: readonly (string | number)[]): string[] {
  const place = path.length === 0 ? root : TABLES.get(String(path[0]));
  return place === undefined ? [] : Object.keys(place.shape);
}

/** Checks what a source sets: gives it with every value read, or everything that is wrong with it. */
export function readSettings(
  raw: Record<string, unknown>,
): { settings: Settings } | { faults: Fault[] } {
  const result = root.safeParse(raw);
  if (!result.success) return { faults: result.error.issues.flatMap(faultsOf) };
  const { limits, delivery, retry, ...settings } = result.data;
  return {
    settings: {
      ...settings,
      ...(limits && { limits: camel(limits) }),
      ...(delivery && { delivery: camel(delivery) }),
      ...(retry && { retry: camel(retry) }),
    },
  };
}

/** A fault for each thing that an issue is about. */
function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  const path = issue.path.map((step) => typeof step === "number" ? step : String(step));
  if (issue.code !== "unrecognized_keys") {
    return [{ path, unknownKey: false, message: issue.message }];
  }
  return issue.keys.map((key) => ({ path: [...path, key], unknownKey: true, message: "" }));
}

/** A key of the file as the program writes it. */
type Camel<K> = K extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : K;

/** A table with its keys as the program writes them: `command_line` is `commandLine`. */
function camel<T extends object>(table: T): { [K in keyof T as Camel<K>]: T[K] } {
  const entries = Object.entries(table).map(([key, value]) => [
    key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(entries);
}
