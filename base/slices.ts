/**
 * Goes through much without holding up who else has something to do: works for a
 * few milliseconds, then lets the others run for longer than that. All who go through
 * much at the same time take turns, so that together they take no more than one does.
 *
 * @module
 */

/** How long one goes on before the others run, ms: a connection that waits as long does not notice. */
const SLICE = 4;

/** How long the others have after a slice, ms: three quarters of the time, however many look how often. */
const REST = 3 * SLICE;

/** How many steps go without a look at the time, which costs about as much as one. */
const STEPS = 64;

/**
 * Lets everything run that is ready to, sockets and files included: for them the loop
 * has to come to rest. While something is always ready at once, as what `setImmediate`
 * puts off is, the runtime looks after them at every 61st turn only; a timer waits 1 ms.
 */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** When the last of those that rest has its turn. */
let lastTurn: Promise<void> = Promise.resolve();

/** Lets the others run until it is one's turn again. */
function rest(): Promise<void> {
  return lastTurn = lastTurn.then(() => new Promise((resolve) => setTimeout(resolve, REST)));
}

/** The pace of who waits between its steps for files: now and then it lets the others run as well. */
export class Pace {
  #began = performance.now();
  readonly #signal: AbortSignal | undefined;

  /** Begins; `signal` ends it. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** To be waited for before a step. @throws {DOMException} when it was ended by its signal */
  async keep(): Promise<void> {
    if (performance.now() - this.#began < SLICE) return;
    this.#signal?.throwIfAborted();
    await rest();
    this.#began = performance.now();
  }
}

/** Does something with every item; the collection may change meanwhile as far as its iterator can bear it. */
export async function inSlices<T>(
  items: Iterable<T>,
  each: (item: T) => void,
  signal?: AbortSignal,
): Promise<void> {
  let step = 0;
  let began = performance.now();
  for (const item of items) {
    each(item);
    if (++step % STEPS > 0 || performance.now() - began < SLICE) continue;
    signal?.throwIfAborted();
    await rest();
    began = performance.now();
  }
}
