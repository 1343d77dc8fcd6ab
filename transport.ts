/**
 * The sockets: accepts connections, bounds how many there are, pumps octets
 * between each one and its SMTP session, and upgrades to TLS where the session
 * asks for it. A fault of one connection ends that connection and no other.
 *
 * @module
 */
import type { Bytes } from "./base/bytes.ts";
import type { Clock } from "./base/clock.ts";
import { log } from "./base/log.ts";
import { isPromise, type MaybePromise } from "./base/maybe_promise.ts";
import type { Limits, ListenAddress } from "./config/config.ts";
import type { TlsInfo } from "./message/envelope.ts";
import { ServerSession } from "./protocol.ts";
import type { SessionHandler, SessionOptions } from "./protocol/handler.ts";
import { reply, replyBytes, SHUTTING_DOWN, type SmtpReply, TIMED_OUT } from "./protocol/reply.ts";
import { ConnectionCount } from "./transport/connection_count.ts";
import { Connection, type Endpoint, endpoint, TimeoutError } from "./transport/connection.ts";
import { Deadlines } from "./transport/deadlines.ts";
import { type BoundAddress, listen, type Listening } from "./transport/listen.ts";
import { ReadBuffers } from "./transport/read_buffers.ts";
import type { ServerTls } from "./transport/server_tls.ts";
import { closeQuietly } from "./transport/stream.ts";

export { BoundAddress, ListenError } from "./transport/listen.ts";

/** What the transport needs. */
export interface TransportOptions {
  readonly listen: readonly ListenAddress[];
  readonly session: SessionOptions;
  readonly limits: Limits;
  readonly tls: ServerTls;
  readonly clock: Clock;
  /** Whether the address is free of the bound on connections per address. */
  readonly unbounded: (address: string) => boolean;
  /** A client came: gives who answers it, or the reply that turns it away. */
  readonly welcome: (peer: Endpoint) => MaybePromise<SessionHandler | SmtpReply>;
}

const TOO_MANY = reply(421, "4.3.2", "Too many connections, try again later");
const TOO_MANY_FROM_YOU = reply(421, "4.7.0", "Too many connections from your address");
const TOO_SLOW = reply(421, "4.4.2", "Content arrives too slowly");
const WELCOME_FAILED = reply(451, "4.3.0", "Local error, try again later");

/** How long a reply may wait for a client that does not read, ms. */
const WRITE_TIMEOUT = 60_000;
/** How long accepting rests after the system could not give a connection (out of file descriptors), ms. */
const ACCEPT_REST = 100;
/** Content may arrive slower than its least rate for this long, ms. */
const RATE_GRACE = 60_000;

const logger = log("transport");

/** Listens, and serves every connection that comes. */
export class Transport {
  /** The addresses listened on, in the order of the options. */
  readonly addresses: readonly BoundAddress[];
  #options: TransportOptions;
  #listening: Listening[];
  #deadlines: Deadlines;
  #buffers = new ReadBuffers();
  #count: ConnectionCount;
  #open = new Set<ServedConnection>();
  #serving = new Set<Promise<void>>();
  #stopping = false;

  /** Begins to listen. @throws {ListenError} when an address cannot be had; none is listened on then. */
  constructor(options: TransportOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
    this.#count = new ConnectionCount(options.limits);
    this.#listening = listenOnAll(options.listen);
    this.addresses = this.#listening.map((one) => one.address);
  }

  /** Begins to accept. */
  start(): void {
    for (const { address, sockets } of this.#listening) {
      for (const socket of sockets) this.#track(this.#accept(socket, address.tls));
    }
  }

