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
import { limitRule } from "./config/setting_text.ts";
import type { Decision, SessionFact } from "./history/story.ts";
import type { TlsChannel } from "./message/envelope.ts";
import { ServerSession } from "./protocol.ts";
import type { SessionHandler, SessionOptions } from "./protocol/handler.ts";
import { LOCAL_ERROR, reply, replyBytes, SHUTTING_DOWN, type SmtpReply } from "./protocol/reply.ts";
import { recorded } from "./protocol/transaction.ts";
import { ConnectionCount, type Room } from "./transport/connection_count.ts";
import { Connection, endpoint, type Peer, TimeoutError } from "./transport/connection.ts";
import { Deadlines } from "./transport/deadlines.ts";
import type { BoundAddress } from "./transport/listen.ts";
import { type Listener, Listeners, type PreparedListeners } from "./transport/listeners.ts";
import { introduce, ProxyError } from "./transport/proxied.ts";
import { ReadBuffers } from "./transport/read_buffers.ts";
import { isOutOfDescriptors, Reserve } from "./transport/reserve.ts";
import { ServedConnection, type Serving } from "./transport/served_connection.ts";
import type { SessionRecord, SessionStories } from "./transport/session_stories.ts";
import type { ServerTls } from "./transport/server_tls.ts";

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
  /** The network by which whoever is at the address may say who its clients are, on listeners for proxies; undefined when it may not. */
  readonly proxies: (address: string) => string | undefined;
  /** A client came to the listener of the record: gives who answers it, or the reply that turns it away, of which is told already. */
  readonly welcome: (
    peer: Peer,
    record: SessionRecord,
  ) => MaybePromise<SessionHandler | SmtpReply>;
  /** Tells of sessions. */
  readonly sessions: SessionStories;
  /**
   * A path that can be opened: a file descriptor for it is kept in reserve, over which newcomers
   * are refused when there are no others. Without it they wait.
   */
  readonly reserve?: string;
}

/** What of that can change while the transport runs. */
export type ChangingOptions = Pick<
  TransportOptions,
  "session" | "limits" | "unbounded" | "proxies"
>;

/** What a newcomer hears for whom there is no room, and by which limit. */
const NO_ROOM = {
  full: {
    answer: reply(421, "4.3.2", "Too many connections, try again later"),
    limit: "connections",
  },
  busy: {
    answer: reply(421, "4.7.0", "Too many connections from your address"),
    limit: "connectionsPerAddress",
  },
  hasty: {
    answer: reply(421, "4.7.0", "Too many connections a minute from your address"),
    limit: "connectionRate",
  },
} as const satisfies Record<Exclude<Room, "ok">, { answer: SmtpReply; limit: keyof Limits }>;
const OUT_OF_DESCRIPTORS = reply(421, "4.3.2", "Out of file descriptors, try again later");
const EARLY = reply(554, "5.5.0", "Talked before the greeting");

/** A client without a session, which has said nothing. */
const SILENT = { helo: "", protocol: "" };

/** How long accepting rests after the system could not give a connection, ms. */
const ACCEPT_REST = 100;
/** A listener that failed so many times in a row, and so long ago at most (ms), lets nobody in: once may be a client's doing. */
const ACCEPT_FAILURES = 3;
const ACCEPT_FAILING = 1000;

const logger = log("transport");

