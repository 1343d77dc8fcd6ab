/**
 * A connection, incoming or outgoing, on which every wait has a deadline. When
 * one passes the connection is closed, after a last word if one was left, and
 * the wait rejects with {@linkcode TimeoutError}.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { MaybePromise } from "../base/maybe_promise.ts";
import type { TlsChannel } from "../message/envelope.ts";
import type { Deadlines, Watch } from "./deadlines.ts";
import { type ByteStream, closeQuietly, ReadAhead, writeAll } from "./stream.ts";

/** An IP address and a port. */
export interface Endpoint {
  /** IPv4-mapped IPv6 addresses are written as IPv4. */
  readonly address: string;
  /** 0 where there is none. */
  readonly port: number;
}

/** Who came: an endpoint, and who has logged in there, where one who is trusted says so. */
export interface Peer extends Endpoint {
  /** The user's name. */
  readonly user?: string;
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
export type Upgrade = (stream: ByteStream) => MaybePromise<Upgraded>;

/** A stream with TLS over it, and what comes of its handshake. */
export interface Upgraded {
  /** Replaces the stream below. */
  readonly stream: ByteStream;
  /** Rejects when no TLS comes of it. */
  readonly handshake: Promise<TlsChannel>;
}

/** As much as is read of what comes before the greeting. */
const EARLY_OCTETS = 512;

/** How long a last word may take to be sent before the connection is closed all the same, ms. */
const LAST_WORD_TIMEOUT = 5000;

/** The endpoint of a socket address. */
export function endpoint(addr: Deno.Addr): Endpoint {
  if (addr.transport !== "tcp" && addr.transport !== "udp") return { address: "", port: 0 };
  return { address: plainAddress(addr.hostname), port: addr.port };
}

/** An IP address without the IPv6 form of an IPv4 address and without a zone. */
export function plainAddress(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  const zone = address.indexOf("%");
  return zone < 0 ? address : address.slice(0, zone);
}

/**
 * Where a connection stands.
 * - `open`: octets go both ways
 * - `securing`: a TLS handshake is under way
 * - `leaving`: the last word is being sent
 * - `closed`: nothing goes any more
 */
type Phase = "open" | "securing" | "leaving" | "closed";

/** A stream of octets with deadlines. One wait at a time: a read, a write or a handshake. */
export class Connection {
  #remote: Endpoint;
  #stream: ByteStream;
  #tls: TlsChannel | undefined;
  #watch: Watch;
  #phase: Phase = "open";
  #lastWord: (() => Uint8Array) | undefined;
  /** Whether a write is under way, and what resolves at its end, once somebody waits for that. */
  #sending = false;
  #sent: PromiseWithResolvers<void> | undefined;
  #timedOut = false;
  #handshakeFailed = false;
  /** Made when somebody waits for the end. */
  #closing: PromiseWithResolvers<void> | undefined;

  /** Wraps a stream; `tls` when it is encrypted already. */
  constructor(
    stream: ByteStream,
    remote: Endpoint,
    deadlines: Deadlines,
    tls?: TlsChannel,
  ) {
    this.#stream = stream;
    this.#remote = remote;
    this.#tls = tls;
    this.#watch = deadlines.watch(() => this.#expire());
  }

  /** Who is at the other end. */
  get remote(): Endpoint {
    return this.#remote;
  }

  /** A proxy has said who is at the other end; `rest` was read behind that and belongs to them. No read may be under way. */
  introduce(remote: Endpoint, rest: Uint8Array): void {
    this.#remote = remote;
    if (rest.length > 0) this.#stream = new ReadAhead(this.#stream, Promise.resolve(rest));
  }