  /**
   * Stops accepting. Connections with an open transaction may finish it within
   * `grace` milliseconds, the others hear 421 at once. Resolves when all are closed.
   */
  async stop(grace: number): Promise<void> {
    this.#stopping = true;
    for (const { sockets } of this.#listening) sockets.forEach(closeQuietly);
    for (const served of this.#open) served.finish();
    const cancel = this.#options.clock.after(grace, () => {
      for (const served of this.#open) served.dismiss();
    });
    while (this.#serving.size > 0) await Promise.all(this.#serving);
    cancel();
  }

  #track(work: Promise<void>): void {
    this.#serving.add(work);
    work.finally(() => this.#serving.delete(work));
  }

  async #accept(socket: Deno.TcpListener, implicitTls: boolean): Promise<void> {
    while (!this.#stopping) {
      try {
        const conn = await socket.accept();
        this.#track(this.#serve(conn, implicitTls));
      } catch (error) {
        if (this.#stopping) return;
        logger.error("cannot accept a connection", { error: messageOf(error) });
        await new Promise<void>((resolve) => this.#options.clock.after(ACCEPT_REST, resolve));
      }
    }
  }

  async #serve(conn: Deno.TcpConn, implicitTls: boolean): Promise<void> {
    const ends = { remote: endpoint(conn.remoteAddr), local: endpoint(conn.localAddr) };
    const connection = new Connection(conn, ends, this.#deadlines);
    const { address } = ends.remote;
    const room = this.#count.enter(address, this.#options.unbounded(address));
    try {
      conn.setNoDelay();
      const refusal = room === "ok" ? undefined : room === "full" ? TOO_MANY : TOO_MANY_FROM_YOU;
      if (refusal) return await turnAway(connection, refusal, implicitTls);
      await this.#talk(connection, implicitTls);
    } catch (error) {
      logEnd(connection, error);
    } finally {
      if (room === "ok") this.#count.leave(address);
      connection.close();
    }
  }

  async #talk(connection: Connection, implicitTls: boolean): Promise<void> {
    const { limits, tls } = this.#options;
    const secured = implicitTls
      ? await connection.secure(tls.accept, limits.tlsTimeout)
      : undefined;
    const handler = await this.#welcome(connection.remote);
    if ("code" in handler) return await connection.dismiss(replyBytes(handler));
    const session = new ServerSession(this.#options.session, handler, connection.remote, secured);
    const served = new ServedConnection(connection, session, this.#options, this.#buffers);
    this.#open.add(served);
    try {
      if (this.#stopping) served.finish();
      await served.run();
    } finally {
      this.#open.delete(served);
      served.end();
    }
  }

  async #welcome(peer: Endpoint): Promise<SessionHandler | SmtpReply> {
    try {
      return await this.#options.welcome(peer);
    } catch (error) {
      logger.error("the connect hook failed", { client: peer.address, error });
      return WELCOME_FAILED;
    }
  }
}

/** One connection and its session. */
class ServedConnection {
  #connection: Connection;
  #session: ServerSession;
  #options: TransportOptions;
  #buffers: ReadBuffers;
  #finishing = false;
  #waiting = false;
  /** Belongs to this connection until the session has used up what was read. */
  #buffer: Bytes | undefined;
  #contentSince: number | undefined;

  constructor(
    connection: Connection,
    session: ServerSession,
    options: TransportOptions,
    buffers: ReadBuffers,
  ) {
    this.#connection = connection;
    this.#session = session;
    this.#options = options;
    this.#buffers = buffers;
    connection.onTimeout(() => replyBytes(TIMED_OUT));
  }

  /** Greets, then lets the session and the client talk until one of them ends it. */
  async run(): Promise<void> {
    await this.#connection.write(this.#session.greeting(), WRITE_TIMEOUT);
    while (true) {
      const answer = this.#session.step();
      const step = isPromise(answer) ? await answer : answer;
      if (step.output.length > 0) await this.#connection.write(step.output, WRITE_TIMEOUT);
      switch (step.next) {
        case "read":
          if (this.#finishing && !this.#session.inTransaction) return await this.dismiss();
          if (!await this.#read()) return;
          break;
        case "starttls":
          this.#session.secured(await this.#startTls());
          break;
        case "close":
          return;
        default:
          step.next satisfies never;
      }
    }
  }

  /** The connection is over: gives back what it holds. */
  end(): void {
    this.#session.abort();
    if (this.#buffer) this.#buffers.give(this.#buffer);
    this.#buffer = undefined;
  }

  /** Ends the connection as soon as no transaction is open. */
  finish(): void {
    this.#finishing = true;
    if (this.#waiting && !this.#session.inTransaction) this.dismiss();
  }

  /** Ends the connection now, with 421. */
  dismiss(): Promise<void> {
    return this.#connection.dismiss(replyBytes(SHUTTING_DOWN));
  }

  #startTls(): Promise<TlsInfo> {
    const { tls, limits } = this.#options;
    return this.#connection.secure(tls.accept, limits.tlsTimeout);
  }

  /** Waits for octets and hands them to the session; false at the end. */
  async #read(): Promise<boolean> {
    const { limits } = this.#options;
    const receiving = this.#session.receiving;
    if (receiving && this.#tooSlow()) {
      await this.#connection.dismiss(replyBytes(TOO_SLOW));
      return false;
    }
    if (!receiving) this.#contentSince = undefined;
    const buffer = this.#buffer = this.#buffers.exchange(this.#buffer, receiving);
    this.#waiting = true;
    try {
      const timeout = receiving ? limits.dataTimeout : limits.commandTimeout;
      const n = await this.#connection.read(buffer, timeout);
      if (n !== null) this.#session.receive(buffer.subarray(0, n));
      return n !== null;
    } finally {
      this.#waiting = false;
    }
  }

  #tooSlow(): boolean {
    const now = this.#options.clock.now();
    this.#contentSince ??= now;
    const took = now - this.#contentSince;
    return took > RATE_GRACE &&
      this.#session.contentOctets < this.#options.limits.dataRate * took / 1000;
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

/** With implicit TLS the client would not understand a reply before its handshake: it is only hung up on. */
async function turnAway(connection: Connection, why: SmtpReply, implicitTls: boolean) {
  logger.warn("connection turned away", { client: connection.remote.address, reply: why.lines[0] });
  if (!implicitTls) await connection.dismiss(replyBytes(why));
}

function logEnd(connection: Connection, error: unknown): void {
  const fields = { client: connection.remote.address, error: messageOf(error) };
  if (error instanceof TimeoutError) logger.info("connection timed out", fields);
  else logger.debug("connection lost", fields);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
