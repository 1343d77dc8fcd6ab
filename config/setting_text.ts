/**
 * Settings as their operator writes them: keys as in the file, times and sizes with
 * their units. For logs and for the rules that decisions name. Nothing here fails.
 *
 * @module
 */
import { DEFAULT_LIMITS, type Limits } from "./config.ts";

const MS_IN: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
];

const OCTETS_IN: readonly (readonly [string, number])[] = [
  ["GiB", 1024 ** 3],
  ["MiB", 1024 ** 2],
  ["KiB", 1024],
];

/** Settings that are times, ms; of those whose name does not say so. */
const TIMES: ReadonlySet<string> = new Set([
  "first",
  "longest",
  "longestHold",
  "lifetime",
  "delayNotice",
  "unaskedDelayNotice",
  "greetPause",
  "stopGrace",
  "keep",
]);

/** Settings that are sizes, octets. */
const SIZES: ReadonlySet<string> = new Set([
  "commandLine",
  "messageSize",
  "headerSize",
  "dataRate",
  "size",
]);

/** A time in the largest unit that it is a whole number of: `5m`, `90s`, `1500ms`. */
export function durationText(ms: number): string {
  return inUnits(ms, MS_IN) ?? `${ms}ms`;
}

/** A size, likewise: `128MiB`, `1000`. */
export function sizeText(octets: number): string {
  return inUnits(octets, OCTETS_IN) ?? String(octets);
}

function inUnits(
  amount: number,
  units: readonly (readonly [string, number])[],
): string | undefined {
  const unit = units.find(([, factor]) => amount > 0 && amount % factor === 0);
  return unit && `${amount / unit[1]}${unit[0]}`;
}

/** A key as the file has it: `messageSize` is `message_size`. */
export function settingKey(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The number that a setting of this name has, with its unit. */
export function numberText(name: string, value: number): string {
  if (TIMES.has(name) || name.endsWith("Timeout")) return durationText(value);
  return SIZES.has(name) ? sizeText(value) : String(value);
}

/** A limit as the rule of a decision: `limits.message_size 128MiB (default)`. */
export function limitRule<K extends keyof Limits>(name: K, limits: Pick<Limits, K>): string {
  const value = limits[name];
  const standsIn = value === DEFAULT_LIMITS[name] ? " (default)" : "";
  return `limits.${settingKey(name)} ${numberText(name, value)}${standsIn}`;
}
