/**
 * How often logins have failed, for each client and for each name: what they cost
 * the next time. Guessing gets slow, then ends; a name that is guessed at by many
 * stays open to the clients that its user came from before. Memory is bounded:
 * past the most keys the oldest is forgotten.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";

/** How long a failure counts after the last one, ms. */
const MEMORY = 10 * 60_000;

/** The most keys kept, of each kind. */
const MOST_KEYS = 65_536;

/** The wait after a first failure, ms; each further one doubles it. */
const FIRST_DELAY = 1000;
/** The longest wait, ms. */
const LONGEST_DELAY = 8000;

/** How many failures are put up with within ten minutes. 0: any number. */
export interface FailureBounds {
  /** From one client. */
  readonly authFailures: number;
  /** For one name. */
  readonly authFailuresPerUser: number;
}

/** Failures of each key. */
class Counts {
  readonly #counts = new Map<string, { failures: number; last: number }>();

  add(key: string, now: number): number {
    const failures = this.get(key, now) + 1;
    remember(this.#counts, key, { failures, last: now });
    return failures;
  }

  get(key: string, now: number): number {
    const count = this.#counts.get(key);
    if (count === undefined || Math.abs(now - count.last) > MEMORY) return 0;
    return count.failures;
  }
}

/** Sets a key as the newest, and drops the oldest when there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MOST_KEYS) return;
  const [oldest] = map.keys();
  map.delete(oldest!);
}

/** The failures of all clients. */
export class LoginFailures {
  #bounds: FailureBounds;
  readonly #clock: Clock;
  readonly #clients = new Counts();
  readonly #names = new Counts();
  /** Clients that have logged in as somebody: `name client`. */
  readonly #welcome = new Map<string, true>();

  /** Nobody has failed yet. */
  constructor(bounds: FailureBounds, clock: Clock) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  /** Puts up with other numbers from now on. */
  change(bounds: FailureBounds): void {
    this.#bounds = bounds;
  }

  /** Whether a client has failed too often to be heard. */
  isShutOut(client: string): boolean {
    const { authFailures } = this.#bounds;
    return authFailures > 0 && this.#clients.get(client, this.#clock.now()) >= authFailures;
  }

  /** Whether a name was guessed at too often to be let in for a client that its user never came from. */
  isGuarded(name: string, client: string): boolean {
    const { authFailuresPerUser: most } = this.#bounds;
    if (most === 0 || this.#names.get(name, this.#clock.now()) < most) return false;
    return !this.#welcome.has(`${name} ${client}`);
  }

  /** A login failed; gives how long the answer is to be kept back, ms. `name` is "" where none was read. */
  failed(name: string, client: string): number {
    const now = this.#clock.now();
    if (name !== "") this.#names.add(name, now);
    const failures = this.#clients.add(client, now);
    return Math.min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY);
  }

  /** A login succeeded. What failed before still counts: one who has an account could guess at others' between logins. */
  succeeded(name: string, client: string): void {
    remember(this.#welcome, `${name} ${client}`, true);
  }
}
