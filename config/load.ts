/**
 * Puts the configuration together: flags win over the environment, the
 * environment over the file, the file over the defaults. Whatever is wrong is
 * collected over all three and thrown as one {@linkcode ConfigError}.
 *
 * @module
 */
import type { LogLevel } from "../base/log.ts";
import type { Certificate, CertificateFiles, Config, DeliverySettings } from "./config.ts";
import { DEFAULT_CONFIG, DEFAULT_DELIVERY } from "./config.ts";
import { isLoopback, parseToken } from "./api_address.ts";
import { nameOfMachine } from "./domain_name.ts";
import { fileSource, readSettingFile } from "./file.ts";
import { didYouMean } from "./nearest.ts";
import { readCertificates, readKeyPair } from "./pem.ts";
import { type Fault, knownKeys, type LogFormat } from "./schema.ts";
import { readSettings, type Settings } from "./schema.ts";
import { withoutUserinfo } from "./smarthost.ts";
import { ConfigError, environmentSource, type Source } from "./source.ts";

/** What is configured. */
export interface Loaded {
  /** For the server. */
  readonly config: Config;
  /** How log records are written. */
  readonly logFormat: LogFormat;
  /** The least grave records that are written. */
  readonly logLevel: LogLevel;
}

/** What the configuration is read from. */
export interface Inputs {
  /** What the flags set. */
  readonly flags: Source;
  /** The file named by `--config`. */
  readonly configFile?: string;
  /** Reads an environment variable. */
  readonly variable: (name: string) => string | undefined;
  /** The machine's name. */
  readonly machineName: string;
}

/**
 * Reads the whole configuration.
 *
 * @throws {ConfigError} with everything that is wrong with it.
 */
export async function loadConfig(inputs: Inputs): Promise<Loaded> {
  const sources = [
    ...await configFileSource(inputs),
    environmentSource(inputs.variable),
    inputs.flags,
  ];
  const settings = merge(sources);
  const where = (key: string) =>
    sources.findLast(({ values }) => key in values)?.where([key]) ?? key;
  if (settings.users === undefined && settings.listen?.some(({ role }) => role === "submission")) {
    throw new ConfigError([`${where("listen")}: a submission listener needs users`]);
  }
  checkProxies(settings, where);
  const addresses = await webAddresses(settings, where);
  const certificateFiles = configuredCertificates(settings, where);
  const certificates: Certificate[] = [];
  for (const { cert, key } of certificateFiles) {
    const named = { path: key, where: where("tls_key") };
    certificates.push(await readKeyPair({ path: cert, where: where("tls_cert") }, named));
  }
  const caCerts = settings.ca_file === undefined
    ? []
    : await readCertificates(settings.ca_file, where("ca_file"));
  return {
    config: {
      ...complete(settings, { certificates, certificateFiles }, caCerts, inputs.machineName),
      ...addresses,
    },
    logFormat: settings.log_format ?? "pretty",
    logLevel: settings.log_level ?? "info",
  };
}

/** The file's source, when there is a file. */
async function configFileSource({ configFile, variable }: Inputs): Promise<Source[]> {
  const path = configFile ?? variable("SMTP_CONFIG");
  if (path === undefined) return [];
  const where = configFile === undefined ? "SMTP_CONFIG" : "--config";
  return [fileSource(path, await readSettingFile(path, where))];
}

/** Checks every source and lays the later ones over the earlier. */
function merge(sources: readonly Source[]): Settings {
  const problems: string[] = [];
  let merged: Settings = {};
  for (const source of sources) {
    const read = readSettings(source.values);
    if ("faults" in read) problems.push(...read.faults.map((fault) => describe(fault, source)));
    else merged = { ...merged, ...read.settings };
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return merged;
}

/** A fault in a line: where, what was found, what was expected. */
function describe({ path, unknownKey, message }: Fault, source: Source): string {
  const where = source.where(path);
  if (unknownKey) {
    return `${where}: unknown key${didYouMean(String(path.at(-1)), knownKeys(path.slice(0, -1)))}`;
  }
  return `${where}${shown(path, source.values)}: ${message}`;
}

/** The value at a place, on one line and without a password, behind a space. */
function shown(path: readonly (string | number)[], values: unknown): string {
  const found = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], values);
  if (path[0] !== "smarthost") return ` ${(JSON.stringify(found) ?? "").slice(0, 200)}`;
  // In a list or a table nobody can tell which part is the password.
  return typeof found === "string" ? ` ${JSON.stringify(withoutUserinfo(found))}` : "";
}

/** A listener for proxies that lets no proxy in would serve nobody. */
function checkProxies(
  { listen, proxy_hosts = [] }: Settings,
  where: (key: string) => string,
): void {
  if (proxy_hosts.length > 0 || !listen?.some(({ proxied }) => proxied)) return;
  throw new ConfigError([`${where("listen")}: a listener for proxies needs proxy_hosts as well`]);
}

