/** A server in this process, whose deliveries a test can wait for one by one. */
import { type Clock, systemClock } from "../../base/clock.ts";
import type { DeliveryEvents, SentMessage, StartOptions } from "../../mod.ts";
import { configOf } from "../../server/options.ts";
import type { OutgoingMessage } from "../../server/send.ts";
import type { RunningServer } from "../../server/running_server.ts";
import { startServer } from "../../server/server.ts";

/** What became of some recipients of a message. */
export type Outcome = {
  [E in keyof DeliveryEvents]: { readonly kind: E } & DeliveryEvents[E];
}[keyof DeliveryEvents];

/** A server that runs until it is disposed of. */
export class TestServer implements AsyncDisposable {
  readonly #server: RunningServer;
  readonly #outcomes: Outcome[] = [];
  #wanted: ((outcome: Outcome) => void) | undefined;

  private constructor(server: RunningServer) {
    this.#server = server;
    server.on("delivered", (event) => this.#add({ kind: "delivered", ...event }));
    server.on("deferred", (event) => this.#add({ kind: "deferred", ...event }));
    server.on("bounced", (event) => this.#add({ kind: "bounced", ...event }));
  }

  /** Starts one on a free port of 127.0.0.1 unless told otherwise, called `mx.example.org`, that may connect to loopback. */
  static async start(options: StartOptions, clock: Clock = systemClock): Promise<TestServer> {
    const defaults = { listen: "127.0.0.1:0", hostname: "mx.example.org", allowPrivate: true };
    const given = { ...defaults, ...options };
    return new TestServer(await startServer(configOf(given), { ...given, clock }));
  }

  /** The port of its first listener. */
  get port(): number {
    return this.#server.addresses[0]!.port;
  }

  /** How many messages are in its queue. */
  get waiting(): number {
    return this.#server.counts().messages;
  }

  /** Queues a message as an application does. */
  send(message: OutgoingMessage): Promise<SentMessage> {
    return this.#server.send(message);
  }

  /** The next outcome that nobody was given yet, once there is one. */
  outcome(): Promise<Outcome> {
    const outcome = this.#outcomes.shift();
    if (outcome !== undefined) return Promise.resolve(outcome);
    return new Promise((resolve) => this.#wanted = resolve);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }

  #add(outcome: Outcome): void {
    if (this.#wanted === undefined) this.#outcomes.push(outcome);
    else this.#wanted(outcome);
    this.#wanted = undefined;
  }
}
