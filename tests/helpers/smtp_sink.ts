/** Postfix's smtp-sink as a peer: takes any mail and keeps each message in a file. */
import { closeQuietly } from "../../transport/stream.ts";
import type { Host } from "../../deliver/route.ts";
import { freePort } from "./free_port.ts";

/** A running smtp-sink. */
export class SmtpSink {
  /** Where it listens. */
  readonly host: Host;
  readonly #process: Deno.ChildProcess;
  readonly #directory: string | undefined;

  private constructor(process: Deno.ChildProcess, host: Host, directory?: string) {
    this.#process = process;
    this.host = host;
    this.#directory = directory;
  }

  /**
   * Starts one, on a free port unless one is given; `program` is its path, `directory`
   * gets the messages, if there is one. Resolves once it takes connections.
   */
  static async start(
    program: string,
    directory?: string,
    host: Omit<Host, "port"> & { port?: number } = { name: "mx.test", address: "127.0.0.1" },
    options: readonly string[] = [],
  ): Promise<SmtpSink> {
    const port = host.port ?? freePort(host.address);
    const keeping = directory === undefined ? [] : ["-d", `${directory}/%M.`];
    const process = new Deno.Command(program, {
      args: [...asWhom(), ...options, ...keeping, `${host.address}:${port}`, "100"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const sink = new SmtpSink(process, { ...host, port }, directory);
    await sink.#listening();
    return sink;
  }

  /** The messages it took, in no order: its own trace headers, a blank line or two, and the content, with LF line ends. */
  async messages(): Promise<string[]> {
    const messages: string[] = [];
    if (this.#directory === undefined) return messages;
    for await (const { name } of Deno.readDir(this.#directory)) {
      messages.push(await Deno.readTextFile(`${this.#directory}/${name}`));
    }
    return messages;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
  }

  async #listening(): Promise<void> {
    let over = false;
    this.#process.status.then(() => over = true);
    while (!over) {
      const { address: hostname, port } = this.host;
      const conn = await Deno.connect({ hostname, port }).catch(() => undefined);
      if (conn) return closeQuietly(conn);
    }
    throw new Error("smtp-sink did not start");
  }
}

/** Started by root it wants to be told as whom to go on. */
function asWhom(): string[] {
  return Deno.uid() === 0 ? ["-u", "root"] : [];
}
