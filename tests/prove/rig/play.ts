/**
 * What a proof can do with a running server: bring it mail, wait for what it
 * delivers, and let the next hop stall. Throws what the clients throw when the
 * server is gone.
 *
 * @module
 */
import { Client } from "./client.ts";
import { bulky, type Mail, many } from "./mail.ts";
import type { NextHop } from "./next_hop.ts";
import type { ServerProcess } from "./server_process.ts";

/** Keeps a record of what clients did and heard. */
export interface Recorder {
  /** A message goes to the server. */
  submitted(mail: Mail): void;
  /** The server has answered for it, and said which id it has in the queue. */
  acknowledged(mail: Mail, id: string): void;
}

/** What is around the server. */
export interface Stage {
  /** The next hop. */
  readonly hop: NextHop;
  /** What is kept on record. */
  readonly books: Recorder;
}

/** Bulky messages that fill a segment of 32 MiB, and a few more. */
const A_SEGMENT = 92;
/** Connections over which they come. */
const SENDERS = 4;

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
      books.acknowledged(mail, await client.bring(mail));
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
      books.acknowledged(mails[i]!, await client.finish());
    }));
  }

  /** Brings bulky messages until that many segments of the journal are full, and waits until all are delivered. */
  async fillSegments(segments: number): Promise<void> {
    const mails = many(segments * A_SEGMENT, "bulky", bulky);
    const share = Math.ceil(mails.length / SENDERS);
    const parts = Array.from(
      { length: SENDERS },
      (_, i) => mails.slice(i * share, (i + 1) * share),
    );
    await Promise.all(parts.map((part) => this.bring(...part)));
    await this.untilTaken(mails.flatMap(({ recipients }) => recipients));
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
