/**
 * The least that this project needs of a connection's octets. A `Deno.Conn` is
 * one already; the TLS sockets of `node:tls` are made into one in
 * `tls_stream.ts`.
 *
 * @module
 */

/** A stream of octets in both directions. */
export interface ByteStream {
  /** Fills some of the buffer; gives how many octets, null at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Sends some of the octets; gives how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Says farewell, where the stream has one of its own; never rejects. */
  end?(): Promise<void>;
  /** Hangs up. A pending read or write rejects. Throws when it was closed already. */
  close(): void;
}

/** A stream whose first octets were read already: they come once more. */
export class ReadAhead implements ByteStream {
  readonly #stream: ByteStream;
  #first: Promise<Uint8Array | null> | undefined;

  /** Takes over the stream. @param first what was read, or is being read; null at the end */
  constructor(stream: ByteStream, first: Promise<Uint8Array | null>) {
    this.#stream = stream;
    this.#first = first;
  }

  /** Fills some of the buffer; null at the end. */
  async read(buffer: Uint8Array): Promise<number | null> {
    if (this.#first === undefined) return await this.#stream.read(buffer);
    const octets = await this.#first;
    if (octets === null) return null;
    const n = Math.min(octets.length, buffer.length);
    buffer.set(octets.subarray(0, n));
    this.#first = n < octets.length ? Promise.resolve(octets.subarray(n)) : undefined;
    return n;
  }

  /** Sends some of the octets. */
  write(bytes: Uint8Array): Promise<number> {
    return this.#stream.write(bytes);
  }

  /** Says farewell, where the stream below has one. */
  async end(): Promise<void> {
    await this.#stream.end?.();
  }

  /** Hangs up. */
  close(): void {
    this.#stream.close();
  }
}

/** Sends all of the octets. */
export async function writeAll(stream: ByteStream, bytes: Uint8Array): Promise<void> {
  let sent = await stream.write(bytes);
  while (sent < bytes.length) sent += await stream.write(bytes.subarray(sent));
}

/** Hangs up, whether or not that was done before. */
export function closeQuietly(stream: { close(): void }): void {
  try {
    stream.close();
  } catch {
    // It was closed before: that is all that was wanted.
  }
}