/** Listens, and serves every connection that comes. */
export class Transport {
  #options: TransportOptions;
  #listeners: Listeners;
  #deadlines: Deadlines;
  #count: ConnectionCount;
  /** What every connection is served with. */
  #serving: Serving;
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
    const welcome: Serving["welcome"] = (peer, record) => this.#welcome(peer, record);
    this.#serving = { limits, tls, clock, buffers: new ReadBuffers(), welcome };
    this.#count = new ConnectionCount(options.limits, options.clock);
    this.#listeners = new Listeners(options.listen);
    this.#reserve = new Reserve(options.reserve);
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#count.total;
  }

  /** The addresses listened on, in the order of the options. */
  get addresses(): readonly BoundAddress[] {
    return this.#listeners.all.map(({ address }) => address);
  }

  /** Those of them at which nobody is let in: their sockets are closed, or give no connections. */
  get deaf(): readonly BoundAddress[] {
    const since = this.#options.clock.now() - ACCEPT_FAILING;
    const isDeaf = ({ isClosed, failures, failedAt }: Listener) =>
      isClosed || failures >= ACCEPT_FAILURES && failedAt > since;
    return this.#listeners.all.filter(isDeaf).map(({ address }) => address);
  }

  /** Begins to accept. */
  start(): void {
    this.#acceptAll(this.#listeners.all);
  }

  #acceptAll(listeners: readonly Listener[]): void {
    for (const listener of listeners) {
      for (const socket of listener.sockets) this.#track(this.#accept(socket, listener));
    }
  }

  /** Opens what is to be listened on instead. @throws {ListenError} when an address cannot be had; nothing changes then. */
  prepare(listen: readonly ListenAddress[]): PreparedListeners {
    return this.#listeners.prepare(listen);
  }

  /** Goes by other options from now on, and listens as was prepared. Connections that are there keep what they began with. */
  change(changed: ChangingOptions, listeners: PreparedListeners): void {
    this.#options = { ...this.#options, ...changed };
    this.#serving = { ...this.#serving, limits: changed.limits };
    this.#count.change(changed.limits);
    const fresh = listeners.apply();
    if (!this.#stopping) this.#acceptAll(fresh);
  }

  /**
   * Stops accepting. Connections with an open transaction may finish it within
   * `grace` milliseconds, the others hear 421 at once. Resolves when all are
   * closed, even while a handler still waits for something of its own.
   */
  async stop(grace: number): Promise<void> {
    this.#stopping = true;
    this.#reserve.close();
    this.#listeners.close();
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

  async #accept(socket: Deno.TcpListener, open: Listener): Promise<void> {
    while (!open.isClosed) {
      try {
        const conn = await socket.accept();
        const listener = open.address;
        open.failures = 0;
        if (this.#reserve.restore()) this.#track(this.#serve(conn, listener));
        else await this.#refuse(conn, listener);
      } catch (error) {
        if (open.isClosed) return;
        if (isOutOfDescriptors(error) && this.#reserve.giveUp()) continue;
        open.failures++;
        open.failedAt = this.#options.clock.now();
        logger.error("cannot accept a connection", { error: messageOf(error) });
        await new Promise<void>((resolve) => this.#options.clock.after(ACCEPT_REST, resolve));
      }
    }
  }

  /** Tells a newcomer whose connection took the last file descriptor, which is free again after that. */
  async #refuse(conn: Deno.TcpConn, listener: BoundAddress): Promise<void> {
    const connection = this.#connectionOver(conn);
    const record = this.#options.sessions.begin(listener);
    const decision: Decision = { about: "connection", rule: "no file descriptor is left" };
    const end = await this.#turnAway(connection, record, OUT_OF_DESCRIPTORS, decision);
    connection.close();
    this.#tellEnd(connection, record, end);
    this.#reserve.restore();
  }

  #connectionOver(conn: Deno.TcpConn): Connection {
    return new Connection(conn, endpoint(conn.remoteAddr), this.#deadlines);
  }

  async #serve(conn: Deno.TcpConn, listener: BoundAddress): Promise<void> {
    const connection = this.#connectionOver(conn);
    const record = this.#options.sessions.begin(listener);
    this.#connections.set(connection, undefined);
    let end: SessionFact["end"] = "closed";
    let error: string | undefined;
    try {
      conn.setNoDelay();
      if (listener.proxied) await this.#introduce(connection, record);
      end = await this.#admit(connection, record);
    } catch (fault) {
      // After QUIT nothing can be broken off: many do not wait for the answer to it.
      const hasQuit = this.#connections.get(connection)?.hasQuit === true;
      error = hasQuit ? undefined : messageOf(fault);
      end = hasQuit ? "quit" : endBy(fault, connection);
    } finally {
      connection.close();
      this.#tellEnd(connection, record, this.#stopping && end !== "quit" ? "shutdown" : end, error);
      this.#connections.delete(connection);
    }
  }

  #tellEnd(
    connection: Connection,
    record: SessionRecord,
    end: SessionFact["end"],
    error?: string,
  ): void {
    const { remote, tls } = connection;
    const client = this.#connections.get(connection)?.client ??
      { ...remote, ...SILENT, tls: tls && recorded(tls) };
    this.#options.sessions.ended(record, { client, end, error });
  }

  /** Only who is trusted to may say for whom it connects; everybody else would choose an address. */
  async #introduce(connection: Connection, record: SessionRecord): Promise<void> {
    const { proxies, clock, sessions } = this.#options;
    const { remote } = connection;
    const network = proxies(remote.address);
    try {
      if (network === undefined) throw new ProxyError("it is none of the proxy_hosts");
      await introduce(connection, clock);
    } catch (error) {
      if (error instanceof ProxyError) {
        const decision: Decision = { about: "connection", rule: error.message };
        sessions.refused(record, { ...remote, ...SILENT }, { decision });
      }
      throw error;
    }
    record.introduced(`proxy_hosts ${network}, says ${remote.address}`);
  }

  async #admit(connection: Connection, record: SessionRecord): Promise<SessionFact["end"]> {
    const { address } = connection.remote;
    const room = this.#count.enter(address, this.#options.unbounded(address));
    if (room !== "ok") {
      const { answer, limit } = NO_ROOM[room];
      return await this.#turnAway(connection, record, answer, this.#limited(limit));
    }
    try {
      const end = await this.#talk(connection, record);
      if (connection.tls !== undefined) await connection.end();
      return end;
    } finally {
      this.#count.leave(address);
    }
  }

  /** With implicit TLS the client would not understand a reply before its handshake: it is only hung up on. */
  async #turnAway(
    connection: Connection,
    record: SessionRecord,
    answer: SmtpReply,
    decision: Decision,
  ): Promise<"turned away"> {
    const client = { ...connection.remote, ...SILENT };
    this.#options.sessions.refused(record, client, { reply: answer, decision });
    if (!record.listener.tls || connection.tls !== undefined) {
      await connection.dismiss(replyBytes(answer));
    }
    return "turned away";
  }

  /** The decision of a limit. */
  #limited(limit: keyof Limits): Decision {
    return { about: "limit", rule: limitRule(limit, this.#options.limits) };
  }

  async #talk(connection: Connection, record: SessionRecord): Promise<SessionFact["end"]> {
    const secured = record.listener.tls ? await this.#secure(connection) : undefined;
    const handler = await this.#welcome(connection.remote, record);
    if ("code" in handler) {
      await connection.dismiss(replyBytes(handler));
      return "turned away";
    }
    if (await this.#talksEarly(connection)) {
      return await this.#turnAway(connection, record, EARLY, this.#limited("greetPause"));
    }
    const session = new ServerSession(this.#options.session, handler, connection.remote, secured);
    const served = new ServedConnection(connection, session, this.#serving, record);
    this.#connections.set(connection, served);
    try {
      if (this.#stopping) served.finish();
      return await served.run();
    } finally {
      served.end();
    }
  }

  #secure(connection: Connection): Promise<TlsChannel> {
    const { limits, tls } = this.#options;
    return connection.secure(tls.accept, limits.tlsTimeout);
  }

  /** Only a program that does not care for replies speaks before the greeting (RFC 5321 §3.1). */
  async #talksEarly(connection: Connection): Promise<boolean> {
    const { limits, unbounded, clock } = this.#options;
    if (limits.greetPause === 0 || unbounded(connection.remote.address)) return false;
    return !await connection.isQuiet(limits.greetPause, clock);
  }

  async #welcome(peer: Peer, record: SessionRecord): Promise<SessionHandler | SmtpReply> {
    const { welcome, sessions } = this.#options;
    try {
      return await welcome(peer, record);
    } catch (error) {
      logger.error("the connect hook failed", { client: peer.address, error });
      const decision: Decision = { about: "hook", rule: "hook connect, which failed" };
      sessions.refused(record, { ...peer, ...SILENT }, { reply: LOCAL_ERROR, decision });
      return LOCAL_ERROR;
    }
  }
}

/** How a session has ended that an error broke off. */
function endBy(error: unknown, { handshakeFailed }: Connection): SessionFact["end"] {
  if (error instanceof ProxyError) return "turned away";
  if (handshakeFailed) return "tls failed";
  return error instanceof TimeoutError ? "timeout" : "closed";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
