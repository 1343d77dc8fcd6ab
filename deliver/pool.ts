/**
 * Connections that are kept for a while after a message, so that the next one to
 * the same destination need not connect again. Bounded in number and in time;
 * never fails.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { SmtpClient } from "./client.ts";

/** Connections kept at once; over that the one that was kept longest goes. */
const MOST_KEPT = 500;

/** What a pool needs to know. */
export interface PoolOptions {
  /** How long a connection is kept unused, ms. */
  readonly idleTimeout: number;
  /** Ends the idle times. */
  readonly clock: Clock;
}

/** A connection that waits for its next message. */
interface Idle {
  readonly key: string;
  readonly client: SmtpClient;
  /** When it is given up, ms since 1970. */
  readonly until: number;
}

/** Unused connections by destination. */
export class Pool {
  #options: PoolOptions;
  /** In the order in which they came, which is that of their `until`. */
  readonly #idle = new Set<Idle>();
  readonly #byKey = new Map<string, Idle[]>();
  /** Connections that are taking leave. */
  readonly #leaving = new Set<Promise<void>>();
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  /** An empty pool. */
  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** How many connections are kept. */
  get size(): number {
    return this.#idle.size;
  }

  /** A connection to the destination, no longer kept; the one used last, as the likeliest to be alive. */
  take(key: string): SmtpClient | undefined {
    const idle = this.#byKey.get(key)?.at(-1);
    if (idle === undefined) return undefined;
    this.#remove(idle);
    return idle.client;
  }

  /** Keeps a connection for the idle time while it is usable; takes leave of it where it is not. */
  give(key: string, client: SmtpClient): void {
    if (this.#closed || !client.usable) return this.leave(client);
    const idle = { key, client, until: this.#options.clock.now() + this.#options.idleTimeout };
    this.#idle.add(idle);
    const others = this.#byKey.get(key);
    if (others === undefined) this.#byKey.set(key, [idle]);
    else others.push(idle);
    if (this.#idle.size > MOST_KEPT) this.#drop(oldestOf(this.#idle)!);
    this.#watch();
  }

  /** Keeps connections for another time from now on, ms, and takes leave of those that are kept. */
  change(idleTimeout: number): void {
    this.#options = { ...this.#options, idleTimeout };
    for (const idle of this.#idle) this.#drop(idle);
  }

  /** Takes leave of all; resolves when that is done. What is given later is not kept. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    for (const idle of this.#idle) this.#drop(idle);
    while (this.#leaving.size > 0) await Promise.all(this.#leaving);
  }

  /** One timer for all: for the connection that came first. It is left running when that is taken. */
  #watch(): void {
    const oldest = oldestOf(this.#idle);
    if (oldest === undefined || this.#cancelTimer !== undefined) return;
    const { clock } = this.#options;
    this.#cancelTimer = clock.after(oldest.until - clock.now(), () => this.#expire());
  }

  #expire(): void {
    this.#cancelTimer = undefined;
    const now = this.#options.clock.now();
    for (const idle of this.#idle) {
      if (idle.until > now) break;
      this.#drop(idle);
    }
    this.#watch();
  }

  #drop(idle: Idle): void {
    this.#remove(idle);
    this.leave(idle.client);
  }

  #remove(idle: Idle): void {
    this.#idle.delete(idle);
    const others = this.#byKey.get(idle.key)!;
    others.splice(others.lastIndexOf(idle), 1);
    if (others.length === 0) this.#byKey.delete(idle.key);
  }

  /** Takes leave of a connection that is not kept; `close` waits for that. */
  leave(client: SmtpClient): void {
    const leaving = client.quit().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }
}

function oldestOf(idle: ReadonlySet<Idle>): Idle | undefined {
  return idle.values().next().value;
}
