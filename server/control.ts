/**
 * Serves the API of a running server: on the Unix socket in its spool, and at the
 * address that is configured. Without the socket the server still does its work, so
 * one that cannot be made is logged; an address that cannot be listened on is thrown.
 *
 * @module
 */
import { log } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import type { Admission } from "../control/guard.ts";
import { ControlListener, ControlListenError, type Fetch } from "../control/listener.ts";
import type { ControlTarget } from "../control/target.ts";

/** The name of the socket in the spool. */
export const SOCKET_NAME = "control.sock";

/** Where the API of a server is. */
export interface ControlAddresses {
  /** The path of the Unix socket; absent without one. */
  readonly socket?: string;
  /** The URL, where it is served over TCP. */
  readonly api?: string;
}

const logger = log("control");

/** The API of a running server. */
export class Control {
  readonly addresses: ControlAddresses;
  readonly #listeners: readonly ControlListener[];

  private constructor(addresses: ControlAddresses, listeners: readonly ControlListener[]) {
    this.addresses = addresses;
    this.#listeners = listeners;
  }

  /** Listens where the configuration says so. @throws {ControlListenError} */
  static async open(
    { control, api, spool, hostname }: Config,
    target: ControlTarget,
  ): Promise<Control> {
    const path = `${spool}/${SOCKET_NAME}`;
    const socket = control ? await openSocket(path, target) : undefined;
    const listeners = socket === undefined ? [] : [socket];
    const addresses = { ...(socket && { socket: path }) };
    if (api === undefined) return new Control(addresses, listeners);
    try {
      const { token } = api;
      const tcp = await ControlListener.onTcp(api, loading(target, { by: "api", token, hostname }));
      const host = api.hostname.includes(":") ? `[${api.hostname}]` : api.hostname;
      const url = `http://${host}:${tcp.port}`;
      return new Control({ ...addresses, api: url }, [...listeners, tcp]);
    } catch (error) {
      await socket?.close();
      throw error;
    }
  }

  /** Answers nobody any more; what was being done for somebody is over then. Never throws. */
  async stop(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }
}

async function openSocket(
  path: string,
  target: ControlTarget,
): Promise<ControlListener | undefined> {
  // Unix sockets of a path are not to be had there.
  if (Deno.build.os === "windows") return undefined;
  try {
    return await ControlListener.onSocket(path, loading(target, { by: "socket" }));
  } catch (error) {
    if (!(error instanceof ControlListenError)) throw error;
    logger.warn("the server cannot be controlled by way of its socket", { error: error.message });
    return undefined;
  }
}

/** Loads the application when it is first asked for. */
function loading(target: ControlTarget, admission: Admission): () => Promise<Fetch> {
  return async () => {
    const { apiOf } = await import("../control/api.ts");
    const app = apiOf(target, admission);
    return (request) => app.fetch(request);
  };
}
