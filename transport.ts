/**
 * The sockets: accepts connections, lets proxies say for whom they come, bounds how
 * many there are, and has each one served by a session. A fault of one connection
 * ends that connection and no other.
 *
 * @module
 */
import type { Clock } from "./base/clock.ts";
import { log } from "./base/log.ts";
import type { MaybePromise } from "./base/maybe_promise.ts";
import type { Limits, ListenAddress } from "./config/config.ts";
import { clientNetwork, RateLimit } from "./policy/rate_limit.ts";
import { ServerSession } from "./protocol.ts";
import type { SessionHandler, SessionOptions } from "./protocol/handler.ts";
import { reply, replyBytes, SHUTTING_DOWN, type SmtpReply } from "./protocol/reply.ts";
import { ConnectionCount, type Room } from "./transport/connection_count.ts";
import { Connection, endpoint, type Peer, TimeoutError } from "./transport/connection.ts";
import { Deadlines } from "./transport/deadlines.ts";
import { type BoundAddress, listen, type Listening } from "./transport/listen.ts";
import { introduce, ProxyError } from "./transport/proxied.ts";
import { ReadBuffers } from "./transport/read_buffers.ts";
import { isOutOfDescriptors, Reserve } from "./transport/reserve.ts";
import { ServedConnection, type Serving } from "./transport/served_connection.ts";
import type { ServerTls } from "./transport/server_tls.ts";
import { closeQuietly } from "./transport/stream.ts";

export { BoundAddress, ListenError } from "./transport/listen.ts";

/** What the transport needs. */
export interface TransportOptions {
  /** At least one. */
  readonly listen: readonly ListenAddress[];
  /** What each session is told of the server. */
  readonly session: SessionOptions;
  /** Bounds on connections and their time. */
  readonly limits: Limits;
  /** For STARTTLS and implicit TLS. */
  readonly tls: ServerTls;
  /** What every deadline goes by. */
  readonly clock: Clock;
  /** Whether the address is free of the bound on connections per address. */
  readonly unbounded: (address: string) => boolean;
  /** Whether whoever is at the address may say who its clients are, on listeners for proxies. */
  readonly proxies: (address: string) => boolean;
  /** A client came to a listener: gives who answers it, or the reply that turns it away. */
  readonly welcome: (
    peer: Peer,
    listener: BoundAddress,
  ) => MaybePromise<SessionHandler | SmtpReply>;
  /**
   * A path that can be opened: a file descriptor for it is kept in reserve, over which newcomers
   * are refused when there are no others. Without it they wait.
   */
  readonly reserve?: string;
}

/** What a newcomer hears for whom there is no room. */
const NO_ROOM: Record<Exclude<Room, "ok">, SmtpReply> = {
  full: reply(421, "4.3.2", "Too many connections, try again later"),
  busy: reply(421, "4.7.0", "Too many connections from your address"),
  hasty: reply(421, "4.7.0", "Too many connections a minute from your address"),
};
const OUT_OF_DESCRIPTORS = reply(421, "4.3.2", "Out of file descriptors, try again later");
const EARLY = reply(554, "5.5.0", "Talked before the greeting");
const WELCOME_FAILED = reply(451, "4.3.0", "Local error, try again later");

/** How long accepting rests after the system could not give a connection, ms. */
const ACCEPT_REST = 100;

const logger = log("transport");

/** Listens, and serves every connection that comes. */
export class Transport {
  /** The addresses listened on, in the order of the options. */
  readonly addresses: readonly BoundAddress[];
  #options: TransportOptions;
  #listening: Listening[];
  #deadlines: Deadlines;
  #count: ConnectionCount;
  /** What every connection is served with. */
  #serving: Omit<Serving, "welcome">;
  /** A client that is turned away is in the log once a minute, however often it comes. */
  #complaints: RateLimit;
  /** Every connection there is; with its session, once that has begun. */
  #connections = new Map<Connection, ServedConnection | undefined>();
  /** How many accept loops and connections have not come to their end. */
  #underWay = 0;
  /** Made when somebody waits for the last one's. */
  #allOver: PromiseWithResolvers<void> | undefined;
  #reserve: Reserve;
  #stopping = false;

  /** Begins to listen. @throws {ListenError} when an address cannot be had; none is listened on then. */
  constructor(options: TransportOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
    const { limits, tls, clock } = options;
    this.#serving = { limits, tls, clock, buffers: new ReadBuffers() };
    this.#count = new ConnectionCount(options.limits, options.clock);
    this.#complaints = new RateLimit(1, options.clock);
    this.#listening = listenOnAll(options.listen);
    this.addresses = this.#listening.map((one) => one.address);
    this.#reserve = new Reserve(options.reserve);
  }

  /** Begins to accept. */
  start(): void {
    for (const { address, sockets } of this.#listening) {
      for (const socket of sockets) this.#track(this.#accept(socket, address));
    }
  }

