/**
 * `HOST:PORT` and its parts, as listeners, name servers and smarthosts are
 * written. What is not one throws a `TypeError` that says what was expected.
 *
 * @module
 */
import { isIPv4, isIPv6 } from "node:net";
import { parseHostName } from "./domain_name.ts";

/** A host and, where it was given, a port. */
export interface HostPort {
  /** A name in A-labels or an IP address without brackets; `""` when only a port was given. */
  readonly host: string;
  /** 0 only where the caller allows it. */
  readonly port?: number;
}

/**
 * A port number.
 *
 * @param least 0 where the system may choose one, else 1.
 * @throws {TypeError} when it is not one.
 */
export function parsePort(text: string, least: 0 | 1 = 1): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (port >= least && port <= 65535) return port;
  throw new TypeError(`expected a port from ${least} to 65535, not "${text}"`);
}

/** A host as written: a name, an IPv4 address, or an IPv6 address in brackets. */
function parseHost(text: string): string {
  if (text.startsWith("[")) {
    const inner = text.slice(1, -1);
    if (text.endsWith("]") && isIPv6(inner)) return inner;
    throw new TypeError(`expected an IPv6 address in the brackets, not "${inner}"`);
  }
  if (isIPv6(text)) throw new TypeError(`an IPv6 address is written in brackets: [${text}]`);
  return isIPv4(text) ? text : parseHostName(text);
}

/**
 * Takes `host`, `host:port` or `:port` apart; IPv6 addresses stand in brackets.
 *
 * @throws {TypeError} when it is not one of these.
 */
export function parseHostPort(text: string, leastPort: 0 | 1 = 1): HostPort {
  const [, host, port] = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d+))?$/.exec(text) ?? [];
  if (host === undefined) {
    if (isIPv6(text)) parseHost(text);
    throw new TypeError("expected HOST:PORT, with an IPv6 address in brackets");
  }
  return {
    host: host === "" ? "" : parseHost(host),
    port: port === undefined ? undefined : parsePort(port, leastPort),
  };
}
