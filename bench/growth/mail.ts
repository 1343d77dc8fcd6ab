/**
 * Postfix's smtp-source and smtp-sink as sender and next hop. Throws when one of
 * them fails or takes too long; ends the program when they are not installed.
 *
 * @module
 */
import { freePort } from "../../tests/helpers/free_port.ts";
import { tool } from "../../tests/helpers/tools.ts";

const HOST = "127.0.0.1";
/** Sessions at once. */
export const SESSIONS = 20;
/** Octets of a message. */
export const SIZE = 4096;
/** How often the next hop is tried until it answers, and after how long again, ms. */
const MOST_TRIES = 1000;
const TRY_EVERY = 10;
/** How long one program may run, ms. */
const TOO_LONG = 600_000;

const [source, sink] = [needed("smtp-source"), needed("smtp-sink")];

function needed(name: string): string {
  const path = tool(name);
  if (path !== undefined) return path;
  console.error(`${name} is not installed; it comes with Postfix`);
  Deno.exit(1);
}

/** Sends so many messages over kept connections; resolves when the last was accepted. */
export async function sendTo(address: string, count: number): Promise<void> {
  const amount = ["-s", String(SESSIONS), "-m", String(count), "-l", String(SIZE)];
  const envelope = ["-f", "sender@example.org", "-t", "recipient@example.net"];
  await run(source, ["-d", ...amount, ...envelope, address]);
}

/** The next hop: an smtp-sink for each round, on one port. */
export class NextHop implements AsyncDisposable {
  readonly #port = freePort(HOST);
  readonly #address = `${HOST}:${this.#port}`;
  #last: Promise<void> = Promise.resolve();

  /** What a server has to be told. */
  get flags(): string[] {
    return [`--smarthost=smtp://${this.#address}`];
  }

  /** Takes so many messages, and ends. */
  take(count: number): Promise<void> {
    const asWhom = Deno.uid() === 0 ? ["-u", "root"] : []; // as root it wants to be told
    return this.#last = run(sink, [...asWhom, "-M", String(count), this.#address, "500"]);
  }

  /** Resolves when it answers: one that refuses a connection rests for minutes. */
  async ready(): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const conn = await Deno.connect({ hostname: HOST, port: this.#port }).catch(() => undefined);
      if (conn !== undefined) return conn.close();
      await new Promise((resolve) => setTimeout(resolve, TRY_EVERY));
    }
    throw new Error("the next hop does not answer");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(TOO_LONG);
  const child = new Deno.Command(program, { args: [...args], signal, stdin: "null" }).spawn();
  const { code } = await child.status;
  if (code !== 0) throw new Error(`${program} ended with status ${code}`);
}