  /**
   * Stops accepting. Connections with an open transaction may finish it within
   * `grace` milliseconds, the others hear 421 at once. Resolves when all are
   * closed, even while a handler still waits for something of its own.
   */
  async stop(grace: number): Promise<void> {
    this.#stopping = true;
    this.#reserve.close();
    for (const { sockets } of this.#listening) sockets.forEach(closeQuietly);
    for (const [connection, served] of this.#connections) {
      if (served) served.finish();
      else void connection.dismiss(replyBytes(SHUTTING_DOWN));
    }
    const { promise: graceOver, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(grace, resolve);
    await Promise.race([this.#allServed(), graceOver.then(() => this.#dismissAll())]);
    cancel();
  }

  /** Resolves when everything has come to its own end. */
  #allServed(): Promise<void> {
    this.#allOver ??= Promise.withResolvers();
    if (this.#underWay === 0) this.#allOver.resolve();
    return this.#allOver.promise;
  }

  async #dismissAll(): Promise<void> {
    const farewell = replyBytes(SHUTTING_DOWN);
    await Promise.all(Array.from(this.#connections.keys(), (one) => one.dismiss(farewell)));
  }

  /** Counts work, which never rejects, while it is under way. */
  #track(work: Promise<void>): void {
    this.#underWay++;
    void work.then(this.#endOne);
  }

  readonly #endOne = (): void => {
    if (--this.#underWay === 0) this.#allOver?.resolve();
  };

  async #accept(socket: Deno.TcpListener, listener: BoundAddress): Promise<void> {
    while (!this.#stopping) {
      try {
        const conn = await socket.accept();
        if (this.#reserve.restore()) this.#track(this.#serve(conn, listener));
        else await this.#refuse(conn, listener.tls);
      } catch (error) {
        if (this.#stopping) return;
        if (isOutOfDescriptors(error) && this.#reserve.giveUp()) continue;
        logger.error("cannot accept a connection", { error: messageOf(error) });
        await new Promise<void>((resolve) => this.#options.clock.after(ACCEPT_REST, resolve));
      }
    }
  }

  /** Tells a newcomer whose connection took the last file descriptor, which is free again after that. */
  async #refuse(conn: Deno.TcpConn, implicitTls: boolean): Promise<void> {
    const connection = this.#connectionOver(conn);
    await this.#turnAway(connection, OUT_OF_DESCRIPTORS, implicitTls);
    connection.close();
    this.#reserve.restore();
  }

  #connectionOver(conn: Deno.TcpConn): Connection {
    return new Connection(conn, endpoint(conn.remoteAddr), this.#deadlines);
  }

  async #serve(conn: Deno.TcpConn, listener: BoundAddress): Promise<void> {
    const connection = this.#connectionOver(conn);
    this.#connections.set(connection, undefined);
    try {
      conn.setNoDelay();
      if (listener.proxied) await this.#introduce(connection);
      await this.#admit(connection, listener);
    } catch (error) {
      if (error instanceof ProxyError) this.#complain(connection, error.message);
      else logEnd(connection, error);
    } finally {
      connection.close();
      this.#connections.delete(connection);
    }
  }

  /** Only who is trusted to may say for whom it connects; everybody else would choose an address. */
  async #introduce(connection: Connection): Promise<void> {
    const { proxies, clock } = this.#options;
    if (!proxies(connection.remote.address)) throw new ProxyError("it is none of the proxy_hosts");
    await introduce(connection, clock);
  }

  async #admit(connection: Connection, listener: BoundAddress): Promise<void> {
    const { address } = connection.remote;
    const room = this.#count.enter(address, this.#options.unbounded(address));
    if (room !== "ok") return await this.#turnAway(connection, NO_ROOM[room], listener.tls);
    try {
      await this.#talk(connection, listener);
      if (connection.tls !== undefined) await connection.end();
    } finally {
      this.#count.leave(address);
    }
  }

  /** With implicit TLS the client would not understand a reply before its handshake: it is only hung up on. */
  async #turnAway(connection: Connection, why: SmtpReply, implicitTls: boolean): Promise<void> {
    this.#complain(connection, why.lines[0]!);
    if (!implicitTls) await connection.dismiss(replyBytes(why));
  }

  #complain({ remote: { address } }: Connection, why: string): void {
    if (!this.#complaints.take(clientNetwork(address))) return;
    logger.warn("connection turned away", { client: address, why });
  }

  async #talk(connection: Connection, listener: BoundAddress): Promise<void> {
    const { limits, tls } = this.#options;
    const secured = listener.tls
      ? await connection.secure(tls.accept, limits.tlsTimeout)
      : undefined;
    const handler = await this.#welcome(connection.remote, listener);
    if ("code" in handler) return await connection.dismiss(replyBytes(handler));
    if (await this.#talksEarly(connection)) return await this.#turnAway(connection, EARLY, false);
    const session = new ServerSession(this.#options.session, handler, connection.remote, secured);
    const served = new ServedConnection(connection, session, {
      ...this.#serving,
      welcome: (peer) => this.#welcome(peer, listener),
    });
    this.#connections.set(connection, served);
    try {
      if (this.#stopping) served.finish();
      await served.run();
    } finally {
      served.end();
    }
  }

  /** Only a program that does not care for replies speaks before the greeting (RFC 5321 §3.1). */
  async #talksEarly(connection: Connection): Promise<boolean> {
    const { limits, unbounded, clock } = this.#options;
    if (limits.greetPause === 0 || unbounded(connection.remote.address)) return false;
    return !await connection.isQuiet(limits.greetPause, clock);
  }

  async #welcome(peer: Peer, listener: BoundAddress): Promise<SessionHandler | SmtpReply> {
    try {
      return await this.#options.welcome(peer, listener);
    } catch (error) {
      logger.error("the connect hook failed", { client: peer.address, error });
      return WELCOME_FAILED;
    }
  }
}

function listenOnAll(addresses: readonly ListenAddress[]): Listening[] {
  const open: Listening[] = [];
  try {
    for (const address of addresses) open.push(listen(address));
    return open;
  } catch (error) {
    for (const { sockets } of open) sockets.forEach(closeQuietly);
    throw error;
  }
}

function logEnd(connection: Connection, error: unknown): void {
  const fields = { client: connection.remote.address, error: messageOf(error) };
  if (error instanceof TimeoutError) logger.info("connection timed out", fields);
  else logger.debug("connection lost", fields);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
