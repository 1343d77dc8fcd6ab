/**
 * Times, sizes and hosts in words, as the command line and the page show them to
 * people. Pure; nothing here fails.
 *
 * @module
 */

/** Writes a moment, ms since 1970, for whoever reads it: in their zone, in their way. */
export type TimeWriter = (ms: number) => string;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Units from the largest, each with the one below it that is named beside it. */
const SPANS = [
  { unit: DAY, name: "d", below: HOUR, belowName: "h" },
  { unit: HOUR, name: "h", below: MINUTE, belowName: "min" },
  { unit: MINUTE, name: "min", below: SECOND, belowName: "s" },
] as const;

/** From this many of a unit on, the unit below it says nothing worth reading. */
const MANY = 10;

/** A length of time, ms, about as exactly as people say it: `350 ms`, `12 s`, `4 min 30 s`, `2 h`, `3 d 4 h`. */
export function spanText(ms: number): string {
  const span = Math.max(0, ms);
  if (span < SECOND) return `${Math.round(span)} ms`;
  for (const { unit, name, below, belowName } of SPANS) {
    if (span < unit) continue;
    const parts = Math.round(span / below);
    const [whole, rest] = [Math.floor(parts * below / unit), parts % (unit / below)];
    return rest === 0 || whole >= MANY
      ? `${whole} ${name}`
      : `${whole} ${name} ${rest} ${belowName}`;
  }
  const seconds = span / SECOND;
  return seconds < MANY && span % SECOND !== 0
    ? `${seconds.toFixed(1)} s`
    : `${Math.round(seconds)} s`;
}

/** How long until a moment, or since it: `in 4 min`, `2 h ago`, `now`. */
export function untilText(at: number, now: number): string {
  if (Math.abs(at - now) < SECOND) return "now";
  return at > now ? `in ${spanText(at - now)}` : `${spanText(now - at)} ago`;
}

/** A size, octets: `512 B`, `4.2 KiB`, `12 MiB`. */
export function sizeText(octets: number): string {
  if (octets < 1024) return `${octets} B`;
  let size = octets;
  let unit = "B";
  for (const next of ["KiB", "MiB", "GiB", "TiB"]) {
    if (size < 1023.5) break;
    size /= 1024;
    unit = next;
  }
  return `${size < 9.95 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

/** A number of things: `1 message`, `2 messages`. */
export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Some of many, on one line: `a, b and 3 more`. */
export function listText(items: readonly string[], most = 3): string {
  if (items.length <= most) return items.join(", ");
  return `${items.slice(0, most).join(", ")} and ${items.length - most} more`;
}

/** A mailbox as an envelope writes it. */
export function pathText(mailbox: string): string {
  return mailbox === "" ? "<>" : mailbox;
}

/** A host and where it was reached, as replies name it: `mx.example.org[192.0.2.1]:25`. */
export function hopText(host: string | undefined, address: string | undefined): string | undefined {
  if (host === undefined || address === undefined) return host ?? address;
  const colon = address.lastIndexOf(":");
  const plain = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return plain === host ? address : `${host}[${plain}]${address.slice(colon)}`;
}

/** Times in a text that this program wrote (ISO 8601, UTC), written anew. */
export function withTimes(text: string, time: TimeWriter): string {
  return text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z/g, (found) => {
    const ms = Date.parse(found);
    return Number.isNaN(ms) ? found : time(ms);
  });
}
