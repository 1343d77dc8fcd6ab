/**
 * Where the API listens: a Unix socket for the spool's owner, and a TCP address where
 * one is configured. Connections, header sections and the time for them are bounded.
 * The application is loaded with the first request: a server that nobody asks pays
 * nothing for it. What cannot be listened on is a {@linkcode ControlListenError}.
 *
 * @module
 */
import { createServer, type RequestListener, type Server } from "node:http";
import { encode } from "../base/bytes.ts";
import { log } from "../base/log.ts";
import { Connections, type ConnectionTally } from "./connections.ts";
import { Problem, problemResponse } from "./problem.ts";

/** Gives the answer to a request. Never throws. */
export type Fetch = (request: Request) => Response | Promise<Response>;

/** Octets. */
const LARGEST_HEADER = 16 * 1024;
/** For a whole header section, ms. */
const HEADER_TIMEOUT = 10_000;
/** For a whole request, its body included, ms. */
const REQUEST_TIMEOUT = 5 * 60_000;
/** What an address of a Unix socket has room for, octets: 108 on Linux with the NUL behind it. */
const LONGEST_PATH = 107;

const logger = log("control");

/** The API cannot listen; its message says where and why, and is fit to be shown as it is. */
export class ControlListenError extends Error {
  /** Makes one; `cause` is the error of the system. */
  constructor(where: string, reason: string, cause?: unknown) {
    super(`${where}: ${reason}`, { cause });
    this.name = "ControlListenError";
  }
}

/** One place where the API listens. */
export class ControlListener {
  readonly #server: Server;
  readonly #connections: Connections;
  readonly #load: () => Promise<Fetch>;
  readonly #underWay = new Set<Promise<unknown>>();
  #listener: Promise<RequestListener> | undefined;

  private constructor(load: () => Promise<Fetch>) {
    this.#load = load;
    const options = {
      maxHeaderSize: LARGEST_HEADER,
      connectionsCheckingInterval: 1000,
      // Answered below, as all that cannot be.
      requireHostHeader: false,
    };
    this.#server = createServer(options, (request, response) => this.#answer(request, response));
    this.#connections = new Connections(this.#server);
    this.#server.headersTimeout = HEADER_TIMEOUT;
    this.#server.requestTimeout = REQUEST_TIMEOUT;
  }

  /**
   * Listens on a Unix socket, for its owner only. One that was left behind is replaced:
   * whoever listens in a spool holds its lock. The directory has to be the owner's
   * alone, because between its making and the next call the socket has the mode that
   * the umask gives it.
   *
   * @throws {ControlListenError}
   */
  static async onSocket(path: string, load: () => Promise<Fetch>): Promise<ControlListener> {
    const length = encode(path).length;
    if (length > LONGEST_PATH) {
      const reason = `a socket's path has at most ${LONGEST_PATH} octets, and this has ${length}`;
      throw new ControlListenError(path, reason);
    }
    const listener = new ControlListener(load);
    try {
      await removeSocket(path);
      await listener.#listen({ path });
      await Deno.chmod(path, 0o600);
    } catch (error) {
      await listener.close();
      throw new ControlListenError(path, reasonOf(error), error);
    }
    return listener;
  }

  /** Listens on a TCP address. @throws {ControlListenError} */
  static async onTcp(
    { hostname, port }: { readonly hostname: string; readonly port: number },
    load: () => Promise<Fetch>,
  ): Promise<ControlListener> {
    const listener = new ControlListener(load);
    try {
      await listener.#listen({ host: hostname, port });
    } catch (error) {
      await listener.close();
      const host = hostname.includes(":") ? `[${hostname}]` : hostname;
      throw new ControlListenError(`${host}:${port}`, reasonOf(error), error);
    }
    return listener;
  }

  /** The port, of a TCP address. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  /** Its connections. */
  get tally(): ConnectionTally {
    return this.#connections.tally;
  }

  /** Listens no more, breaks off what is open, and waits until nothing is being done for a request. Never throws. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.breakOff();
    await closed;
  }

  /** Breaks off what is open, and waits until nothing is being done for a request. Never throws. */
  async breakOff(): Promise<void> {
    this.#server.closeAllConnections();
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  #listen(where: { path: string } | { host: string; port: number }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(where, () => {
        this.#server.off("error", reject);
        this.#server.on("error", (error) => logger.error("the API's listener failed", { error }));
        resolve();
      });
    });
  }

  async #answer(...[request, response]: Parameters<RequestListener>): Promise<void> {
    if (!this.#connections.admit(request, response)) return;
    try {
      this.#listener ??= this.#prepare();
      (await this.#listener)(request, response);
    } catch (error) {
      this.#listener = undefined;
      logger.error("the API could not be loaded", { error });
      response.writeHead(500).end();
    }
  }

  async #prepare(): Promise<RequestListener> {
    const [{ getRequestListener }, fetch] = await Promise.all([
      import("@hono/node-server"),
      this.#load(),
    ]);
    const tracked = (request: Request) => this.#track(Promise.resolve(fetch(request)));
    return getRequestListener(tracked, { overrideGlobalObjects: false, errorHandler: misread });
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const over = () => this.#underWay.delete(work);
    work.then(over, over);
    return work;
  }
}

/** What to answer to a request that has no URL: its Host field or its target is none. */
function misread(): Response {
  const problem = new Problem("bad_request", "the Host field or the path cannot be read");
  return problemResponse(problem, { connection: "close" });
}

/** Removes a socket that its server left behind, and nothing else. */
async function removeSocket(path: string): Promise<void> {
  try {
    const { isSocket } = await Deno.lstat(path);
    if (isSocket) await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
