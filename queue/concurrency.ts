/**
 * Two ways to keep asynchronous work in bounds: many callers sharing one run of
 * a task, and many items worked on a few at a time. Failures of the work are
 * those of the promises given out.
 *
 * @module
 */

/**
 * A task whose runs are shared: each call is answered by a run that began after
 * the call, and all calls made during a run share the next one. One fsync of a
 * directory so serves every rename before it.
 */
export class SharedTask {
  readonly #task: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** Makes one; `task` never runs twice at a time. */
  constructor(task: () => Promise<void>) {
    this.#task = task;
  }

  /** Whether a run is under way or waiting. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves or rejects as a run does that begins after this call. */
  run(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.catch(() => {}).then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  /** Resolves when no run is under way or waiting. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await (this.#next ?? this.#running).catch(() => {});
  }

  #begin(): Promise<void> {
    const run = this.#task().finally(() => {
      if (this.#next === undefined) this.#running = undefined;
    });
    this.#running = run;
    return run;
  }
}

/** Works on every item, at most `limit` at a time. Rejects with the first failure; what has begun still ends. */
export async function forEachLimited<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = rest.next(); !next.done; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
