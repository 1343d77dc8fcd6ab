/** OpenSSL's client, driven line by line: what it is told to do, and all that it says, its reports of TLS among it. */
import { tool } from "./tools.ts";

const OPENSSL = tool("openssl");

/** Whether it is installed. */
export const opensslInstalled: boolean = OPENSSL !== undefined;

/** When a client that should have ended long ago is killed, ms; no test waits for it otherwise. */
const TOO_LONG = 20_000;

/** A client that runs. */
export class OpensslClient implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<unknown>;
  #said = "";
  #at = 0;
  #over = false;
  #wake: () => void = () => {};

  /** Connects to a port of 127.0.0.1 with these arguments of `openssl s_client`. */
  constructor(port: number, args: readonly string[]) {
    this.#child = new Deno.Command(OPENSSL!, {
      args: ["s_client", "-connect", `127.0.0.1:${port}`, "-crlf", "-ign_eof", ...args],
      signal: AbortSignal.timeout(TOO_LONG),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    const streams = [this.#child.stdout, this.#child.stderr].map((stream) => this.#read(stream));
    this.#reading = Promise.all(streams).then(() => {
      this.#over = true;
      this.#wake();
    });
  }

  /** All that it has said. */
  get said(): string {
    return this.#said;
  }

  /** Waits until it says something like this, after what was waited for before. @throws {Error} when it ends without it. */
  async until(pattern: RegExp): Promise<string> {
    while (true) {
      const found = pattern.exec(this.#said.slice(this.#at));
      if (found !== null) {
        this.#at += found.index + found[0].length;
        return found[0];
      }
      if (this.#over) throw new Error(`ended without ${pattern}:\n${this.#said}`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Sends a line; `R` alone asks for a renegotiation, where the arguments say `-no_ign_eof`. */
  say(line: string): Promise<void> {
    return this.#input.write(new TextEncoder().encode(line + "\n"));
  }

  /** Waits for its end, and gives all that it has said. */
  async ended(): Promise<string> {
    await this.#reading;
    await this.#child.status;
    return this.#said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    if (!this.#over) this.#child.kill("SIGKILL");
    await this.ended();
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const text = new TextDecoder();
    for await (const chunk of stream) {
      this.#said += text.decode(chunk, { stream: true });
      this.#wake();
    }
  }
}
