/**
 * Where the API is served and the token that has to be shown there, as they are
 * written. What is not one throws a `TypeError` that says what was expected, without
 * the token.
 *
 * @module
 */
import type { ApiAddress, WebAddress } from "./config.ts";
import { parseHostPort } from "./host_port.ts";

/** An address for the API: every interface has to be named. @throws {TypeError} when it is none */
export function parseApiAddress(text: string): Omit<ApiAddress, "token"> {
  const { host, port } = parseHostPort(text, 0);
  if (host === "" || port === undefined) {
    throw new TypeError("expected HOST:PORT, such as 127.0.0.1:8026");
  }
  return { hostname: host, port };
}

/** An address for the page: loopback where no host is named. @throws {TypeError} when it is none */
export function parseWebAddress(text: string): Omit<WebAddress, "token"> {
  const { host, port } = parseHostPort(text, 0);
  if (port === undefined) throw new TypeError("expected [HOST]:PORT, such as 127.0.0.1:8025");
  return { hostname: host === "" ? "127.0.0.1" : host, port };
}

/** Whether only this machine can come to an address. */
export function isLoopback({ hostname }: Pick<WebAddress, "hostname">): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}

/** A token: too long to be guessed, and fit for a header field (RFC 6750 §2.1). @throws {TypeError} when it is none */
export function parseToken(text: string): string {
  if (/^[\w\-.~+/]{16,512}=*$/.test(text)) return text;
  throw new TypeError("expected a token: 16 to 512 letters, digits and - . _ ~ + / on one line");
}
