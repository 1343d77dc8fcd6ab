/**
 * One trial: a course on a new spool, the server killed before one of its steps,
 * started again, and left to empty its queue. Whatever the server does wrong is
 * in the result; only what stands in the way of the trial itself is thrown.
 *
 * @module
 */
import { isEnd, NextHop } from "../rig/next_hop.ts";
import { ServerProcess } from "../rig/server_process.ts";
import type { Setting } from "../rig/setting.ts";
import { Books, type Judgement } from "./books.ts";
import type { Course, EarlierRun } from "./courses.ts";
import { type Interposer, type Kill, readSteps, type Step } from "./interpose.ts";
import { Play } from "../rig/play.ts";
import { leftovers, openAddresses } from "./spool_state.ts";

/** What trials are made with. */
export interface Bench {
  /** The path or URL of the program. */
  readonly main: string;
  /** Counts steps and kills. */
  readonly interposer: Interposer;
  /** The server's flags. */
  readonly setting: Setting;
  /** Where each trial makes a directory of its own. */
  readonly directory: string;
  /** What the run with the steps runs under; nothing usually. */
  readonly under?: readonly string[];
}

/** What came of a trial. */
export interface Trial extends Judgement {
  /** The steps that were counted, with the one that the server did not come to make. */
  readonly steps: readonly Step[];
  /** Whether the server was killed; otherwise the course had fewer steps. */
  readonly killed: boolean;
  /** What else was wrong, in words. */
  readonly faults: readonly string[];
}

/** How long a restarted server may take to deliver what is open, ms. */
const PATIENCE = 15_000;
/** How many stops in good order may leave mail that nobody waited for. */
const MOST_ROUNDS = 4;

/** Makes a trial; without `kill` the course runs to its end. What was wrong stays in the directory. */
export async function makeTrial(bench: Bench, course: Course, kill?: Kill): Promise<Trial> {
  const directory = await Deno.makeTempDir({ dir: bench.directory, prefix: "trial-" });
  await using hop = new NextHop();
  const trial = await new Trialist(bench, course, hop, directory).run(kill);
  if (wrongs(trial).length === 0) await Deno.remove(directory, { recursive: true });
  return trial;
}

/** Everything that was wrong in a trial, in words. */
export function wrongs({ lost, corrupt, unexplained, faults }: Trial): string[] {
  return [...lost, ...corrupt, ...unexplained, ...faults];
}

/** How a run of the server is started and ended. */
interface RunOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly under?: readonly string[];
  readonly end?: "kill" | "stop";
}

class Trialist {
  readonly #bench: Bench;
  readonly #course: Course;
  readonly #hop: NextHop;
  readonly #books: Books;
  readonly #spool: string;
  readonly #log: string;
  readonly #faults: string[] = [];
  #runs = 0;

  constructor(bench: Bench, course: Course, hop: NextHop, directory: string) {
    this.#bench = bench;
    this.#course = course;
    this.#hop = hop;
    this.#books = new Books(hop);
    this.#spool = `${directory}/spool`;
    this.#log = `${directory}/steps`;
  }

  async run(kill?: Kill): Promise<Trial> {
    const { before = [], litter, from = "", flags, run } = this.#course;
    for (const earlier of before) await this.#runEarlier(earlier);
    await litter?.(this.#spool);
    const env = this.#bench.interposer.env(this.#spool, this.#log, from, kill);
    await this.#oneRun(run, { flags, env, under: this.#bench.under });
    const steps = await readSteps(this.#log);
    const killed = kill !== undefined && steps.length >= kill.at;
    await this.#drain();
    return { ...this.#books.judge(), steps, killed, faults: this.#faults };
  }

  async #runEarlier({ flags, killedAt, run }: EarlierRun): Promise<void> {
    const { interposer } = this.#bench;
    const log = `${this.#log}.${this.#runs}`;
    const kill = { at: 1, torn: false };
    const env = killedAt === undefined ? {} : interposer.env(this.#spool, log, killedAt, kill);
    await this.#oneRun(run, { flags, env, end: "kill" });
  }

  /** Starts the server and uses it; the run ends by a kill, or by a stop in good order. */
  async #oneRun(work: (play: Play) => Promise<void>, options: RunOptions = {}): Promise<void> {
    const { flags = [], env, under, end } = options;
    const run = `run${++this.#runs}.test`;
    const program = [this.#bench.main, ...this.#flags(), `--hostname=${run}`, ...flags];
    await using server = new ServerProcess({ program, env, under });
    const port = await server.listening();
    if (port !== undefined) {
      const stage = { hop: this.#hop, books: this.#books };
      await work(new Play(server, run, port, stage)).catch((error) => {
        if (!isEnd(error)) throw error;
      });
    }
    if (end === "kill") await server.signal("SIGKILL");
    else await server.stop();
    await this.#account(run, server, await server.ended);
  }

  #flags(): string[] {
    const { flags, certificate } = this.#bench.setting;
    return [
      ...flags,
      ...(this.#course.ownCertificate ? [] : certificate),
      `--spool=${this.#spool}`,
      `--smarthost=smtp://127.0.0.1:${this.#hop.port}`,
    ];
  }

  async #account(run: string, server: ServerProcess, status: Deno.CommandStatus): Promise<void> {
    if (status.code !== 0 && status.signal !== "SIGKILL") {
      this.#faults.push(`${run} ended with status ${status.code}`);
    }
    for (const complaint of server.complaints) this.#faults.push(`${run} says: ${complaint}`);
    this.#books.runEnded(run, await openAddresses(this.#spool));
  }

  /** Starts the server again, and lets it be until nothing is left in the spool. */
  async #drain(): Promise<void> {
    this.#hop.open();
    for (let round = 1; round <= MOST_ROUNDS; round++) {
      const goals = Array.from(await openAddresses(this.#spool), this.#books.goalOf);
      await this.#oneRun(async (play) => {
        if (!await play.untilTaken(goals, PATIENCE)) this.#faults.push("mail is not delivered");
      });
      if ((await openAddresses(this.#spool)).size === 0) break;
    }
    for (const name of await leftovers(this.#spool)) this.#faults.push(`${name} is left over`);
  }
}
