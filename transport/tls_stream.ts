/**
 * Between Deno's connections and `node:tls`, both ways: a connection as the
 * duplex stream that `node:tls` wants under it, and the TLS socket above as a
 * {@linkcode ByteStream} again. Errors become rejections; none is left uncaught.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { TlsInfo } from "../message/envelope.ts";
import { type ByteStream, closeQuietly, writeAll } from "./stream.ts";

/** Octets asked of the connection at once: enough for commands and a usual message. */
const READ_SIZE = 8 * 1024;

/** The same once as much as that came: a little more than one TLS record. */
const LARGE_READ_SIZE = 17 * 1024;

/**
 * Decrypted octets that may wait to be read before no more are taken from the
 * connection. `node:tls` itself takes all that comes, and a peer that sends faster
 * than its mail is used would fill the memory.
 */
const MOST_WAITING = 64 * 1024;

/** The first octet of a TLS record of a handshake. */
const HANDSHAKE_RECORD = 22;

/** A fatal alert, handshake_failure (RFC 8446 §6.2), as a record of its own. */
const HANDSHAKE_FAILURE = Uint8Array.of(21, 3, 3, 0, 2, 2, 40);

/** A stream of octets as a node Duplex. Destroying it closes the stream. */
export class DuplexOver extends Duplex {
  readonly #stream: ByteStream;
  /** What was read before, until it is handed on. */
  #before: Uint8Array | undefined;
  /** Whether nothing went over it yet, or a ClientHello that nothing has answered. */
  #stage: "new" | "hello" | "under way" = "new";
  #isFull: () => boolean = () => false;
  #holdsBack = false;
  /** For one read after the other: most bring a few octets, and copying those costs less than a buffer for each. */
  #buffer = new Uint8Array(READ_SIZE);

  /** Takes over the stream. @param read what was read from it before, which comes first */
  constructor(stream: ByteStream, read?: Uint8Array) {
    super();
    this.#stream = stream;
    if (read !== undefined && read.length > 0) this.#before = read;
  }

  /** Sets what says that nothing more is to be read until {@linkcode goOn}. */
  holdBackWhile(isFull: () => boolean): void {
    this.#isFull = isFull;
  }

  /** Reads on, where it was held back. */
  goOn(): void {
    if (this.#holdsBack) this._read();
  }

  /** Called by the Duplex: reads once, or remembers that it was held back. */
  override _read(): void {
    this.#holdsBack = this.#isFull();
    if (this.#holdsBack) return;
    this.#next().then((octets) => this.push(octets), (error) => this.destroy(error));
  }

  #next(): Promise<Uint8Array | null> {
    return this.#stage === "new" ? this.#first() : this.#readSome();
  }

  /**
   * The first octets, not before the next turn of the event loop: a TLS socket that is
   * given nonsense before it has begun throws later, where nobody can catch it.
   */
  async #first(): Promise<Uint8Array | null> {
    const octets = this.#before ?? await this.#readSome();
    this.#before = undefined;
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#stage === "new") {
      this.#stage = octets?.[0] === HANDSHAKE_RECORD ? "hello" : "under way";
    }
    return octets;
  }

  async #readSome(): Promise<Uint8Array | null> {
    const buffer = this.#buffer;
    const n = await this.#stream.read(buffer);
    if (n === null) return null;
    const size = n === buffer.length ? LARGE_READ_SIZE : READ_SIZE;
    if (size !== buffer.length) this.#buffer = new Uint8Array(size);
    return Buffer.from(buffer.subarray(0, n));
  }

  /** Called by the Duplex: sends a chunk. */
  override _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): void {
    this.#stage = "under way";
    writeAll(this.#stream, chunk).then(() => done(), done);
  }

  /**
   * Called by the Duplex: closes the stream. `node:tls` gives up a ClientHello that it
   * cannot accept without a word, and its sender would take that for a broken network.
   */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#stage === "hello") this.#stream.write(HANDSHAKE_FAILURE).catch(() => {});
    closeQuietly(this.#stream);
    done(error);
  }
}

/** What is known of a TLS socket's session. */
export function tlsInfo(socket: TLSSocket, verified: boolean): TlsInfo {
  return {
    version: socket.getProtocol() ?? "TLS",
    cipher: socket.getCipher()?.standardName ?? socket.getCipher()?.name,
    verified,
  };
}

/**
 * Waits for the handshake of a TLS socket over a duplex stream: `event` is
 * `secure` for a server's socket and `secureConnect` for a client's.
 *
 * @throws the error of the handshake, or of the connection under it.
 */
export function handshake(
  socket: TLSSocket,
  under: Duplex,
  event: "secure" | "secureConnect",
): Promise<void> {
  return new Promise((resolve, reject) => {
    const lost = () => reject(new Error("connection closed during the TLS handshake"));
    socket.once(event, resolve);
    socket.once("close", lost);
    // A server's socket does not notice by itself that its client is gone.
    under.once("end", lost);
    // Stays for the socket's life: an "error" that nobody hears would end the process.
    socket.on("error", reject);
  });
}

/** A TLS socket after its handshake as a stream of octets. */
export class TlsSocketStream implements ByteStream {
  #socket: TLSSocket;
  #under: DuplexOver;
  #rest: Uint8Array | undefined;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** Takes over the socket, and the duplex under it. */
  constructor(socket: TLSSocket, under: DuplexOver) {
    this.#socket = socket;
    this.#under = under;
    under.holdBackWhile(() => socket.readableLength >= MOST_WAITING);
    const wake = () => this.#wake?.();
    socket.on("readable", wake);
    socket.on("end", () => {
      this.#ended = true;
      wake();
    });
    socket.on("error", (error: Error) => {
      this.#failure = error;
      wake();
    });
    socket.on("close", () => {
      this.#failure ??= new Error("connection closed");
      wake();
    });
  }

  /** Fills some of the buffer; null at the end. */
  async read(buffer: Uint8Array): Promise<number | null> {
    while (true) {
      const chunk: Uint8Array | null = this.#rest ?? this.#socket.read();
      this.#under.goOn();
      if (chunk !== null) return this.#hand(chunk, buffer);
      if (this.#ended) return null;
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #hand(chunk: Uint8Array, buffer: Uint8Array): number {
    const n = Math.min(chunk.length, buffer.length);
    buffer.set(n === chunk.length ? chunk : chunk.subarray(0, n));
    this.#rest = n < chunk.length ? chunk.subarray(n) : undefined;
    return n;
  }

  /** Sends all of the octets. */
  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  /** Sends TLS's own farewell (close_notify); resolves when it is sent, or cannot be any more. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.end(() => resolve());
    });
  }

  /** Hangs up. */
  close(): void {
    this.#socket.destroy();
  }
}
