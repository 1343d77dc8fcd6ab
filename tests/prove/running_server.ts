/**
 * The server in a process of its own, by its ordinary command line, for proofs
 * that look at it from outside. Its log is read all the time and only its
 * complaints are kept, so that it never waits for its reader.
 *
 * @module
 */
import { linesOf } from "../helpers/program_log.ts";
import { within } from "./pause.ts";

/** The directory of this tree's program, as a URL. */
export const PROGRAM: string = new URL("../../", import.meta.url).href;

/** The longest wait for a start or a stop, ms. */
const TOO_LONG = 40_000;

/** A server that runs until it is disposed of. */
export class RunningServer implements AsyncDisposable {
  /** What its log has that is an error, and what the runtime says. */
  readonly complaints: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #listening = Promise.withResolvers<number>();
  #port = 0;
  #ended = false;

  private constructor(program: string, flags: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `${program}main.ts`, "--listen=127.0.0.1:0", ...flags],
      env: { NO_COLOR: "1", SMTP_LOG_FORMAT: "json" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read();
    void this.#process.status.then(() => this.#ended = true);
  }

  /**
   * Starts one on a free port of 127.0.0.1; resolves when it listens. `program` is
   * the URL of the directory of its `main.ts`.
   *
   * @throws {Error} with its complaints when it does not start.
   */
  static async start(program: string, flags: readonly string[]): Promise<RunningServer> {
    const server = new RunningServer(program, flags);
    const ended = server.#process.status.then(() => undefined);
    const port = await within(TOO_LONG, Promise.race([server.#listening.promise, ended]));
    if (port === undefined) {
      await server[Symbol.asyncDispose]();
      throw new Error(`the server did not start:\n${server.complaints.join("\n")}`);
    }
    server.#port = port;
    return server;
  }

  /** The port it listens on. */
  get port(): number {
    return this.#port;
  }

  /** Its process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Whether it has not ended. */
  get running(): boolean {
    return !this.#ended;
  }

  /** Asks it to stop, and waits for that. @throws {Error} when it does not end in good order. */
  async stop(): Promise<void> {
    if (this.running) this.#process.kill("SIGTERM");
    const status = await within(TOO_LONG, this.#process.status);
    if (status === undefined) this.#process.kill("SIGKILL");
    await Promise.all([this.#process.status, this.#reading]);
    if (status?.code === 0) return;
    throw new Error(`the server did not stop in good order:\n${this.complaints.join("\n")}`);
  }

  /** Ends it at once, where it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.#process.kill("SIGKILL");
    await Promise.all([this.#process.status, this.#reading]);
  }

  async #read(): Promise<void> {
    for await (const line of linesOf(this.#process.stderr)) this.#learn(line);
  }

  #learn(line: string): void {
    const port = /"message":"listening","fields":\{"address":"[^"]*:(\d+)"/.exec(line)?.[1];
    if (port !== undefined) this.#listening.resolve(Number(port));
    else if (!line.startsWith("{") || line.includes('"level":"error"')) this.complaints.push(line);
  }
}
