/**
 * The addresses listened on, which can change while the server runs: what is new is
 * opened first, so that an address that cannot be had changes nothing. An address
 * that stays keeps its socket, and the connections that wait there.
 *
 * @module
 */
import type { ListenAddress } from "../config/config.ts";
import { BoundAddress, listen, type Listening } from "./listen.ts";
import { closeQuietly } from "./stream.ts";

/** One address that is listened on. */
export interface Listener {
  /** As it was bound; what it is for may change. */
  readonly address: BoundAddress;
  /** One, or two where IPv4 and IPv6 need one each. */
  readonly sockets: readonly Deno.TcpListener[];
  /** Whether it is listened on no more. */
  readonly isClosed: boolean;
  /** How often in a row the system could not give a connection, and when it last could not, ms since 1970. */
  failures: number;
  failedAt: number;
}

class OpenListener implements Listener {
  address: BoundAddress;
  configured: ListenAddress;
  readonly sockets: readonly Deno.TcpListener[];
  isClosed = false;
  failures = 0;
  failedAt = -Infinity;

  constructor(configured: ListenAddress, { address, sockets }: Listening) {
    this.configured = configured;
    this.address = address;
    this.sockets = sockets;
  }

  close(): void {
    this.isClosed = true;
    this.sockets.forEach(closeQuietly);
  }
}

/** What is to be listened on instead: opened where it is new, and not begun with. */
export interface PreparedListeners {
  /** Listens on these and no others; gives those that are new. */
  apply(): readonly Listener[];
}

/** The listeners of a server. */
export class Listeners {
  #open: readonly OpenListener[];

  /** Opens them. @throws {ListenError} when an address cannot be had; none is listened on then. */
  constructor(addresses: readonly ListenAddress[]) {
    this.#open = openAll(addresses);
  }

  /** Every one, in the order of the configuration. */
  get all(): readonly Listener[] {
    return this.#open;
  }

  /** Opens what is new. @throws {ListenError} when an address cannot be had; all stays as it was then. */
  prepare(addresses: readonly ListenAddress[]): PreparedListeners {
    const left = [...this.#open];
    const kept = addresses.map((address) => takeMatch(left, address));
    const fresh = openAll(addresses.filter((_, at) => kept[at] === undefined));
    return {
      apply: () => {
        const others = fresh.values();
        this.#open = addresses.map((address, at) => {
          const listener = kept[at];
          if (listener === undefined) return others.next().value!;
          const { hostname, port } = listener.address;
          listener.address = new BoundAddress(hostname, port, address);
          listener.configured = address;
          return listener;
        });
        for (const listener of left) listener.close();
        return fresh;
      },
    };
  }

  /** Listens on none of them any more. */
  close(): void {
    for (const listener of this.#open) listener.close();
  }
}

function openAll(addresses: readonly ListenAddress[]): OpenListener[] {
  const open: OpenListener[] = [];
  try {
    for (const address of addresses) open.push(new OpenListener(address, listen(address)));
    return open;
  } catch (error) {
    for (const listener of open) listener.close();
    throw error;
  }
}

/** Takes the listener out that has this address, whatever it is for; of several, as with port 0, one that is for the same. */
function takeMatch(listeners: OpenListener[], address: ListenAddress): OpenListener | undefined {
  const isThere = ({ configured, address: bound }: OpenListener) =>
    configured.hostname === address.hostname &&
    (address.port === 0 ? configured : bound).port === address.port;
  const isSame = (listener: OpenListener) =>
    isThere(listener) && isForSame(listener.configured, address);
  const same = listeners.findIndex(isSame);
  const at = same >= 0 || address.port === 0 ? same : listeners.findIndex(isThere);
  return at < 0 ? undefined : listeners.splice(at, 1)[0];
}

function isForSame(one: ListenAddress, other: ListenAddress): boolean {
  return one.tls === other.tls && (one.role ?? "mx") === (other.role ?? "mx") &&
    (one.proxied ?? false) === (other.proxied ?? false);
}
