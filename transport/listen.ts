/**
 * Opening listeners. An address without a host means every interface, IPv4 and
 * IPv6, on one port, whether the system serves both with one socket or two.
 * Fails with {@linkcode ListenError}, which names the address.
 *
 * @module
 */
import type { ListenAddress, ListenRole } from "../config/config.ts";
import { listenText } from "../config/listen.ts";

/** An address that is being listened on. */
export class BoundAddress implements Deno.NetAddr {
  /** Always TCP. */
  readonly transport = "tcp";
  /** The IP address; `::` or `0.0.0.0` for every interface. */
  readonly hostname: string;
  /** The port, never 0. */
  readonly port: number;
  /** Whether TLS is spoken from the first octet. */
  readonly tls: boolean;
  /** What it is for. */
  readonly role: ListenRole;

  /** Whether clients come by way of a proxy. */
  readonly proxied: boolean;

  /** Made when a listener is opened. */
  constructor(hostname: string, port: number, kind: Omit<ListenAddress, "hostname" | "port">) {
    this.hostname = hostname;
    this.port = port;
    this.tls = kind.tls;
    this.role = kind.role ?? "mx";
    this.proxied = kind.proxied ?? false;
  }

  /** `HOST:PORT` as it is configured, e.g. `smtps://HOST:PORT` with implicit TLS; IPv6 addresses in brackets. */
  toString(): string {
    return listenText(this);
  }
}

/** An address that cannot be listened on. */
export class ListenError extends Error {
  /** `message` names the address and the reason. */
  constructor(address: ListenAddress, cause: unknown) {
    super(`cannot listen on ${nameOf(address)}: ${reasonOf(cause)}`, { cause });
    this.name = "ListenError";
  }
}

/** One address and the sockets that serve it. */
export interface Listening {
  /** As it was bound. */
  readonly address: BoundAddress;
  /** One, or two where IPv4 and IPv6 need one each. */
  readonly sockets: Deno.TcpListener[];
}

/**
 * Begins to listen.
 *
 * @throws {ListenError} e.g. when the port is in use.
 */
export function listen(address: ListenAddress): Listening {
  try {
    const sockets = address.hostname === undefined
      ? listenEverywhere(address.port)
      : [Deno.listen({ hostname: address.hostname, port: address.port })];
    const bound = sockets[0]!.addr;
    return { address: new BoundAddress(bound.hostname, bound.port, address), sockets };
  } catch (error) {
    throw new ListenError(address, error);
  }
}

/** `[::]` serves IPv4 too on most systems; where it does not, a second socket does, and where there is no IPv6, IPv4 alone. */
function listenEverywhere(port: number): Deno.TcpListener[] {
  const six = listenOnSix(port);
  if (six === undefined) return [Deno.listen({ hostname: "0.0.0.0", port })];
  try {
    return [six, Deno.listen({ hostname: "0.0.0.0", port: six.addr.port })];
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return [six];
    six.close();
    throw error;
  }
}

function listenOnSix(port: number): Deno.TcpListener | undefined {
  try {
    return Deno.listen({ hostname: "::", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    if (error instanceof Deno.errors.PermissionDenied) throw error;
    return undefined;
  }
}

function nameOf(address: ListenAddress): string {
  return listenText(address);
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "the address is in use";
  if (error instanceof Deno.errors.AddrNotAvailable) return "no interface has this address";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return error instanceof Error ? error.message : String(error);
}
