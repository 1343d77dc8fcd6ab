/**
 * The name servers that the system is set up with. Does not fail; a system
 * without any gives an empty list.
 *
 * @module
 */
import { getServers } from "node:dns";
import { isIP } from "node:net";
import type { NameServer } from "../config/config.ts";

/** The port of the DNS (RFC 1035 §4.2). */
const DNS_PORT = 53;

/** The name servers, each once. `listed` is for tests: servers as the runtime lists them. */
export function systemNameServers(listed: readonly string[] = getServers()): NameServer[] {
  return [...new Set(listed)].map(parseNameServer);
}

/** Reads `address`, `address:port` or `[address]:port`. */
function parseNameServer(text: string): NameServer {
  if (isIP(text) !== 0) return { host: text, port: DNS_PORT };
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(text.slice(colon + 1)) };
}
