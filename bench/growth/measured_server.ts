/**
 * The program as a process of its own that is measured from outside: what it
 * says, how much processor time and memory it takes, how long until it accepts.
 * Linux only: the figures come from /proc. Throws when the process fails or does
 * not do in time what it is waited for.
 *
 * @module
 */
import { freePort } from "../../tests/helpers/free_port.ts";

const HOST = "127.0.0.1";
const MAIN = new URL("../../main.ts", import.meta.url).href;
/** How long anything is waited for, ms. */
const TOO_LONG = 300_000;
/** Ticks of /proc/PID/stat in a second. */
const TICKS = 100;

/** Octets in a KiB. */
const KIB = 1024;

/** A server that runs. */
export class MeasuredServer implements AsyncDisposable {
  /** Where it listens. */
  readonly address: string;
  readonly #port: number;
  readonly #child: Deno.ChildProcess;
  readonly #log: Promise<void>;
  readonly #begun = performance.now();
  #said = "";
  #wake: () => void = () => {};

  /** Starts one on a spool. */
  constructor(spool: string, flags: readonly string[]) {
    this.#port = freePort(HOST);
    this.address = `${HOST}:${this.#port}`;
    const fixed = [`--listen=${this.address}`, "--hostname=bench.example.org"];
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", MAIN, `--spool=${spool}`, ...fixed, ...flags],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      signal: AbortSignal.timeout(2 * TOO_LONG),
    }).spawn();
    this.#log = this.#listen();
  }

  /** Sends one message as soon as that can be had; gives how long after the start it was accepted, ms. */
  async firstAccept(): Promise<number> {
    while (performance.now() - this.#begun < TOO_LONG) {
      const conn = await Deno.connect({ hostname: HOST, port: this.#port }).catch(() => undefined);
      if (conn === undefined) continue;
      using client = new Talk(conn);
      await client.sendMessage();
      return performance.now() - this.#begun;
    }
    throw new Error("the server does not answer");
  }

  /** Waits until it has said something; gives how long that is after the start, ms. */
  async said(text: string): Promise<number> {
    while (!this.#said.includes(text)) {
      if (performance.now() - this.#begun > TOO_LONG) throw new Error(`it does not say "${text}"`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return performance.now() - this.#begun;
  }

  /** A client that talks to it. */
  async talk(): Promise<Talk> {
    return new Talk(await Deno.connect({ hostname: HOST, port: this.#port }));
  }

  /** Processor time so far, user and system, ms. */
  async processorTime(): Promise<number> {
    const stat = await Deno.readTextFile(`/proc/${this.#child.pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 1000 / TICKS;
  }

  /** Resident memory, octets. */
  async memory(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`);
    return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * KIB;
  }

  /** Stops it in good order. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#log;
  }

  async #listen(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#said += text;
      this.#wake();
    }
  }
}

/** The simplest of clients: a command, a reply. */
export class Talk implements Disposable {
  readonly #conn: Deno.Conn;
  #greeted = false;

  /** Takes over a connection. */
  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Sends a small message over this connection. */
  async sendMessage(): Promise<void> {
    if (!this.#greeted) {
      await this.#reply("220");
      await this.#ask("HELO client.example.org", "250");
      this.#greeted = true;
    }
    await this.#ask("MAIL FROM:<sender@example.org>", "250");
    await this.#ask("RCPT TO:<recipient@example.net>", "250");
    await this.#ask("DATA", "354");
    await this.#ask("Subject: probe\r\n\r\nHello.\r\n.", "250");
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }

  async #ask(line: string, code: string): Promise<void> {
    await this.#conn.write(new TextEncoder().encode(`${line}\r\n`));
    await this.#reply(code);
  }

  async #reply(code: string): Promise<void> {
    const buffer = new Uint8Array(4096);
    const size = await this.#conn.read(buffer);
    const text = new TextDecoder().decode(buffer.subarray(0, size ?? 0));
    if (!text.startsWith(code)) throw new Error(`${code} expected, not ${text}`);
  }
}
