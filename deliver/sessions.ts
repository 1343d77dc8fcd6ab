/**
 * The connections that attempts use: kept ones out of the pool, and new ones. All
 * that are in use can be broken off at once; what comes after that is closed as
 * it comes, and so of no use. Fails only as connecting does.
 *
 * @module
 */
import type { SmtpClient } from "./client.ts";
import type { Pool } from "./pool.ts";
import type { Host } from "./route.ts";

/** What sessions need. */
export interface SessionsOptions {
  /** Keeps connections between messages. */
  readonly pool: Pool;
  /** Connects to a host, in verified TLS where that is required; gives up when the signal is aborted. @throws {DeliveryFailure} */
  readonly open: (host: Host, signal: AbortSignal, requireTls: boolean) => Promise<SmtpClient>;
}

/** Connections, from when an attempt gets one until it gives it back. */
export class Sessions {
  readonly #options: SessionsOptions;
  /** With how many changes there had been when each began to be made. */
  readonly #inUse = new Map<SmtpClient, number>();
  #changes = 0;
  readonly #abort = new AbortController();

  /** None are in use yet. */
  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Whether they were broken off. */
  get areBrokenOff(): boolean {
    return this.#abort.signal.aborted;
  }

  /** A kept connection to the destination, if there is one. */
  take(destination: string, requireTls: boolean): SmtpClient | undefined {
    const client = this.#options.pool.take(keyOf(destination, requireTls));
    return client && this.#using(client, this.#changes);
  }

  /** A new connection; where TLS is required, a verified one. @throws {DeliveryFailure} */
  async open(host: Host, requireTls: boolean): Promise<SmtpClient> {
    const made = this.#changes;
    return this.#using(await this.#options.open(host, this.#abort.signal, requireTls), made);
  }

  /** Takes a connection back when its transaction is over, usable or not. */
  give(destination: string, client: SmtpClient, requireTls: boolean): void {
    const isCurrent = this.#inUse.get(client) === this.#changes;
    this.#inUse.delete(client);
    if (isCurrent) this.#options.pool.give(keyOf(destination, requireTls), client);
    else this.#options.pool.leave(client);
  }

  /** Keeps connections for another time, ms, and none that was made before: it may not be what is wanted now. */
  change(idleTimeout: number): void {
    this.#changes++;
    this.#options.pool.change(idleTimeout);
  }

  /** Closes what is in use, and gives up connecting. */
  breakOff(): void {
    this.#abort.abort();
    for (const client of this.#inUse.keys()) client.close();
  }

  /** Takes leave of those that are kept; resolves when that is done. */
  async close(): Promise<void> {
    await this.#options.pool.close();
  }

  #using(client: SmtpClient, made: number): SmtpClient {
    this.#inUse.set(client, made);
    if (this.areBrokenOff) client.close();
    return client;
  }
}

/** Connections for mail that requires TLS (RFC 8689) are kept apart from those that may be anything. */
function keyOf(destination: string, requireTls: boolean): string {
  return requireTls ? `${destination} in verified TLS` : destination;
}
