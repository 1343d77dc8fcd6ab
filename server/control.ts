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
import type { ApiEnd, EndTally } from "../control/state_gauges.ts";
import { Problem, problemResponse } from "../control/problem.ts";
import type { ControlTarget } from "../control/target.ts";
import type { Site } from "../web/site.ts";

/** The name of the socket in the spool. */
export const SOCKET_NAME = "control.sock";

/** What is answered while the server stops: those who look after it want to know how that goes. */
const ANSWERED_TO_THE_END: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

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
  readonly #listeners: ReadonlyMap<ApiEnd, ControlListener>;
  readonly #gate: Gate;

  private constructor(
    addresses: ControlAddresses,
    listeners: ReadonlyMap<ApiEnd, ControlListener>,
    gate: Gate,
  ) {
    this.addresses = addresses;
    this.#listeners = listeners;
    this.#gate = gate;
  }

  /** Listens where the configuration says so. @throws {ControlListenError} */
  static async open(config: Config, site: Site): Promise<Control> {
    const { control, api, web, spool, hostname } = config;
    const { target } = site;
    const path = `${spool}/${SOCKET_NAME}`;
    const listeners = new Map<ApiEnd, ControlListener>();
    const gate = new Gate();
    const listen = async (end: ApiEnd, address: WebAddress, load: () => Promise<Fetch>) => {
      const listener = await ControlListener.onTcp(address, gate.before(load));
      listeners.set(end, listener);
      return urlOf(address.hostname, listener.port!);
    };
    try {
      const loadForSocket = gate.before(loading(target, { by: "socket" }));
      const socket = control ? await openSocket(path, loadForSocket) : undefined;
      if (socket !== undefined) listeners.set("socket", socket);
      const apiUrl = api &&
        await listen("api", api, loading(target, { by: "api", token: api.token, hostname }));
      const webUrl = web &&
        await listen("web", web, loadingWeb(site, { token: web.token, hostname }));
      const addresses = {
        ...(socket && { socket: path }),
        ...(apiUrl && { api: apiUrl }),
        ...(webUrl && { web: webUrl }),
      };
      return new Control(addresses, listeners, gate);
    } catch (error) {
      await closeAll(listeners);
      throw error;
    }
  }

  /**
   * Answers only how the server does from now on: to connections refused nobody could
   * tell a server that stops from one that has crashed. What was being done for
   * somebody is over then. Never throws.
   */
  async retire(): Promise<void> {
    this.#gate.close();
    await Promise.all(Array.from(this.#listeners.values(), (listener) => listener.breakOff()));
  }

  /** Answers nobody any more; what was being done for somebody is over then. Never throws. */
  async stop(): Promise<void> {
    await closeAll(this.#listeners);
  }

  /** The connections to each of its ends. */
  get connections(): readonly EndTally[] {
    return Array.from(this.#listeners, ([end, { tally }]) => ({ end, ...tally }));
  }
}

async function closeAll(listeners: ReadonlyMap<ApiEnd, ControlListener>): Promise<void> {
  await Promise.all(Array.from(listeners.values(), (listener) => listener.close()));
}

/** What requests pass on their way to an application. */
class Gate {
  #isClosed = false;

  /** Lets nothing pass any more but what is answered to the end. */
  close(): void {
    this.#isClosed = true;
  }

  /** The application that is loaded, with the gate before it. */
  before(load: () => Promise<Fetch>): () => Promise<Fetch> {
    return async () => {
      const fetch = await load();
      return (request) =>
        this.#passes(request)
          ? fetch(request)
          : problemResponse(new Problem("not_available", "the server is stopping"));
    };
  }

  #passes({ url }: Request): boolean {
    return !this.#isClosed || ANSWERED_TO_THE_END.has(new URL(url).pathname);
  }
}

async function openSocket(
  path: string,
  load: () => Promise<Fetch>,
): Promise<ControlListener | undefined> {
  // Unix sockets of a path are not to be had there.
  if (Deno.build.os === "windows") return undefined;
  try {
    return await ControlListener.onSocket(path, load);
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
