/**
 * What a course can do with a running server: bring it mail, wait for what it
 * delivers, and let the next hop stall. Throws what the clients throw when the
 * server is gone.
 *
 * @module
 */
import { Client } from "../rig/client.ts";
import type { Mail } from "../rig/mail.ts";
import type { NextHop } from "../rig/next_hop.ts";
import type { ServerProcess } from "../rig/server_process.ts";
import type { Books } from "./books.ts";

/** Around the server. */
export interface Stage {
  /** The next hop. */
  readonly hop: NextHop;
  /** What is kept on record. */
  readonly books: Books;
}

/** One run of the server, to be used. */
export class Play {
  readonly #server: ServerProcess;
  readonly #run: string;
  readonly #port: number;
  readonly #stage: Stage;

  /** `run` is what the server calls itself; it listens on `port` of 127.0.0.1. */
  constructor(server: ServerProcess, run: string, port: number, stage: Stage) {
    this.#server = server;
    this.#run = run;
    this.#port = port;
    this.#stage = stage;
  }

  /** Brings messages one after the other. */
  async bring(...mails: Mail[]): Promise<void> {
    const { books } = this.#stage;
    using client = await Client.connect(this.#port);
    for (const mail of mails) {
      books.submitted(mail);
      await client.bring(mail);
      books.acknowledged(mail);
    }
  }

  /** Brings messages whose ends come at the same moment. */
  async bringTogether(...mails: Mail[]): Promise<void> {
    const { books } = this.#stage;
    using stack = new DisposableStack();
    const clients = await Promise.all(mails.map(() => Client.connect(this.#port)));
    for (const client of clients) stack.use(client);
    await Promise.all(clients.map((client, i) => client.begin(mails[i]!)));
    for (const mail of mails) books.submitted(mail);
    await Promise.all(clients.map(async (client, i) => {
      await client.finish();
      books.acknowledged(mails[i]!);
    }));
  }

  /** Waits until the next hop has taken something for each of these; false when it does not come to that. */
  async untilTaken(addresses: readonly string[], patience?: number): Promise<boolean> {
    const all = addresses.map((address) => this.#stage.hop.until(address, this.#run));
    return await this.#server.whileUp(Promise.all(all), patience) !== undefined;
  }

  /** Leaves a delivery without a reply until {@linkcode goOn} is called. */
  stall(address: string): void {
    this.#stage.hop.hold(address);
  }

  /** Lets deliveries go on. */
  goOn(): void {
    this.#stage.hop.open();
  }
}
