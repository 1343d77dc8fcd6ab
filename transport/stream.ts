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
