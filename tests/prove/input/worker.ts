/**
 * Tries dialogues by number, in a thread of its own, so that whoever watches it
 * can tell when one never ends. Posts {@linkcode Progress} now and then.
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { makeAttempt } from "./make_script.ts";
import { goldenScripts } from "./script.ts";
import { sessionMaker } from "./session_run.ts";
import { tryAttempt } from "./try_attempt.ts";

/** What the worker is to do. */
export interface Task {
  /** The URL of the directory of the program. */
  readonly program: string;
  readonly seed: number;
  /** How many dialogues; they are numbered from 0. */
  readonly count: number;
  /** After how many it reports. */
  readonly interval: number;
  /** One number, shared: that of the dialogue that is tried. */
  readonly current: Int32Array<SharedArrayBuffer>;
}

/** How far it is. */
export interface Progress {
  readonly done: number;
  /** Octets of the dialogues. */
  readonly octets: number;
  /** Messages that were taken. */
  readonly messages: number;
  /** The longest step, ms. */
  readonly slowest: number;
  /** Octets in use after a collection of garbage. */
  readonly heap: number;
  /** The number of a dialogue that went wrong, the last one tried. */
  readonly failed?: number;
}

/** What a worker has of its global scope, which the type checker does not know. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<Task>) => void) | null;
  postMessage(progress: Progress): void;
}

/** Of so many dialogues one is tried in two ways. */
const TWICE = 8;

const scope = globalThis as unknown as WorkerScope;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapInUse(): number {
  collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

async function work({ program, seed, count, interval, current }: Task): Promise<void> {
  const make = await sessionMaker(program);
  const golden = await goldenScripts();
  let octets = 0;
  let messages = 0;
  let slowest = 0;
  for (let index = 0; index < count; index++) {
    Atomics.store(current, 0, index);
    const attempt = makeAttempt(golden, seed, index);
    const outcome = await tryAttempt(make, attempt, index % TWICE === 0);
    for (const stretch of attempt.script.stretches) octets += stretch.length;
    messages += outcome.messages;
    slowest = Math.max(slowest, outcome.slowest);
    const failed = outcome.fault === undefined ? undefined : index;
    const done = index + 1;
    if (failed !== undefined || done % interval === 0 || done === count) {
      scope.postMessage({ done, octets, messages, slowest, heap: heapInUse(), failed });
    }
    if (failed !== undefined) return;
  }
}

scope.onmessage = ({ data }) => void work(data);
