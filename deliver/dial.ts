/**
 * Connects to one address within a time limit. Fails with the error of the
 * network, or with `TimeoutError`.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { Connection, endpoint, TimeoutError } from "../transport/connection.ts";
import type { Deadlines } from "../transport/deadlines.ts";
import { closeQuietly } from "../transport/stream.ts";
import type { Host } from "./route.ts";

/** How to connect. */
export interface DialOptions {
  /** The most time it may take, ms. */
  readonly timeout: number;
  /** Ends that time. */
  readonly clock: Clock;
  /** Watch over the connection once it is there. */
  readonly deadlines: Deadlines;
  /** Gives the attempt up. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to exactly the host's address and port.
 *
 * @throws {TimeoutError} when it took too long; other errors come from the network.
 */
export async function dial(host: Host, options: DialOptions): Promise<Connection> {
  const { timeout, clock, deadlines, signal } = options;
  const attempt = new AbortController();
  const giveUp = () => attempt.abort();
  let expired = false;
  const cancel = clock.after(timeout, () => {
    expired = true;
    giveUp();
  });
  signal?.addEventListener("abort", giveUp);
  if (signal?.aborted) giveUp();
  try {
    const { address: hostname, port } = host;
    const conn = await Deno.connect({ hostname, port, signal: attempt.signal });
    return connectionOver(conn, deadlines);
  } catch (error) {
    throw expired ? new TimeoutError() : error;
  } finally {
    cancel();
    signal?.removeEventListener("abort", giveUp);
  }
}

function connectionOver(conn: Deno.TcpConn, deadlines: Deadlines): Connection {
  try {
    conn.setNoDelay(true); // commands are small, and each waits for its reply
    conn.setKeepAlive(true); // ends the connection where nobody is left to end it, see `unverifiable.ts`
    return new Connection(conn, endpoint(conn.remoteAddr), deadlines);
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}
