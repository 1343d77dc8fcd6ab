/**
 * A connection, incoming or outgoing, on which every wait has a deadline. When
 * one passes the connection is closed, after a last word if one was left, and
 * the wait rejects with {@linkcode TimeoutError}.
 *
 * @module
 */
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { TlsInfo } from "../message/envelope.ts";
import type { Deadlines, Watch } from "./deadlines.ts";
import { type ByteStream, closeQuietly, writeAll } from "./stream.ts";

/** An IP address and a port. */
export interface Endpoint {
  /** IPv4-mapped IPv6 addresses are written as IPv4. */
  readonly address: string;
  readonly port: number;
}

/** A deadline passed. */
export class TimeoutError extends Error {
  /** Makes one. */
  constructor() {
    super("timed out");
    this.name = "TimeoutError";
  }
}

/**
 * Puts TLS over a stream: gives at once the stream that replaces it, so that it
 * can be closed while the handshake is still under way.
 */
export type Upgrade = (
  stream: ByteStream,
) => MaybePromise<{ stream: ByteStream; handshake: Promise<TlsInfo> }>;

/** How long a last word may take to be sent before the connection is closed all the same, ms. */
const LAST_WORD_TIMEOUT = 5000;

/** The endpoint of a socket address. */
export function endpoint(addr: Deno.Addr): Endpoint {
  if (addr.transport !== "tcp" && addr.transport !== "udp") return { address: "", port: 0 };
  return { address: plainAddress(addr.hostname), port: addr.port };
}

/** An IP address without the IPv6 form of an IPv4 address and without a zone. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  const zone = address.indexOf("%");
  return zone < 0 ? address : address.slice(0, zone);
}

/** A stream of octets with deadlines. */
export class Connection {
  /** Who is at the other end. */
  readonly remote: Endpoint;
  /** Our own end. */
  readonly local: Endpoint;
  #stream: ByteStream;
  #tls: TlsInfo | undefined;
  #watch: Watch;
  #lastWord: (() => Uint8Array) | undefined;
  #timedOut = false;
  #closed = false;

  /** Wraps a stream; `tls` when it is encrypted already. */
  constructor(
    stream: ByteStream,
    ends: { remote: Endpoint; local: Endpoint },
    deadlines: Deadlines,
    tls?: TlsInfo,
  ) {
    this.#stream = stream;
    this.remote = ends.remote;
    this.local = ends.local;
    this.#tls = tls;
    this.#watch = deadlines.watch(() => this.#expire());
  }

  /** The TLS session; undefined in plaintext. */
  get tls(): TlsInfo | undefined {
    return this.#tls;
  }

  /** What to send when a deadline passes, before hanging up. */
  onTimeout(lastWord: () => Uint8Array): void {
    this.#lastWord = lastWord;
  }

  /**
   * Fills some of the buffer within `ms` milliseconds; gives how many octets,
   * null at the end.
   *
   * @throws {TimeoutError} when the deadline passed; other errors come from the network.
   */
  async read(buffer: Uint8Array, ms: number): Promise<number | null> {
    this.#watch.set(ms);
    try {
      const n = await this.#stream.read(buffer);
      if (this.#timedOut) throw new TimeoutError();
      return n;
    } catch (error) {
      throw this.#timedOut ? new TimeoutError() : error;
    } finally {
      if (!this.#timedOut) this.#watch.clear();
    }
  }

  /** Sends all octets within `ms` milliseconds. Fails as `read` does. */
  async write(bytes: Uint8Array, ms: number): Promise<void> {
    this.#watch.set(ms);
    try {
      await writeAll(this.#stream, bytes);
    } catch (error) {
      throw this.#timedOut ? new TimeoutError() : error;
    } finally {
      if (!this.#timedOut) this.#watch.clear();
    }
  }

  /**
   * Puts TLS over the stream. When the handshake takes longer than `ms` the
   * connection is closed. No read or write may be under way.
   *
   * @throws {TimeoutError} when it took too long; else the handshake's error. The connection is closed then.
   */
  async secure(upgrade: Upgrade, ms: number): Promise<TlsInfo> {
    this.#watch.set(ms);
    try {
      const { stream, handshake } = await upgrade(this.#stream);
      this.#stream = stream;
      if (this.#closed) closeQuietly(stream);
      this.#tls = await handshake;
      return this.#tls;
    } catch (error) {
      this.close();
      throw this.#timedOut ? new TimeoutError() : error;
    } finally {
      this.#watch.clear();
    }
  }

  /** Sends a last word without waiting for anything under way, and hangs up. */
  async dismiss(lastWord: Uint8Array): Promise<void> {
    this.#watch.set(LAST_WORD_TIMEOUT);
    try {
      await writeAll(this.#stream, lastWord);
    } catch {
      // The peer is gone; nobody is left to hear it.
    } finally {
      this.close();
    }
  }

  /** Hangs up. Pending reads and writes reject. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    closeQuietly(this.#stream);
  }

  #expire(): void {
    const lastWord = this.#timedOut ? undefined : this.#lastWord;
    this.#timedOut = true;
    if (lastWord === undefined) this.close();
    else this.dismiss(lastWord());
  }
}
