/**
 * IP addresses in the one form in which this project compares, counts and shows
 * them. Nothing here throws; what is no address is undefined.
 *
 * @module
 */
import { isIPv4, isIPv6 } from "node:net";

/** An IPv4 address in the IPv6 form of RFC 4291 §2.5.5.2, as the URL standard writes it. */
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * The usual form of an address: IPv6 compressed, in lower case and without a zone,
 * IPv4-mapped IPv6 as IPv4. Forms of IPv4 other than four decimal numbers are none.
 */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const compressed = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [, high, low] = MAPPED.exec(compressed) ?? [];
  if (high === undefined || low === undefined) return compressed;
  return [high, low].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 255];
  }).join(".");
}

/** Whether an IP address is of this machine alone, so that nobody is between it and us. */
export function isLoopback(text: string): boolean {
  const address = canonicalAddress(text);
  return address === "::1" || (address?.startsWith("127.") ?? false);
}
