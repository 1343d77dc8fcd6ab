/**
 * The server in a process of its own, by its ordinary command line, on its own or
 * under a tracer. That it ends before it listens is told, not thrown.
 *
 * @module
 */
import { linesOf } from "../../helpers/program_log.ts";
import { within } from "../pause.ts";

/** The longest wait for a start or a stop, ms. */
const TOO_LONG = 30_000;

/** The program of this tree. */
export const MAIN: string = new URL("../../../main.ts", import.meta.url).href;

/** How a process is started. */
export interface ProcessOptions {
  /** The path or URL of the program, and its flags. */
  readonly program: readonly string[];
  /** What is run, with the program as its last arguments; the program itself where there is none. */
  readonly under?: readonly string[];
  /** Variables besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A process. */
export class ServerProcess implements AsyncDisposable {
  /** Its status, once it has ended and all that it said is read. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** What its log has that is an error, and what the runtime says. */
  readonly complaints: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #traced: boolean;
  readonly #listening = Promise.withResolvers<number>();
  #over = false;

  /** Starts it. */
  constructor({ program, under = [], env = {} }: ProcessOptions) {
    const [command, ...args] = [...under, Deno.execPath(), "run", "-A", "--no-check", ...program];
    this.#traced = under.length > 0;
    this.#child = new Deno.Command(command!, {
      args,
      env: { ...env, NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.ended = this.#end();
  }

  /** Kills it where it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.signal("SIGKILL");
    await this.ended;
  }

  /** The port it listens on; undefined when it ends before it listens. */
  async listening(): Promise<number | undefined> {
    return await this.whileUp(this.#listening.promise);
  }

  /** What comes of a promise; undefined when the process ends first, or `patience` ms are over. */
  async whileUp<T>(promise: Promise<T>, patience = TOO_LONG): Promise<T | undefined> {
    return await within(patience, Promise.race([promise, this.ended.then(() => undefined)]));
  }

  /** Asks it to stop, and waits for it. One that does not is killed. */
  async stop(): Promise<void> {
    await this.signal("SIGTERM");
    if (await within(TOO_LONG, this.ended) === undefined) await this.signal("SIGKILL");
    await this.ended;
  }

  /** Sends the server a signal; none when it has ended. */
  async signal(signal: Deno.Signal): Promise<void> {
    if (this.#over) return;
    try {
      Deno.kill(await this.#pid(), signal);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** A tracer's only child is the server. */
  async #pid(): Promise<number> {
    const { pid } = this.#child;
    if (!this.#traced) return pid;
    const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
    return Number(children.trim().split(" ")[0]) || pid;
  }

  async #end(): Promise<Deno.CommandStatus> {
    const [status] = await Promise.all([this.#child.status, this.#read()]);
    this.#over = true;
    return status;
  }

  async #read(): Promise<void> {
    for await (const line of linesOf(this.#child.stderr)) this.#learn(line);
  }

  #learn(line: string): void {
    const port = /"message":"listening","fields":\{"address":"[^"]*:(\d+)"/.exec(line)?.[1];
    if (port !== undefined) this.#listening.resolve(Number(port));
    else if (!line.startsWith("{") || line.includes('"level":"error"')) this.complaints.push(line);
  }
}
