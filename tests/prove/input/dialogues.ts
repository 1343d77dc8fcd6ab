/**
 * The part of the input proof that goes to sessions without sockets: damaged
 * dialogues by the million, each held against the reference. Ends at the first
 * one that goes wrong, and tells it as small as it can be made.
 *
 * @module
 */
import { pause } from "../pause.ts";
import { type Attempt, makeAttempt } from "./make_script.ts";
import { minimised } from "./minimise.ts";
import { printed } from "./print_dialogue.ts";
import { goldenScripts } from "./script.ts";
import { runOnSession, type SessionMaker, sessionMaker } from "./session_run.ts";
import type { Progress, Task } from "./worker.ts";

/** What is tried. */
export interface DialogueOptions {
  /** The URL of the directory of the program. */
  readonly program: string;
  readonly seed: number;
  /** How many dialogues. */
  readonly count: number;
  /** Is told how far it is. */
  readonly progress?: (line: string) => void;
}

/** What came of it. */
export interface DialogueFindings {
  readonly figures: Progress;
  /** Octets in use at the first report, when everything has been used once. */
  readonly heapAtStart: number;
  /** How long it took. */
  readonly seconds: number;
  /** What is wrong, with a dialogue that shows it; undefined when nothing is. */
  readonly fault?: string;
}

/** A dialogue that takes longer never ends, ms. */
const LONGEST_DIALOGUE = 10_000;

/** By so much the heap may be larger at the end than at the start, octets; its size is no exact number. */
const MOST_GROWTH = 2 * 1024 * 1024;

/** How many reports there are. */
const REPORTS = 20;

const NOTHING_DONE: Progress = { done: 0, octets: 0, messages: 0, slowest: 0, heap: 0 };

/** Tries them. */
export async function proveDialogues(options: DialogueOptions): Promise<DialogueFindings> {
  const began = performance.now();
  const reports: Progress[] = [];
  const fault = await watch(options, (report) => {
    reports.push(report);
    options.progress?.(`${report.done} of ${options.count} dialogues`);
  });
  const figures = reports.at(-1) ?? NOTHING_DONE;
  const heapAtStart = reports[0]?.heap ?? 0;
  const seconds = (performance.now() - began) / 1000;
  return { figures, heapAtStart, seconds, fault: fault ?? growth(heapAtStart, figures.heap) };
}

function growth(start: number, end: number): string | undefined {
  if (end - start <= MOST_GROWTH) return undefined;
  return `memory grows: ${end - start} octets more in use at the end than at the start`;
}

/** Lets a worker try them, and watches it; gives what is wrong. */
async function watch(
  { program, seed, count }: DialogueOptions,
  onReport: (report: Progress) => void,
): Promise<string | undefined> {
  const current = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(import.meta.resolve("./worker.ts"), { type: "module" });
  try {
    const interval = Math.ceil(count / REPORTS);
    const ended = tryAll(worker, { program, seed, count, current, interval }, onReport);
    const outcome = await Promise.race([ended, stalled(current, ended)]);
    if (outcome.kind === "done") return undefined;
    const attempt = makeAttempt(await goldenScripts(), seed, outcome.index);
    const told = await describe(await sessionMaker(program), attempt, outcome);
    return `dialogue ${outcome.index} of seed ${seed}: ${told}`;
  } finally {
    worker.terminate();
  }
}

/** How it ended; with the number of the dialogue that was tried, where something went wrong. */
type Ended =
  | { readonly kind: "done" }
  | { readonly kind: "failed" | "stalled"; readonly index: number }
  | { readonly kind: "crashed"; readonly index: number; readonly why: string };

function tryAll(
  worker: Worker,
  task: Task,
  onReport: (report: Progress) => void,
): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  worker.onmessage = ({ data }: MessageEvent<Progress>) => {
    onReport(data);
    if (data.failed !== undefined) resolve({ kind: "failed", index: data.failed });
    else if (data.done === task.count) resolve({ kind: "done" });
  };
  worker.onerror = (event) => {
    event.preventDefault();
    resolve({ kind: "crashed", index: Atomics.load(task.current, 0), why: event.message });
  };
  worker.postMessage(task);
  return promise;
}

/** Resolves when no dialogue ends any more. */
async function stalled(
  current: Int32Array<SharedArrayBuffer>,
  ended: Promise<Ended>,
): Promise<Ended> {
  let over = false;
  void ended.then(() => over = true);
  let index = -1;
  for (let since = performance.now(); !over; await pause(50)) {
    const now = Atomics.load(current, 0);
    if (now !== index) since = performance.now();
    else if (performance.now() - since > LONGEST_DIALOGUE) break;
    index = now;
  }
  return { kind: "stalled", index };
}

/** What went wrong, and a dialogue that shows it. */
async function describe(
  make: SessionMaker,
  attempt: Attempt,
  ended: Exclude<Ended, { kind: "done" }>,
): Promise<string> {
  switch (ended.kind) {
    case "failed": {
      const { attempt: smallest, fault } = await minimised(make, attempt);
      const { script, cuts } = smallest;
      const observed = await runOnSession(make, script, cuts[0]).catch(() => undefined);
      return `${fault}\n${printed(smallest, observed)}`;
    }
    case "crashed":
      return `it ends the thread: ${ended.why}\n${printed(attempt)}`;
    case "stalled":
      return `it never ends\n${printed(attempt)}`;
    default:
      return ended satisfies never;
  }
}