/** Where the API and the page are served over TCP: neither is open to others than this machine without a token. */
async function webAddresses(
  { api, web, api_token_file: file }: Settings,
  where: (key: string) => string,
): Promise<Pick<Config, "api" | "web">> {
  const token = file === undefined ? undefined : await readToken(file, where("api_token_file"));
  if (api !== undefined && token === undefined) {
    throw new ConfigError([`${where("api")}: needs api-token-file as well`]);
  }
  if (web !== undefined && token === undefined && !isLoopback(web)) {
    throw new ConfigError([`${where("web")}: needs api-token-file as well, unless it is loopback`]);
  }
  if (api === undefined && web === undefined && file !== undefined) {
    throw new ConfigError([`${where("api_token_file")}: needs api or web as well`]);
  }
  return {
    ...(api && { api: { ...api, token: token! } }),
    ...(web && { web: { ...web, ...(token && { token }) } }),
  };
}

/** @throws {ConfigError} when there is no token in the file */
async function readToken(file: string, where: string): Promise<string> {
  const text = (await readSettingFile(file, where)).trim();
  try {
    return parseToken(text);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ConfigError([`${where} "${file}": ${error.message}`]);
  }
}

/** The files of each certificate and its key, which are given in the same order. */
function configuredCertificates(
  { tls_cert = [], tls_key = [] }: Settings,
  where: (key: string) => string,
): CertificateFiles[] {
  if (tls_key.length < tls_cert.length) {
    throw new ConfigError([`${where("tls_cert")}: needs tls-key as well${forEach(tls_cert)}`]);
  }
  if (tls_cert.length < tls_key.length) {
    throw new ConfigError([`${where("tls_key")}: needs tls-cert as well${forEach(tls_key)}`]);
  }
  return tls_cert.map((cert, i) => ({ cert, key: tls_key[i]! }));
}

function forEach(files: readonly string[]): string {
  return files.length > 1 ? `, one for each of the ${files.length}` : "";
}

/** The configuration with the default of everything that is not set. */
function complete(
  settings: Settings,
  tls: Pick<Config, "certificates" | "certificateFiles">,
  caCerts: string[],
  machineName: string,
): Config {
  return {
    listen: settings.listen ?? DEFAULT_CONFIG.listen,
    hostname: settings.hostname ?? nameOfMachine(machineName),
    banner: settings.banner ?? DEFAULT_CONFIG.banner,
    vrfy: settings.vrfy ?? DEFAULT_CONFIG.vrfy,
    forbidUnauthPipelining: settings.forbid_unauth_pipelining ??
      DEFAULT_CONFIG.forbidUnauthPipelining,
    spool: settings.spool ?? DEFAULT_CONFIG.spool,
    localDomains: settings.local_domain ?? DEFAULT_CONFIG.localDomains,
    localRecipients: settings.local_recipients ?? DEFAULT_CONFIG.localRecipients,
    trust: settings.trust ?? DEFAULT_CONFIG.trust,
    users: settings.users,
    authWithoutTls: settings.auth_without_tls ?? DEFAULT_CONFIG.authWithoutTls,
    scramPlus: settings.scram_plus ?? DEFAULT_CONFIG.scramPlus,
    binaryMime: settings.binary_mime ?? DEFAULT_CONFIG.binaryMime,
    hold: settings.hold ?? DEFAULT_CONFIG.hold,
    capture: settings.capture ?? DEFAULT_CONFIG.capture,
    ...tls,
    tlsMinVersion: settings.tls_min_version ?? DEFAULT_CONFIG.tlsMinVersion,
    trustCertificates: settings.trust_certificates ?? DEFAULT_CONFIG.trustCertificates,
    proxyHosts: settings.proxy_hosts ?? DEFAULT_CONFIG.proxyHosts,
    xclientHosts: settings.xclient_hosts ?? DEFAULT_CONFIG.xclientHosts,
    control: settings.control ?? DEFAULT_CONFIG.control,
    stopGrace: settings.stop_grace ?? DEFAULT_CONFIG.stopGrace,
    limits: { ...DEFAULT_CONFIG.limits, ...settings.limits },
    delivery: deliverySettings(settings, caCerts),
    history: { ...DEFAULT_CONFIG.history, ...settings.history },
  };
}

function deliverySettings(settings: Settings, caCerts: string[]): DeliverySettings {
  return {
    ...DEFAULT_DELIVERY,
    ...settings.delivery,
    port: settings.delivery_port ?? DEFAULT_DELIVERY.port,
    allowPrivate: settings.allow_private ?? DEFAULT_DELIVERY.allowPrivate,
    smarthost: settings.smarthost,
    dns: settings.dns,
    caCerts,
    retry: { ...DEFAULT_DELIVERY.retry, ...settings.retry },
  };
}
