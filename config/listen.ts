/**
 * The addresses of listeners and name servers as they are written. What is not
 * one throws a `TypeError` that says what was expected.
 *
 * @module
 */
import { isIP } from "node:net";
import type { ListenAddress, NameServer } from "./config.ts";
import { parseHostPort, parsePort } from "./host_port.ts";

/**
 * An address to listen on: `:2525` or `2525` for every interface,
 * `127.0.0.1:2525`, `[::1]:2525`, `localhost:2525`; `smtps://` before it for
 * implicit TLS, `smtp://` for none; `submission://` and `submissions://` likewise,
 * for users who log in; `+proxy` before the colon where clients come by way of a
 * proxy. Port 0 takes a free one.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseListen(text: string): ListenAddress {
  const [, scheme, proxy, rest] = /^(?:(smtps?|submissions?)(\+proxy)?:\/\/)?(.*)$/s.exec(text) ??
    [];
  const kind: Omit<ListenAddress, "hostname" | "port"> = {
    tls: scheme?.endsWith("s") ?? false,
    ...(scheme?.startsWith("submission") && { role: "submission" }),
    ...(proxy !== undefined && { proxied: true }),
  };
  if (/^\d+$/.test(rest!)) return { port: parsePort(rest!, 0), ...kind };
  const { host, port } = parseHostPort(rest!, 0);
  if (port === undefined) throw new TypeError("expected HOST:PORT or :PORT; the port is missing");
  return host === "" ? { port, ...kind } : { hostname: host, port, ...kind };
}

/**
 * A name server: an IP address, with `:PORT` where it is not 53.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseNameServer(text: string): NameServer {
  const { host, port = 53 } = parseHostPort(text);
  if (isIP(host) === 0) {
    throw new TypeError("expected the IP address of a name server, such as 192.0.2.53:53");
  }
  return { host, port };
}

/** An address as it is written: `smtps://192.0.2.1:465`, IPv6 addresses in brackets. */
export function listenText({ hostname = "", port, tls, role, proxied }: ListenAddress): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const plain = role === "submission" ? "submission" : "smtp";
  const scheme = (tls ? `${plain}s` : plain) + (proxied ? "+proxy" : "");
  return `${scheme === "smtp" ? "" : `${scheme}://`}${host}:${port}`;
}
