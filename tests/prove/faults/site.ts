/**
 * Where one trial of the faults proof takes place: a spool, a next hop, runs of
 * the server on the one and towards the other, and the books. What the server
 * does wrong is kept as a complaint; only what stands in the way of the trial
 * itself is thrown.
 *
 * @module
 */
import { pause, within } from "../pause.ts";
import { Client, Refused } from "../rig/client.ts";
import type { Mail } from "../rig/mail.ts";
import { isEnd, NextHop } from "../rig/next_hop.ts";
import { ServerProcess } from "../rig/server_process.ts";
import type { Setting } from "../rig/setting.ts";
import { Books } from "../steps/books.ts";
import { leftovers, openAddresses } from "../steps/spool_state.ts";

/** What trials are made with. */
export interface Bench {
  /** The path or URL of the program. */
  readonly main: string;
  /** The server's flags. */
  readonly setting: Setting;
}

/** How a run of the server is started. */
export interface RunOptions {
  /** Whether the next hop can be reached; otherwise all mail waits. */
  readonly reachable: boolean;
  /** Variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it runs under, as a command and its arguments. */
  readonly under?: readonly string[];
}

/** The longest wait for an answer, or for what waits to be delivered, ms. */
const PATIENCE = 20_000;
/** How often it is looked whether the queue is empty, ms. */
const LOOK_EVERY = 50;
/** A port on which nobody listens, and which nobody is given who asks for a free one. */
const NOBODY = 1;
/** How many runs it may take to empty the queue. */
const MOST_RUNS = 4;

/** A run of the server. */
export interface Run {
  /** Its process. */
  readonly server: ServerProcess;
  /** What it calls itself. */
  readonly name: string;
  /** Its port on 127.0.0.1. */
  readonly port: number;
}

/** The place of one trial. */
export class Site implements AsyncDisposable {
  /** The spool. */
  readonly spool: string;
  /** Gets all mail. */
  readonly hop: NextHop = new NextHop();
  /** What the server did wrong, in words. */
  readonly complaints: string[] = [];
  readonly #bench: Bench;
  readonly #books = new Books(this.hop);
  readonly #stack = new AsyncDisposableStack();
  #runs = 0;

  /** With the spool in this directory. */
  constructor(bench: Bench, directory: string) {
    this.#bench = bench;
    this.spool = `${directory}/spool`;
    this.#stack.use(this.hop);
  }

  /** Ends what still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** Starts the server. @throws {Error} when it does not listen. */
  async start({ reachable, env, under }: RunOptions): Promise<Run> {
    const name = `run${++this.#runs}.test`;
    const { flags, certificate } = this.#bench.setting;
    const program = [
      ...[this.#bench.main, ...flags, ...certificate],
      `--spool=${this.spool}`,
      `--hostname=${name}`,
      `--smarthost=smtp://127.0.0.1:${reachable ? this.hop.port : NOBODY}`,
    ];
    const server = this.#stack.use(new ServerProcess({ program, env, under }));
    const port = await server.listening();
    if (port === undefined) throw new Error(`no start:\n${server.complaints.join("\n")}`);
    return { server, name, port };
  }

  /** Kills a run, remembers what it left open, and keeps a copy of the spool as it is then. It is a complaint when it has ended before. */
  async kill({ server, name }: Run): Promise<void> {
    await server.signal("SIGKILL");
    const { signal, code } = await server.ended;
    if (signal !== "SIGKILL") this.complaints.push(`${name} ended with status ${code}`);
    this.#books.runEnded(name, await openAddresses(this.spool));
    await copyFiles(this.spool, `${this.spool}.${name}`);
  }

  /** Brings a message; gives the reply that decides about it. */
  async bring({ port }: Run, mail: Mail): Promise<string> {
    return await this.#answer(mail, async () => {
      using client = await Client.connect(port);
      return await this.#bring(client, mail);
    });
  }

  /** Brings a message over a connection that is there; gives the reply that decides about it. */
  async bringOver(client: Client, mail: Mail): Promise<string> {
    return await this.#answer(mail, () => this.#bring(client, mail));
  }

  async #bring(client: Client, mail: Mail): Promise<string> {
    await client.bring(mail);
    this.#books.acknowledged(mail);
    return TAKEN;
  }

  async #answer(mail: Mail, bring: () => Promise<string>): Promise<string> {
    this.#books.submitted(mail);
    const reply = await within(PATIENCE, this.#refusal(mail, bring));
    if (reply !== undefined) return reply;
    this.complaints.push(`no answer for ${mail.name}`);
    return "";
  }

  async #refusal(mail: Mail, bring: () => Promise<string>): Promise<string> {
    try {
      return await bring();
    } catch (error) {
      if (error instanceof Refused) return error.message;
      if (!isEnd(error)) throw error;
      this.complaints.push(`no conversation for ${mail.name}: ${error}`);
      return "";
    }
  }

  /** Waits until the next hop has something for all of these recipients, or their sender, from a run. */
  async delivered(run: Run, mails: readonly Mail[]): Promise<void> {
    const goals = mails.flatMap(({ recipients }) => recipients).map((one) =>
      this.#books.goalOf(one)
    );
    const all = Promise.all(goals.map((address) => this.hop.until(address, run.name)));
    if (await run.server.whileUp(all, PATIENCE)) return;
    this.complaints.push(`${run.name} does not deliver`);
  }

  /** Waits until the spool says that nothing is open; false when it does not come to that. */
  async untilEmpty(): Promise<boolean> {
    const began = Date.now();
    while ((await openAddresses(this.spool)).size > 0) {
      if (Date.now() - began > PATIENCE) return false;
      await pause(LOOK_EVERY);
    }
    return true;
  }

  /**
   * Starts the server without faults until nothing waits any more, and closes the
   * books: what was acknowledged has come once, what was refused has not.
   */
  async settle(): Promise<void> {
    for (let i = 0; i < MOST_RUNS && await this.#deliverAll() > 0; i++);
    const { lost, corrupt, unexplained, unacknowledged } = this.#books.judge();
    this.complaints.push(...lost, ...corrupt, ...unexplained);
    if (unacknowledged > 0) this.complaints.push(`${unacknowledged} came that had been refused`);
    for (const name of await leftovers(this.spool)) this.complaints.push(`${name} is left over`);
  }

  /** How many messages were acknowledged so far. */
  get acknowledged(): number {
    return this.#books.judge().acknowledged;
  }

  /** One run, as long as it takes to deliver what waits; gives how many recipients are open after it. */
  async #deliverAll(): Promise<number> {
    const waiting = await openAddresses(this.spool);
    const run = await this.start({ reachable: true });
    const goals = Array.from(waiting, (address) => this.#books.goalOf(address));
    const all = Promise.all(goals.map((address) => this.hop.until(address, run.name)));
    if (await run.server.whileUp(all, PATIENCE) === undefined) {
      this.complaints.push(`${run.name} does not deliver what waits`);
    }
    await run.server.stop();
    return (await openAddresses(this.spool)).size;
  }
}

/** For whoever looks into what is broken. */
async function copyFiles(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (isDirectory) await copyFiles(`${from}/${name}`, `${to}/${name}`);
    else if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** What {@linkcode Site.bring} gives for a message that was taken. */
export const TAKEN = "250";
