/**
 * The load: Postfix's smtp-source as the sender and smtp-sink as the next hop.
 * Both are cheap enough that the server between them is what is measured. A
 * message that is not taken fails the whole.
 *
 * @module
 */
import { freePort } from "../../tests/helpers/free_port.ts";
import { greets, Process } from "./process.ts";

/** Where everything listens. */
export const HOST = "127.0.0.1";
/** How many sessions send at once. */
export const SESSIONS = 50;
/** Octets of each message. */
export const SIZE = 4096;

/** How much is sent, and how. */
export interface Load {
  readonly messages: number;
  /** Whether connections are kept, or each message comes over one of its own. */
  readonly kept: boolean;
}

/** Sends it, until the last message is acknowledged. @throws {Error} when one is not. */
export async function sendAll(source: string, port: number, load: Load): Promise<void> {
  const how = load.kept ? ["-d"] : [];
  const amount = ["-s", String(SESSIONS), "-m", String(load.messages), "-l", String(SIZE)];
  const envelope = ["-f", "sender@example.org", "-t", "recipient@example.net"];
  const args = [...how, ...amount, ...envelope, `${HOST}:${port}`];
  await using sending = new Process({ program: source, args });
  await sending.ended;
}

/** A next hop that counts. */
export class Sink implements AsyncDisposable {
  /** Where it listens. */
  readonly port: number;
  readonly #process: Process;
  readonly #reading: Promise<void>;
  #count = 0;
  #awaited: { readonly count: number; readonly resolve: () => void } | undefined;

  private constructor(process: Process, port: number) {
    this.port = port;
    this.#process = process;
    this.#reading = this.#read();
  }

  /** Starts one; resolves when it greets. */
  static async start(program: string): Promise<Sink> {
    const port = freePort(HOST);
    const asWhom = Deno.uid() === 0 ? ["-u", "nobody"] : []; // as root it wants to be told
    const args = [...asWhom, "-c", `${HOST}:${port}`, "2000"];
    const process = new Process({ program, args }, "piped");
    const sink = new Sink(process, port);
    await greets(HOST, port, process);
    return sink;
  }

  /** How many messages it has taken. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when it has taken so many in all. @throws {Error} when it ends before. */
  async reached(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { count, resolve };
    this.#look();
    await Promise.race([promise, this.#process.ended]);
    if (this.#count < count) throw new Error(`smtp-sink ended after ${this.#count} messages`);
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await this.#reading;
  }

  /** With -c it says again and again how many there were, after a CR. */
  async #read(): Promise<void> {
    let rest = "";
    for await (const text of this.#process.output.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\r");
      rest = lines.pop()!;
      this.#count = Number(/mesg=(\d+)/.exec(lines.at(-1) ?? "")?.[1] ?? this.#count);
      this.#look();
    }
  }

  #look(): void {
    if (this.#awaited !== undefined && this.#count >= this.#awaited.count) this.#awaited.resolve();
  }
}
