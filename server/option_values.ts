/**
 * Reads single options: a value that is not of its kind throws a `TypeError`
 * that names the option, the value and what was expected. An option that is not
 * given stays undefined.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import type { Certificate } from "../config/config.ts";
import { didYouMean } from "../config/nearest.ts";
import { withoutUserinfo } from "../config/smarthost.ts";
import { checkCertificate } from "../transport/server_tls.ts";

/** As long as a timer of the runtime can wait, ms. */
const LONGEST_WAIT = 2 ** 31 - 1;

/** Tables may hold any number that is not negative, but for these: the least and the most. */
const BOUNDS: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["recipients", [1, Infinity]],
  ["connections", [1, Infinity]],
  ["connectionsPerAddress", [1, Infinity]],
  ["concurrency", [1, Infinity]],
  ["concurrencyPerDestination", [1, Infinity]],
  ["messagesPerConnection", [1, Infinity]],
  ["recipientsPerConnection", [1, Infinity]],
  ["recipientsPerTransaction", [1, Infinity]],
  ["factor", [1, Infinity]],
  ["jitter", [0, 1]],
]);

/** Refuses what is no table, and keys that are not known, which would be settings that do nothing. `table` is "" for the options themselves. */
export function checkKeys(table: string, given: unknown, known: object): void {
  if (typeof given !== "object" || given === null) {
    throw wrong(table || "options", given, "expected an object");
  }
  const names = Object.keys(known);
  for (const key of Object.keys(given)) {
    if (names.includes(key)) continue;
    throw new TypeError(`${nameIn(table, key)}: unknown option${didYouMean(key, names)}`);
  }
}

function nameIn(table: string, key: string): string {
  return table === "" ? key : `${table}.${key}`;
}

/** Refuses a table of functions with an unknown name or something else in it. */
export function checkFunctions(key: string, given: object | undefined, known: object): void {
  if (given === undefined) return;
  checkKeys(key, given, known);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || typeof value === "function") continue;
    throw wrong(nameIn(key, name), value, "expected a function");
  }
}

/** A text in the form that `parse` reads. */
export function text<T>(key: string, given: unknown, parse: (text: string) => T): T | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== "string") throw wrong(key, withoutSecret(key, given), "expected text");
  try {
    return parse(given);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw wrong(key, withoutSecret(key, given), error.message, error);
  }
}

/** A value as an error may show it. */
function withoutSecret(key: string, given: unknown): unknown {
  if (key === "apiToken") return "…";
  if (key !== "smarthost") return given;
  return typeof given === "string" ? withoutUserinfo(given) : "…";
}

/** A list of texts. */
export function texts<T>(key: string, given: unknown, parse: (text: string) => T): T[] | undefined {
  if (given === undefined) return undefined;
  if (!Array.isArray(given)) throw wrong(key, given, "expected a list of texts");
  return given.map((item, at) => text(`${key}[${at}]`, item ?? null, parse)!);
}

/** True or false. */
export function toggle(key: string, given: unknown): boolean | undefined {
  if (given === undefined || typeof given === "boolean") return given;
  throw wrong(key, given, "expected true or false");
}

/** One of some words. */
export function oneOf<T extends string>(
  key: string,
  given: unknown,
  words: readonly T[],
): T | undefined {
  if (given === undefined) return undefined;
  const word = words.find((one) => one === given);
  if (word === undefined) throw wrong(key, given, `expected one of ${words.join(", ")}`);
  return word;
}

/** A number from `least` to `most`. */
export function number(
  key: string,
  given: unknown,
  least: number,
  most: number,
): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "number" && given >= least && given <= most) return given;
  const bounds = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw wrong(key, given, `expected a number ${bounds}`);
}

/** A time that is waited for once, ms. */
export function wait(key: string, given: unknown): number | undefined {
  return number(key, given, 0, LONGEST_WAIT);
}

/** The port of another host. */
export function port(key: string, given: unknown): number | undefined {
  if (given === undefined || Number.isInteger(given)) return number(key, given, 1, 65535);
  throw wrong(key, given, "expected a port from 1 to 65535");
}

/** A whole table of numbers, with the defaults of what is left out. */
export function numbers<T extends object>(key: string, given: Partial<T> = {}, defaults: T): T {
  checkKeys(key, given, defaults);
  const read = Object.entries(given).flatMap(([name, value]) => {
    const [least, most] = BOUNDS.get(name) ?? [0, Infinity];
    const found = number(nameIn(key, name), value, least, most);
    return found === undefined ? [] : [[name, found]];
  });
  return { ...defaults, ...Object.fromEntries(read) };
}

/** Certificates with their keys, one or several; none of it is shown in an error. */
export function keyPairs(
  key: string,
  given: Certificate | readonly Certificate[] = [],
): readonly Certificate[] {
  if (!Array.isArray(given)) return [keyPair(key, given as Certificate)];
  return given.map((one, at) => keyPair(`${key}[${at}]`, one));
}

function keyPair(key: string, given: Certificate): Certificate {
  try {
    checkCertificate({ ...given });
    return given;
  } catch (cause) {
    throw new TypeError(`${key}: ${(cause as Error).message}`, { cause });
  }
}

/** The path of a directory. @throws {TypeError} when it is none. */
export function parseDirectory(path: string): string {
  if (path.trim() === "" || path.includes("\0")) throw new TypeError("expected a directory");
  return path;
}

/** The path of a file. @throws {TypeError} when it is none. */
export function parsePathname(path: string): string {
  if (path.trim() === "" || path.includes("\0")) throw new TypeError("expected a file");
  return path;
}

/** A certificate in PEM. @throws {TypeError} when it is none. */
export function parseCertificate(pem: string): string {
  try {
    new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw new TypeError("expected a certificate in PEM", { cause });
  }
}

/** The longest value that is repeated in an error, in characters. */
const LONGEST_SHOWN = 200;

function wrong(key: string, given: unknown, expected: string, cause?: unknown): TypeError {
  const json = typeof given === "number" ? undefined : JSON.stringify(given);
  const shown = (json ?? String(given)).slice(0, LONGEST_SHOWN);
  return new TypeError(`${key} ${shown}: ${expected}`, { cause });
}
