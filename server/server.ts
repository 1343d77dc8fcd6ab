/**
 * Puts the rooms together: opens the spool, listens, receives and delivers, and
 * ends them in the opposite order. What cannot be started is thrown, with
 * everything that was started before it undone.
 *
 * @module
 */
import manifest from "../deno.json" with { type: "json" };
import { type Clock, systemClock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import { Audience } from "../control/events.ts";
import { Summaries } from "../control/summary.ts";
import type { ControlTarget } from "../control/target.ts";
import { Delivery } from "../deliver.ts";
import { openClient } from "../deliver/connect.ts";
import { Holds } from "../deliver/holds.ts";
import { Pool } from "../deliver/pool.ts";
import { Stories, type StoryTaker } from "../history/story.ts";
import { StoryLog } from "../history/story_log.ts";
import type { Hooks } from "../policy/hooks.ts";
import { Networks } from "../policy/networks.ts";
import { RelayPolicy } from "../policy/relay.ts";
import { UserFile } from "../policy/user_file.ts";
import { FileQueue } from "../queue/file_queue.ts";
import type { Queue, QueueCounts } from "../queue/queue.ts";
import { type BoundAddress, Transport } from "../transport.ts";
import { Deadlines } from "../transport/deadlines.ts";
import { SessionStories } from "../transport/session_stories.ts";
import { Certificates } from "./certificates.ts";
import { Control, type ControlAddresses } from "./control.ts";
import { Events, type Listeners, type ServerEvents } from "./events.ts";
import { Receiver } from "./receive.ts";
import { Logins } from "./logins.ts";
import { Routing } from "./routing.ts";
import { SessionLog } from "./session_log.ts";
import { openTraces } from "./traces.ts";
import { type OutgoingMessage, send, type SentMessage } from "./send.ts";

/** What an application adds to the configuration. */
export interface Extras {
  /** Where the application has its say. */
  readonly hooks?: Hooks;
  /** Who is told of events, from the first one on. */
  readonly on?: Listeners;
  /** The time; the machine's by default. */
  readonly clock?: Clock;
  /** The queue instead of the one on the spool; it is closed at the stop. */
  readonly queue?: Queue;
}

/** A server that runs. */
export interface RunningServer {
  /** Where its API is. */
  readonly control: ControlAddresses;
  /** Where it listens, in the order of the configuration. */
  readonly addresses: readonly BoundAddress[];
  /** How much is in the queue. */
  counts(): QueueCounts;
  /** Queues a message of the application's own; resolves once it is durable. Throws as {@linkcode send} does. */
  send(message: OutgoingMessage): Promise<SentMessage>;
  /** Adds a listener; gives a function that removes it. */
  on<E extends keyof ServerEvents>(
    event: E,
    listener: (event: ServerEvents[E]) => void,
  ): () => void;
  /**
   * Stops: accepts nothing more, lets open transactions and deliveries finish
   * within the grace time, and files what is not delivered. Never throws; a
   * second call waits for the same stop.
   */
  stop(): Promise<void>;
}

/** Octets of the key that stand-ins for unknown users are made from. */
const DECOY_KEY_LENGTH = 32;

const logger = log("server");

function randomOctets(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

/**
 * Starts a server.
 *
 * @throws {TypeError} when a submission listener has nobody who could log in
 * @throws {UsersError} when the file of the users cannot be read, or is none
 * @throws {SpoolError} when the spool is held by another process or cannot be used
 * @throws {ListenError} when an address cannot be listened on
 * @throws {ControlListenError} when that of the API cannot
 */
export async function startServer(config: Config, extras: Extras = {}): Promise<RunningServer> {
  const clock = extras.clock ?? systemClock;
  const userFile = await userFileOf(config, extras.hooks, clock);
  const queue = extras.queue ?? await FileQueue.open({ directory: config.spool, clock });
  try {
    const certificates = await Certificates.open(config, clock);
    const holds = extras.queue === undefined
      ? await Holds.open({ directory: config.spool, clock })
      : Holds.inMemory(clock);
    const traces = await openTraces();
    const parts = { clock, queue, holds, certificates, userFile, traces };
    const server = new Server(config, extras, parts);
    await server.openControl(extras);
    return server;
  } catch (error) {
    await queue.close();
    throw error;
  }
}

/** The file of the users, where one is configured. */
async function userFileOf(
  { listen, users }: Config,
  { password, token }: Hooks = {},
  clock: Clock,
): Promise<UserFile | undefined> {
  if (users !== undefined) return await UserFile.open(users, clock, randomOctets(DECOY_KEY_LENGTH));
  const isNeeded = listen.some(({ role }) => role === "submission");
  if (!isNeeded || password !== undefined || token !== undefined) return undefined;
  throw new TypeError("listen: a submission listener needs users, or a hook that knows them");
}

/** What a server is made of, opened and read. */
interface Parts {
  readonly clock: Clock;
  readonly queue: Queue;
  readonly holds: Holds;
  readonly certificates: Certificates;
  readonly userFile: UserFile | undefined;
  /** Takes facts for traces, where somebody wants them. */
  readonly traces: StoryTaker | undefined;
}

/** The rooms of a running server. */
class Server implements RunningServer {
  readonly #config: Config;
  readonly #clock: Clock;
  readonly #queue: Queue;
  readonly #events: Events;
  readonly #sessionLog: SessionLog;
  readonly #stories: Stories;
  readonly #sessions: SessionStories;
  readonly #certificates: Certificates;
  readonly #logins: Logins;
  readonly #transport: Transport;
  readonly #routing: Routing;
  readonly #delivery: Delivery;
  #control: Control | undefined;
  #stopped: Promise<void> | undefined;

  constructor(
    config: Config,
    { hooks = {}, on }: Extras,
    { clock, queue, holds, certificates, userFile, traces }: Parts,
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#queue = queue;
    this.#events = new Events(on);
    this.#sessionLog = new SessionLog(clock);
    this.#stories = new Stories([this.#sessionLog, new StoryLog()]);
    if (traces !== undefined) this.#stories.add(traces);
    this.#sessions = new SessionStories(this.#stories, clock);
    this.#certificates = certificates;
    this.#routing = new Routing(config, clock, () => this.#transport.addresses);
    this.#logins = new Logins({ config, userFile, hooks, clock, random: randomOctets });
    this.#transport = this.#listen(hooks);
    this.#delivery = this.#prepareDelivery(holds);
    this.#transport.start();
    this.#delivery.start(config.hold);
    this.#certificates.watch();
  }

  /** Begins to answer the API. A server with a queue of the application's own has no spool to have a socket in. */
  async openControl({ queue }: Extras): Promise<void> {
    const config = { ...this.#config, control: this.#config.control && queue === undefined };
    try {
      this.#control = await Control.open(config, this.#controlTarget());
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  get control(): ControlAddresses {
    return this.#control?.addresses ?? {};
  }

  get addresses(): readonly BoundAddress[] {
    return this.#transport.addresses;
  }

  counts(): QueueCounts {
    return this.#queue.counts();
  }

  send(message: OutgoingMessage): Promise<SentMessage> {
    if (this.#stopped) return Promise.reject(new Error("the server is stopped"));
    return send(message, {
      queue: this.#queue,
      events: this.#events,
      stories: this.#stories,
      hostname: this.#config.hostname,
      clock: this.#clock,
      messageSize: this.#config.limits.messageSize,
    });
  }

  on<E extends keyof ServerEvents>(
    event: E,
    listener: (event: ServerEvents[E]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { stopGrace } = this.#config;
    await this.#control?.stop();
    this.#logins.stop();
    // Whatever is being looked up when the grace is over would hold its delivery up.
    const cancel = this.#clock.after(stopGrace, () => this.#routing.close());
    await Promise.all([this.#transport.stop(stopGrace), this.#delivery.stop(stopGrace)]);
    cancel();
    this.#routing.close();
    await this.#certificates.stop();
    this.#sessionLog.close();
    await this.#closeQueue();
  }

  /** What could not be filed is still in the journal, and found there at the next start. */
  async #closeQueue(): Promise<void> {
    try {
      await this.#queue.close();
    } catch (error) {
      logger.error("the queue could not be closed in good order", { error });
    }
  }

  #listen(hooks: Hooks): Transport {
    const { listen, hostname, banner, binaryMime, limits } = this.#config;
    const relay = new RelayPolicy(this.#config);
    const proxies = new Networks(this.#config.proxyHosts);
    const receiver = new Receiver({
      config: this.#config,
      queue: this.#queue,
      relay,
      hooks,
      events: this.#events,
      stories: this.#stories,
      sessions: this.#sessions,
      clock: this.#clock,
      random: Math.random,
      logins: this.#logins,
      startQueue: (domain) => this.#startQueue(domain),
    });
    return new Transport({
      listen,
      session: { hostname, banner, startTls: true, binaryMime, limits },
      limits,
      tls: this.#certificates.tls,
      clock: this.#clock,
      reserve: this.#config.spool,
      unbounded: (address) => relay.trusts(address),
      proxies: (address) => proxies.find(address),
      welcome: (peer, listener, record) => receiver.welcome(peer, listener, record),
      sessions: this.#sessions,
    });
  }

  /** ETRN: gives how many messages go now; undefined when none does. */
  #startQueue(domain: string): number | undefined {
    const { steering } = this.#delivery;
    return steering.isAllHeld ? undefined : steering.retry(domain);
  }

  #controlTarget(): ControlTarget {
    const parts = { clock: this.#clock, queue: this.#queue, stories: this.#stories };
    const { hostname, limits } = this.#config;
    return {
      ...parts,
      summaries: new Summaries(this.#queue, this.#clock),
      audience: new Audience(parts),
      steering: this.#delivery.steering,
      version: manifest.version,
      hostname,
      messageSize: limits.messageSize,
      startedAt: this.#clock.now(),
      notReady: () => this.#notReady(),
      bring: (message) => this.send(message),
    };
  }

  #notReady(): string[] {
    if (this.#stopped) return ["the server is stopping"];
    return this.#queue.hasRoom(0) ? [] : ["space is low for the spool"];
  }

  #prepareDelivery(holds: Holds): Delivery {
    const { delivery: settings, hostname } = this.#config;
    const clock = this.#clock;
    const deadlines = new Deadlines(clock);
    const { unverifiable } = this.#routing;
    const connecting = { hostname, settings, deadlines, clock, unverifiable };
    return new Delivery({
      queue: this.#queue,
      settings,
      hostname,
      clock,
      random: Math.random,
      route: this.#routing.route,
      open: (host, signal, requireTls) => openClient(host, { ...connecting, signal, requireTls }),
      pool: new Pool({ idleTimeout: settings.idleTimeout, clock }),
      stories: this.#stories,
      observer: this.#events,
      holds,
    });
  }
}
