/**
 * Prints the octets of heap that each waiting message of a spool takes, once all
 * are known and the garbage is collected.
 *
 * `deno run -A --v8-flags=--expose-gc bench/growth/heap.ts SPOOL`
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { FileQueue } from "../../queue/file_queue.ts";

/** Octets in use after a collection. */
function inUse(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return Deno.memoryUsage().heapUsed;
}

const before = inUse();
const queue = await FileQueue.open({ directory: Deno.args[0]!, clock: systemClock });
await queue.allRead;
// What the reading itself needed is given up a turn later.
await new Promise((resolve) => setTimeout(resolve, 100));
console.log(Math.round((inUse() - before) / queue.counts().messages));
await queue.close();
