/**
 * Serves the API of a running server: on the Unix socket in its spool, and at the
 * address that is configured. Without the socket the server still does its work, so
 * one that cannot be made is logged; an address that cannot be listened on is thrown.
 *
 * @module
 */
import { log } from "../base/log.ts";
import type { Config, WebAddress } from "../config/config.ts";
import type { Admission } from "../control/guard.ts";
import { ControlListener, ControlListenError, type Fetch } from "../control/listener.ts";
import type { ControlTarget } from "../control/target.ts";
import type { Site } from "../web/site.ts";

/** The name of the socket in the spool. */
export const SOCKET_NAME = "control.sock";

/** Where the API of a server is. */
export interface ControlAddresses {
  /** The path of the Unix socket; absent without one. */
  readonly socket?: string;
  /** The URL, where it is served over TCP. */
  readonly api?: string;
  /** The URL of the page for people, where it is served. */
  readonly web?: string;
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
  static async open(config: Config, site: Site): Promise<Control> {
    const { control, api, web, spool, hostname } = config;
    const { target } = site;
    const path = `${spool}/${SOCKET_NAME}`;
    const listeners: ControlListener[] = [];
    const listen = async (address: WebAddress, load: () => Promise<Fetch>) => {
      const listener = await ControlListener.onTcp(address, load);
      listeners.push(listener);
      return urlOf(address.hostname, listener.port!);
    };
    try {
      const socket = control ? await openSocket(path, target) : undefined;
      if (socket !== undefined) listeners.push(socket);
      const apiUrl = api &&
        await listen(api, loading(target, { by: "api", token: api.token, hostname }));
      const webUrl = web && await listen(web, loadingWeb(site, { token: web.token, hostname }));
      const addresses = {
        ...(socket && { socket: path }),
        ...(apiUrl && { api: apiUrl }),
        ...(webUrl && { web: webUrl }),
      };
      return new Control(addresses, listeners);
    } catch (error) {
      await Promise.all(listeners.map((listener) => listener.close()));
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

/** The same for the page. */
function loadingWeb(site: Site, admission: Omit<Admission, "by">): () => Promise<Fetch> {
  return async () => {
    const { webOf } = await import("../web/app.tsx");
    const app = webOf(site, admission);
    return (request) => app.fetch(request);
  };
}

function urlOf(hostname: string, port: number): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
