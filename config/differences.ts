/**
 * What differs between two configurations, setting by setting, as an operator would
 * write it: keys as in the file, and of what is secret only that it differs.
 *
 * @module
 */
import type { Config, DeliverySettings, Smarthost } from "./config.ts";
import { listenText } from "./listen.ts";
import { numberText, settingKey } from "./setting_text.ts";

/** A setting that is not the same. */
export interface Difference {
  /** The part of the configuration that it is in. */
  readonly part: keyof Config;
  /** Its key in the file. */
  readonly key: string;
  /** How it differs: `+ 10.0.0.0/8 - 192.0.2.1/32` of a list, else `5m → 10m`. */
  readonly text: string;
}

/** The value of a setting: a list, a text, or something of which only that it differs is shown. */
type Value =
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "secret"; readonly shown: string; readonly secret: string };

/** Keys that are not the names in the program. */
const KEYS: ReadonlyMap<string, string> = new Map([
  ["localDomains", "local_domain"],
  ["certificates", "tls_cert, tls_key"],
  ["delivery.port", "delivery_port"],
  ["delivery.allowPrivate", "allow_private"],
  ["delivery.smarthost", "smarthost"],
  ["delivery.dns", "dns"],
  ["delivery.caCerts", "ca_file"],
]);

/** What is not the same in the next configuration, in the order of the settings. */
export function differences(before: Config, next: Config): Difference[] {
  const old = new Map(settingsOf(before).map(([part, name, value]) => [name, { part, value }]));
  const found: Difference[] = [];
  for (const [part, name, value] of settingsOf(next)) {
    const text = differenceText(old.get(name)!.value, value);
    if (text !== undefined) found.push({ part, key: KEYS.get(name) ?? keyOf(name), text });
  }
  return found;
}

function keyOf(name: string): string {
  return name.split(".").map(settingKey).join(".");
}

/** Every setting: its part, its name in the program, its value. */
function settingsOf(config: Config): [keyof Config, string, Value][] {
  return (Object.keys(PARTS) as (keyof Config)[]).flatMap((part) =>
    valuesIn(config, part).map(([name, value]): [keyof Config, string, Value] => [
      part,
      name,
      value,
    ])
  );
}

/** Every part there is; one that is forgotten does not compile. Their order is that of the log. */
const PARTS: Readonly<Record<keyof Config, true>> = {
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
  hold: true,
  capture: true,
  certificates: true,
  certificateFiles: true,
  tlsMinVersion: true,
  trustCertificates: true,
  users: true,
  authWithoutTls: true,
  scramPlus: true,
  binaryMime: true,
  stopGrace: true,
  control: true,
  api: true,
  web: true,
  limits: true,
  delivery: true,
  history: true,
};

/** The settings in a part of the configuration. */
function valuesIn(config: Config, part: keyof Config): [string, Value][] {
  switch (part) {
    case "limits":
      return numbersIn("limits", config.limits);
    case "history":
      return numbersIn("history", config.history);
    case "delivery":
      return deliveryValues(config.delivery);
    case "listen":
      return [[part, list(config.listen.map(listenText))]];
    case "certificates":
      return [[part, hidden(config.certificates)]];
    case "certificateFiles":
      return []; // What is in the files decides, see `certificates`.
    case "api":
      return [[part, apiValue(config.api)]];
    case "web":
      return [[part, apiValue(config.web)]];
    case "stopGrace":
      return [[part, text(numberText(part, config.stopGrace))]];
    default: {
      const value = config[part];
      return [[part, Array.isArray(value) ? list(value) : text(value)]];
    }
  }
}

function deliveryValues(settings: DeliverySettings): [string, Value][] {
  const { port, allowPrivate, smarthost, dns, caCerts, retry, ...numbers } = settings;
  return [
    ["delivery.smarthost", smarthostValue(smarthost)],
    ["delivery.dns", text(dns && `${dns.host}:${dns.port}`)],
    ["delivery.port", text(port)],
    ["delivery.allowPrivate", text(allowPrivate)],
    ["delivery.caCerts", hidden(caCerts)],
    ...numbersIn("delivery", numbers),
    ...numbersIn("retry", retry),
  ];
}

function numbersIn(table: string, numbers: object): [string, Value][] {
  return Object.entries(numbers).map(([name, value]): [string, Value] => [
    `${table}.${name}`,
    text(numberText(name, Number(value))),
  ]);
}

function text(value: unknown): Value {
  return { kind: "text", text: value === undefined ? "none" : String(value) };
}

function list(items: readonly string[]): Value {
  return { kind: "list", items };
}

/** PEM, or a list of it. */
function hidden(value: unknown): Value {
  return { kind: "secret", shown: "…", secret: JSON.stringify(value) };
}

function smarthostValue(smarthost: Smarthost | undefined): Value {
  if (smarthost === undefined) return { kind: "secret", shown: "none", secret: "" };
  const { host, port, implicitTls, user, password = "" } = smarthost;
  const login = user === undefined ? "" : "…@";
  const shown = `${implicitTls ? "smtps" : "smtp"}://${login}${host}:${port}`;
  return { kind: "secret", shown, secret: `${user} ${password}` };
}

function apiValue(api: Config["api"] | Config["web"]): Value {
  if (api === undefined) return { kind: "secret", shown: "none", secret: "" };
  return { kind: "secret", shown: `${api.hostname}:${api.port}`, secret: JSON.stringify(api) };
}

/** How a value differs from what it was; undefined where it does not. */
function differenceText(before: Value, next: Value): string | undefined {
  if (before.kind === "list" && next.kind === "list") return listText(before.items, next.items);
  const [old, now] = [shownOf(before), shownOf(next)];
  if (old !== now) return `${old} → ${now}`;
  const isSame = before.kind !== "secret" || next.kind !== "secret" ||
    before.secret === next.secret;
  return isSame ? undefined : now === "…" ? "changed" : `${now}, with another secret`;
}

function shownOf(value: Value): string {
  switch (value.kind) {
    case "list":
      return value.items.join(", ");
    case "text":
      return value.text;
    case "secret":
      return value.shown;
    default:
      return value satisfies never;
  }
}

/** What came and what went; where only the order differs, that. */
function listText(before: readonly string[], next: readonly string[]): string | undefined {
  const came = next.filter((item) => !before.includes(item)).map((item) => `+ ${item}`);
  const went = before.filter((item) => !next.includes(item)).map((item) => `- ${item}`);
  if (came.length + went.length > 0) return [...came, ...went].join(" ");
  const isSame = before.length === next.length && before.every((item, at) => item === next[at]);
  return isSame ? undefined : next.join(", ");
}
