/**
 * Watches the free space of the spool's file system, so that mail is refused at
 * MAIL rather than at the end of its data. Where the free space cannot be had,
 * there is taken to be enough, and the log says so once.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import { SharedTask } from "./concurrency.ts";
import { messageOf } from "./storage_error.ts";

/** How long a measurement is good for, ms. */
const FRESH_FOR = 5000;

/** Knows, without waiting, whether there is room. Sizes in octets. */
export class SpaceWatch {
  readonly #clock: Clock;
  readonly #lowWater: number;
  readonly #measuring: SharedTask;
  #measuredAt = -Infinity;
  /** What was free when it was last measured. */
  #free = Infinity;
  #blind = false;

  /** Makes one; there is room as long as `lowWater` stays free. */
  constructor(clock: Clock, lowWater: number, freeSpace: () => Promise<number>) {
    this.#clock = clock;
    this.#lowWater = lowWater;
    this.#measuring = new SharedTask(() => this.#measure(freeSpace));
  }

  /**
   * Whether the low-water mark would still have been free with `size` octets more
   * when last measured; measures again in the background when that is long ago.
   */
  hasRoom(size: number): boolean {
    const stale = this.#clock.now() - this.#measuredAt >= FRESH_FOR;
    if (stale && !this.#measuring.busy) void this.#measuring.run();
    return this.#free - size >= this.#lowWater;
  }

  /** What was free when it was last measured; undefined where that cannot be had. */
  get free(): number | undefined {
    return Number.isFinite(this.#free) ? this.#free : undefined;
  }

  /** Measures now; never rejects. */
  measure(): Promise<void> {
    return this.#measuring.run();
  }

  /** Resolves when nothing is being measured. */
  idle(): Promise<void> {
    return this.#measuring.idle();
  }

  async #measure(freeSpace: () => Promise<number>): Promise<void> {
    this.#measuredAt = this.#clock.now();
    try {
      this.#setFree(await freeSpace());
    } catch (error) {
      this.#setFree(Infinity);
      this.#sayBlind(error);
    }
  }

  #sayBlind(error: unknown): void {
    if (this.#blind) return;
    this.#blind = true;
    const message = "The free space cannot be had: a full disk shows only when writing fails";
    log("queue").warn(message, { error: messageOf(error) });
  }

  #setFree(free: number): void {
    const wasLow = this.#free < this.#lowWater;
    const isLow = free < this.#lowWater;
    this.#free = free;
    if (isLow === wasLow) return;
    const say = log("queue");
    if (isLow) say.warn("Space is low: no new mail is taken", { free, lowWater: this.#lowWater });
    else say.info("There is space again: new mail is taken");
  }
}