  /** Whether the peer says nothing for `ms` milliseconds, or leaves; what it says all the same is read next. No read may be under way. */
  async isQuiet(ms: number, clock: Clock): Promise<boolean> {
    const buffer = new Uint8Array(EARLY_OCTETS);
    const read = this.#stream.read(buffer).then((n) => n === null ? null : buffer.subarray(0, n));
    // Who leaves has said nothing; that, and an error, is told to who reads next.
    const spoke = read.then((octets) => octets !== null, () => false);
    const { promise: over, resolve } = Promise.withResolvers<boolean>();
    const cancel = clock.after(ms, () => resolve(false));
    const ended = this.closed.then(() => true);
    this.#stream = new ReadAhead(this.#stream, read);
    const isQuiet = !await Promise.race([spoke, over, ended]);
    cancel();
    if (this.#phase !== "open") await this.#refuse();
    return isQuiet;
  }

  /** The TLS session; undefined in plaintext. */
  get tls(): TlsChannel | undefined {
    return this.#tls;
  }

  /** What to send when the deadline of a read passes, before hanging up. */
  onTimeout(lastWord: () => Uint8Array): void {
    this.#lastWord = lastWord;
  }

  /**
   * Fills some of the buffer within `ms` milliseconds; gives how many octets,
   * null at the end. What arrives after {@linkcode dismiss} is not given.
   *
   * @throws {TimeoutError} when the deadline passed; other errors come from the network.
   */
  async read(buffer: Uint8Array, ms: number): Promise<number | null> {
    if (this.#phase !== "open") await this.#refuse();
    this.#watch.set(ms);
    try {
      const n = await this.#stream.read(buffer);
      if (this.#phase !== "open") await this.#refuse();
      return n;
    } catch (error) {
      throw this.#timedOut ? new TimeoutError() : error;
    } finally {
      if (this.#phase === "open") this.#watch.clear();
    }
  }

  /** Sends all octets within `ms` milliseconds. Fails as `read` does. */
  async write(bytes: Uint8Array, ms: number): Promise<void> {
    if (this.#phase !== "open") await this.#refuse();
    this.#watch.set(ms);
    this.#sending = true;
    try {
      // As `writeAll` does it, without a promise of its own for each reply that is sent.
      let sent = await this.#stream.write(bytes);
      while (sent < bytes.length) sent += await this.#stream.write(bytes.subarray(sent));
    } catch (error) {
      throw this.#timedOut ? new TimeoutError() : error;
    } finally {
      this.#sending = false;
      this.#sent?.resolve();
      if (this.#phase === "open") this.#watch.clear();
    }
  }

  /**
   * Puts TLS over the stream. When the handshake takes longer than `ms` the
   * connection is closed. No read or write may be under way.
   *
   * @throws {TimeoutError} when it took too long; else the handshake's error. The connection is closed then.
   */
  async secure(upgrade: Upgrade, ms: number): Promise<TlsChannel> {
    if (this.#phase !== "open") await this.#refuse();
    this.#phase = "securing";
    this.#watch.set(ms);
    try {
      const { stream, handshake } = await upgrade(this.#stream);
      this.#stream = stream;
      if (this.#isClosed) closeQuietly(stream);
      const tls = await handshake;
      if (this.#isClosed) await this.#refuse();
      this.#phase = "open";
      this.#watch.clear();
      this.#tls = tls;
      return tls;
    } catch (error) {
      this.#handshakeFailed = true;
      this.close();
      throw this.#timedOut ? new TimeoutError() : error;
    }
  }

  /** Whether no TLS came of {@linkcode secure}. */
  get handshakeFailed(): boolean {
    return this.#handshakeFailed;
  }

  /**
   * Sends a last word, after the write that is under way and without waiting
   * for anything else, and hangs up; resolves then. A peer in its TLS handshake
   * would not understand it and is only hung up on.
   */
  async dismiss(lastWord: Uint8Array): Promise<void> {
    if (this.#phase === "securing") this.close();
    if (this.#phase !== "open") return await this.closed;
    this.#phase = "leaving";
    this.#watch.set(LAST_WORD_TIMEOUT);
    try {
      if (this.#sending) await (this.#sent = Promise.withResolvers()).promise;
      await writeAll(this.#stream, lastWord);
      await this.#stream.end?.();
    } catch {
      // The peer is gone; nobody is left to hear it.
    } finally {
      this.close();
    }
  }

  /**
   * Hangs up in good order: in TLS after its farewell, which tells the peer that
   * nothing was cut off (RFC 8446 §6.1). No read or write may be under way.
   */
  async end(): Promise<void> {
    if (this.#phase === "open" && this.#stream.end !== undefined) {
      this.#phase = "leaving";
      this.#watch.set(LAST_WORD_TIMEOUT);
      await this.#stream.end();
    }
    this.close();
  }

  /** Hangs up. Pending reads and writes reject. */
  close(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#watch.close();
    closeQuietly(this.#stream);
    this.#closing?.resolve();
  }

  /** Resolves when the connection is closed, by whichever side. */
  get closed(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>();
    if (this.#isClosed) this.#closing.resolve();
    return this.#closing.promise;
  }

  get #isClosed(): boolean {
    return this.#phase === "closed";
  }

  /** Rejects once the connection is closed: whoever is told may close it, which must not cut a last word off. */
  async #refuse(): Promise<never> {
    await this.closed;
    throw this.#timedOut ? new TimeoutError() : new Error("connection closed");
  }

  #expire(): void {
    switch (this.#phase) {
      case "open": {
        this.#timedOut = true;
        // A peer that does not read would not hear a last word either.
        const lastWord = this.#sending ? undefined : this.#lastWord;
        if (lastWord === undefined) this.close();
        else void this.dismiss(lastWord());
        break;
      }
      case "securing":
        this.#timedOut = true;
        this.close();
        break;
      case "leaving":
      case "closed":
        this.close();
        break;
      default:
        this.#phase satisfies never;
    }
  }
}
