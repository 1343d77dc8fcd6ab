/**
 * Programs that run beside a bench. A program that ends with a failure, or that
 * goes on for too long, rejects `ended`; none outlives its `await using`.
 *
 * @module
 */

/** After this a program is ended, ms: a bench that hangs must not go on for ever. */
const TOO_LONG = 170_000;
/** How long a program that shall end may take before it is killed, ms. */
const GRACE = 15_000;
/** How long to wait before looking again whether a server greets, ms. */
const PAUSE = 20;

/** A program and its arguments. */
export interface CommandLine {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  /** Where the process writes its id that is to be told to end, if that is not the one started. */
  readonly pidFile?: string;
}

/** A program that runs. */
export class Process implements AsyncDisposable {
  /** Resolves when it has ended well. */
  readonly ended: Promise<void>;
  readonly #child: Deno.ChildProcess;
  readonly #pidFile: string | undefined;
  #over = false;

  /** Starts it; what it says on standard output goes to `stdout`, its log nowhere. */
  constructor({ program, args, env, pidFile }: CommandLine, stdout: "null" | "piped" = "null") {
    this.#pidFile = pidFile;
    const streams = { stdin: "null", stdout, stderr: "null" } as const;
    this.#child = new Deno.Command(program, { args: [...args], env, ...streams }).spawn();
    const tooLong = setTimeout(() => void this[Symbol.asyncDispose](), TOO_LONG);
    this.ended = this.#child.status.then(({ code }) => {
      this.#over = true;
      clearTimeout(tooLong);
      if (code !== 0) throw new Error(`${program} ended with status ${code}`);
    });
    this.ended.catch(() => {}); // who does not wait for it need not know
  }

  /** What it says on standard output, if that is piped. */
  get output(): ReadableStream<Uint8Array> {
    return this.#child.stdout;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) await this.#tell();
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), GRACE);
    await this.#child.status;
    clearTimeout(kill);
  }

  async #tell(): Promise<void> {
    if (this.#pidFile === undefined) return this.#child.kill("SIGTERM");
    Deno.kill(Number(await Deno.readTextFile(this.#pidFile)), "SIGTERM");
  }
}

/** Waits until an SMTP server greets on that port. @throws {Error} when the program that should ends. */
export async function greets(hostname: string, port: number, server: Process): Promise<void> {
  let ended = false;
  const end = server.ended.finally(() => ended = true);
  const greeting = async () => {
    while (!ended && !await greetsNow(hostname, port)) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  };
  await Promise.race([end, greeting()]);
  if (ended) throw new Error("a server ended before it was used");
}

async function greetsNow(hostname: string, port: number): Promise<boolean> {
  try {
    using conn = await Deno.connect({ hostname, port });
    const greeting = new Uint8Array(512);
    const length = await conn.read(greeting);
    return length !== null && new TextDecoder().decode(greeting).startsWith("220");
  } catch {
    return false; // not yet
  }
}
