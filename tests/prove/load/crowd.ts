/**
 * The crowd of bad clients: how many of each kind there are, how the server has
 * to end them, and the thread in which they live.
 *
 * @module
 */
import type { CrowdNews, CrowdTask } from "./crowd_worker.ts";
import type { End, Kind } from "./member.ts";

/** Times by which the server ends clients, ms. */
export interface Patience {
  /** Its deadline for a command, and for more content, as configured. */
  readonly deadline: number;
  /** From one octet of a slow client to the next. */
  readonly slowness: number;
}

/** How clients of one kind have to be ended. */
export interface Expectation {
  readonly kind: Kind;
  /** How large a part of the crowd it is beside the others; nothing for the deaf, who are few. */
  readonly weight: number;
  /** What is said to them last. */
  readonly lastWord: RegExp;
  /** After what time at the least, ms. */
  readonly least: number;
  /** After what time at the most, ms. */
  readonly most: number;
}

/** A deadline is late by a second at most; the rest is for a machine that has other things to do. */
const LATE = 6000;

/** How long content may be too slow, and a reply may wait for its reader; neither is configured. */
const MINUTE = 60_000;

/** Clocks differ by as little, ms. */
const TOLERANCE = 200;

const TIMEOUT = /^421 4\.4\.2 Timeout/;

/** How the kinds have to be ended; those of which a minute is the measure are left out when `brief`. */
export function expectationsFor({ deadline, slowness }: Patience, brief: boolean): Expectation[] {
  const usual = { lastWord: TIMEOUT, least: deadline - TOLERANCE, most: deadline + LATE };
  const inTime: Expectation[] = [
    { kind: "silent", weight: 6, ...usual },
    { kind: "greeted", weight: 6, ...usual },
    { kind: "slow command", weight: 6, ...usual },
    { kind: "stalled content", weight: 4, ...usual },
  ];
  if (brief) return inTime;
  const tooSlow = /^421 4\.4\.2 Content arrives too slowly/;
  return [
    ...inTime,
    {
      kind: "slow content",
      weight: 3,
      lastWord: tooSlow,
      least: MINUTE - TOLERANCE,
      most: MINUTE + slowness + LATE,
    },
    // What the system keeps for them makes the minute a little shorter or longer, seen from here.
    { kind: "deaf", weight: 0, lastWord: /^$/, least: MINUTE - LATE, most: MINUTE + 3 * LATE },
  ];
}

/** How many are deaf, where any are: each of them has the system keep some MiB. */
const DEAF = 20;

/** How many there are of each kind in a crowd of this size, or a little over. */
export function countsFor(
  expectations: readonly Expectation[],
  size: number,
): (readonly [Kind, number])[] {
  const whole = expectations.reduce((sum, { weight }) => sum + weight, 0);
  return expectations.map(({ kind, weight }) => {
    return [kind, weight === 0 ? DEAF : Math.ceil(weight / whole * size)];
  });
}

/** A crowd, as seen from outside its thread. */
export class Crowd {
  /** How many connected; 0 until all have. */
  connected = 0;
  /** How each ended, once all have. */
  ends: readonly End[] | undefined;
  readonly #worker = new Worker(import.meta.resolve("./crowd_worker.ts"), { type: "module" });
  #failure: string | undefined;

  /** Lets one come. */
  constructor(task: CrowdTask) {
    this.#worker.onmessage = ({ data }: MessageEvent<CrowdNews>) => {
      if (data.news === "settled") this.connected = data.connected;
      else this.ends = data.ends;
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#failure = event.message;
    };
    this.#worker.postMessage(task);
  }

  /** Whether all have come. @throws {Error} when they could not. */
  get settled(): boolean {
    if (this.#failure !== undefined) throw new Error(`the crowd failed: ${this.#failure}`);
    return this.connected > 0;
  }

  /** Sends away whoever is still there. */
  end(): void {
    this.#worker.terminate();
  }
}
