/** Waiting for what happens by itself, without a clock. */

/** How long a test waits for something that does not come, ms. */
const TOO_LONG = 10_000;

/** Waits until something is so. @throws {Error} with the question when it is not so in all this time. */
export async function until(isSo: () => boolean): Promise<void> {
  const end = Date.now() + TOO_LONG;
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`never so: ${isSo}`);
    await turn();
  }
}

/** A turn of the event loop: lets everything that is ready run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets turns of the event loop pass; by default enough for a connection to be made on this machine, if one is. */
export async function turns(count = 500): Promise<void> {
  while (count-- > 0) await turn();
}

/** Something that is waited for until it is opened. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();

  /** Lets all through, now and later. */
  open(): void {
    this.#opened.resolve();
  }

  /** Resolves, to nothing, when it is open. */
  async wait(): Promise<undefined> {
    await this.#opened.promise;
  }
}
