/**
 * One run of the server in a process of its own, from its start to the kill that
 * ends it. Tells how far it had come by then.
 *
 * @module
 */
import { linesOf } from "../../helpers/program_log.ts";
import { within } from "../pause.ts";

/**
 * How far a run had come when it was killed.
 * - `starting`: it had not taken the lock of the spool
 * - `replaying`: it had, and was not listening yet
 * - `working`: it was listening
 * - `stopping`: it had been asked to stop
 */
export type Stage = "starting" | "replaying" | "working" | "stopping";

/** The longest wait for a start or a stop, ms. */
const TOO_LONG = 30_000;

/** What a run is started with. */
export interface RunOptions {
  /** The path or URL of the program. */
  readonly main: string;
  /** Its flags, less its name and the format of its log. */
  readonly flags: readonly string[];
  /** What it calls itself. */
  readonly name: string;
  /** Its spool, which exists. */
  readonly spool: string;
}

/** A run. */
export class ServerRun implements AsyncDisposable {
  /** What it calls itself. */
  readonly name: string;
  /** When it was started, ms since 1970. */
  readonly startedAt: number = Date.now();
  /** When it was listening, ms since 1970. */
  listeningAt: number | undefined;
  /** When it was killed, ms since 1970. */
  killedAt: number = Infinity;
  /** The records of its log that are errors, and what the runtime says of its end. */
  readonly errors: string[] = [];
  readonly #spool: string;
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #locked: Promise<void>;
  readonly #listening = Promise.withResolvers<void>();
  #watcher: Deno.FsWatcher | undefined;
  #askedToStop = false;
  #ended = false;

  /** Starts it. */
  constructor({ main, flags, name, spool }: RunOptions) {
    this.name = name;
    this.#spool = spool;
    this.#locked = this.#watchLock();
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", main, ...flags, `--hostname=${name}`, "--log-format=json"],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read();
    void this.#process.status.then(() => this.#ended = true);
  }

  /** Waits until it listens. @throws {Error} when that takes too long, or it ends before. */
  async listening(): Promise<void> {
    const ready = this.#listening.promise.then(() => true);
    const ended = this.#process.status.then(() => false);
    if (await within(TOO_LONG, Promise.race([ready, ended]))) return;
    throw new Error(`${this.name} did not start:\n${this.errors.join("\n")}`);
  }

  /** Waits until it has taken the lock of the spool, or is past that. */
  async locked(): Promise<void> {
    await within(TOO_LONG, Promise.race([this.#locked, this.#listening.promise]));
  }

  /** Asks it to stop. */
  askToStop(): void {
    this.#askedToStop = true;
    this.#signal("SIGTERM");
  }

  /**
   * Kills it; gives how far it had come.
   *
   * @throws {Error} when it had ended by itself, without having been asked to.
   */
  async kill(): Promise<Stage> {
    if (this.#ended && !this.#askedToStop) {
      throw new Error(`${this.name} ended by itself:\n${this.errors.join("\n")}`);
    }
    this.killedAt = Date.now();
    this.#signal("SIGKILL");
    await this.#end();
    return await this.#stage();
  }

  /** Stops it in good order. @throws {Error} when it does not end with status 0. */
  async stop(): Promise<void> {
    this.askToStop();
    const status = await within(TOO_LONG, this.#process.status);
    if (status === undefined) this.#signal("SIGKILL");
    await this.#end();
    if (status?.code === 0) return;
    throw new Error(`${this.name} did not stop in good order:\n${this.errors.join("\n")}`);
  }

  /** Ends it, if it has not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal("SIGKILL");
    await this.#end();
  }

  async #stage(): Promise<Stage> {
    if (this.#askedToStop) return "stopping";
    if (this.listeningAt !== undefined) return "working";
    const holder = await Deno.readTextFile(`${this.#spool}/.lock`).catch(() => "");
    return holder.trim() === String(this.#process.pid) ? "replaying" : "starting";
  }

  #signal(signal: Deno.Signal): void {
    if (!this.#ended) this.#process.kill(signal);
  }

  async #end(): Promise<void> {
    this.#stopWatching();
    await Promise.all([this.#process.status, this.#reading, this.#locked]);
  }

  /** Resolves when the lock's file is written to: with the lock begins the replay. */
  async #watchLock(): Promise<void> {
    const watcher = this.#watcher = Deno.watchFs(this.#spool, { recursive: false });
    for await (const { kind, paths } of watcher) {
      if (kind === "modify" && paths.some((path) => path.endsWith("/.lock"))) break;
    }
    this.#stopWatching();
  }

  #stopWatching(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Reads the log, of which only little is of interest here. */
  async #read(): Promise<void> {
    for await (const line of linesOf(this.#process.stderr)) this.#learn(line);
  }

  #learn(line: string): void {
    if (line.includes('"message":"listening"')) {
      this.listeningAt = Date.now();
      this.#listening.resolve();
    } else if (!line.startsWith("{") || line.includes('"level":"error"')) {
      this.errors.push(line);
    }
  }
}
