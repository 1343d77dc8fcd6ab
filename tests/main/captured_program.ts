/** Runs `main.ts` and keeps every octet that it says on standard error, in whatever format. */
import { concat, decode } from "../../base/bytes.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;

/** When a program that does not say what it should is killed, ms; no test waits for it otherwise. */
const TOO_LONG = 20_000;

/** A program that serves, and what it has said. */
export class CapturedProgram {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  #said: Uint8Array[] = [];
  #heard = Promise.withResolvers<void>();
  #over = false;

  /** Starts it on a free port of 127.0.0.1. */
  constructor(flags: readonly string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN, "--listen=127.0.0.1:0", ...flags],
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(TOO_LONG),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read();
  }

  /** All octets so far. */
  get octets(): Uint8Array {
    return concat(this.#said);
  }

  /** Waits until it has said something that matches, and gives the match. @throws when it ends before. */
  async heard(pattern: RegExp): Promise<RegExpExecArray> {
    while (true) {
      const heard = this.#heard.promise;
      const match = pattern.exec(decode(this.octets));
      if (match !== null) return match;
      if (this.#over) throw new Error(`ended without ${pattern}:\n${decode(this.octets)}`);
      await heard;
    }
  }

  /** The port it listens on. */
  async port(): Promise<number> {
    const [, port] = await this.heard(/listening.*127\.0\.0\.1:(\d+)/);
    return Number(port);
  }

  /** Lets it stop in good order; gives its exit status. */
  async stop(): Promise<number> {
    if (!this.#over) this.#child.kill("SIGTERM");
    const [{ code }] = await Promise.all([this.#child.status, this.#reading]);
    return code;
  }

  async #read(): Promise<void> {
    for await (const chunk of this.#child.stderr) {
      this.#said.push(chunk);
      this.#tell();
    }
    this.#over = true;
    this.#tell();
  }

  #tell(): void {
    this.#heard.resolve();
    this.#heard = Promise.withResolvers();
  }
}
