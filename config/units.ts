/**
 * Times and sizes as people write them: `5m`, `500ms`, `10MiB`. What is not one
 * throws a `TypeError` that says what was expected.
 *
 * @module
 */

const MILLISECONDS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

const OCTETS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["KiB", 1024],
  ["MiB", 1024 ** 2],
  ["GiB", 1024 ** 3],
]);

/** A whole number followed by one of the units, in the least unit; undefined when it is not that. */
function scaled(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const [, digits, unit] = /^(\d+) ?([A-Za-z]*)$/.exec(text) ?? [];
  const factor = units.get(unit ?? "");
  if (digits === undefined || factor === undefined) return undefined;
  const amount = Number(digits) * factor;
  return Number.isSafeInteger(amount) ? amount : undefined;
}

/**
 * A length of time, such as `500ms`, `30s`, `5m`, `4h`, `5d`; in ms.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseDuration(text: string): number {
  const ms = scaled(text, MILLISECONDS);
  if (ms === undefined) {
    throw new TypeError(
      'expected a whole number with a unit, such as "500ms", "30s", "5m", "4h", "5d"',
    );
  }
  return ms;
}

/**
 * A size, such as `512`, `64KiB`, `10MiB`, `1GiB`; in octets.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseSize(text: string): number {
  const octets = scaled(text, OCTETS);
  if (octets === undefined) {
    throw new TypeError(
      'expected a size in octets or with a unit, such as 65536, "64KiB", "10MiB"',
    );
  }
  return octets;
}

/** A length of time as {@linkcode parseDuration} reads it, in the largest unit in which it is a whole number, such as `5m`; `ms` is rounded. */
export function durationText(ms: number): string {
  const whole = Math.round(ms);
  let text = `${whole}ms`;
  for (const [unit, factor] of MILLISECONDS) {
    if (whole % factor === 0) text = `${whole / factor}${unit}`;
  }
  return whole === 0 ? "0s" : text;
}
