/**
 * The receiving side of a server: certificates, users, rules and listeners. All of it
 * can be exchanged while it runs: what is new is made ready first, and what cannot be
 * made ready changes nothing.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import type { StoryTaker } from "../history/story.ts";
import type { Hooks } from "../policy/hooks.ts";
import { Networks } from "../policy/networks.ts";
import { RelayPolicy } from "../policy/relay.ts";
import { UserFile } from "../policy/user_file.ts";
import type { Queue } from "../queue/queue.ts";
import { type ChangingOptions, Transport } from "../transport.ts";
import type { SessionStories } from "../transport/session_stories.ts";
import { Certificates } from "./certificates.ts";
import type { Events } from "./events.ts";
import { Logins } from "./logins.ts";
import { Receiver } from "./receive.ts";

/** What receiving needs that does not change. */
export interface FrontOptions {
  readonly clock: Clock;
  readonly queue: Queue;
  readonly hooks: Hooks;
  readonly events: Events;
  readonly stories: StoryTaker;
  readonly sessions: SessionStories;
  /** See {@linkcode ReceiveOptions}. */
  readonly startQueue: (domain: string) => number | undefined;
}

/** What is read from files that the configuration names. */
export interface FrontFiles {
  readonly certificates: Certificates;
  /** The file of the users, where one is configured. */
  readonly userFile: UserFile | undefined;
}

/** Octets of the key that stand-ins for unknown users are made from. */
const DECOY_KEY_LENGTH = 32;

function randomOctets(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

/**
 * The file of the users, where one is configured.
 *
 * @throws {TypeError} when a submission listener has nobody who could log in
 * @throws {UsersError} when it cannot be read, or is none
 */
export async function openUsers(
  { listen, users }: Config,
  { password, token }: Hooks,
  clock: Clock,
): Promise<UserFile | undefined> {
  if (users !== undefined) return await UserFile.open(users, clock, randomOctets(DECOY_KEY_LENGTH));
  const isNeeded = listen.some(({ role }) => role === "submission");
  if (!isNeeded || password !== undefined || token !== undefined) return undefined;
  throw new TypeError("listen: a submission listener needs users, or a hook that knows them");
}

/** The receiving side of a server. */
export class Front {
  /** The sockets. */
  readonly transport: Transport;
  readonly #options: FrontOptions;
  readonly #certificates: Certificates;
  readonly #logins: Logins;
  #receiver: Receiver;

  /** Listens, and accepts nothing yet. @throws {ListenError} when an address cannot be listened on */
  constructor(config: Config, { certificates, userFile }: FrontFiles, options: FrontOptions) {
    const { clock, hooks, sessions } = options;
    this.#options = options;
    this.#certificates = certificates;
    this.#logins = new Logins({ config, userFile, hooks, clock, random: randomOctets });
    const relay = new RelayPolicy(config);
    this.#receiver = this.#receiverFor(config, relay);
    this.transport = new Transport({
      ...rulesOf(config, relay),
      listen: config.listen,
      tls: certificates.tls,
      clock,
      reserve: config.spool,
      welcome: (peer, record) => this.#receiver.welcome(peer, record),
      sessions,
    });
  }

  /** What answers clients now. */
  get receiver(): Receiver {
    return this.#receiver;
  }

  /** Begins to accept. */
  start(): void {
    this.transport.start();
    this.#certificates.watch();
  }

  /**
   * Makes another configuration ready; gives what goes by it from then on, and cannot
   * fail. Sessions that are there keep the rules and limits that they began with; who
   * may log in goes by the new ones in them too.
   *
   * @throws {TypeError} {UsersError} {ListenError} as the start does; nothing changes then
   */
  async prepare(config: Config): Promise<() => void> {
    const { hooks, clock } = this.#options;
    const userFile = await openUsers(config, hooks, clock);
    const showCertificates = await this.#certificates.prepare(config);
    const relay = new RelayPolicy(config);
    const receiver = this.#receiverFor(config, relay, this.#receiver);
    const rules = rulesOf(config, relay);
    // Last, since these are open once they are prepared.
    const listeners = this.transport.prepare(config.listen);
    return () => {
      showCertificates();
      this.#logins.change({ config, userFile });
      this.#receiver = receiver;
      this.transport.change(rules, listeners);
    };
  }

  /** Accepts nothing more; see {@linkcode Transport.stop}. */
  async stop(grace: number): Promise<void> {
    this.#logins.stop();
    await this.transport.stop(grace);
    await this.#certificates.stop();
  }

  #receiverFor(config: Config, relay: RelayPolicy, before?: Receiver): Receiver {
    const parts = { random: Math.random, logins: this.#logins };
    return new Receiver({ ...this.#options, ...parts, config, relay }, before);
  }
}

/** What the transport takes from a configuration. */
function rulesOf(config: Config, relay: RelayPolicy): ChangingOptions {
  const { hostname, banner, binaryMime, limits } = config;
  const proxies = new Networks(config.proxyHosts);
  return {
    session: { hostname, banner, startTls: true, binaryMime, limits },
    limits,
    unbounded: (address) => relay.trusts(address),
    proxies: (address) => proxies.find(address),
  };
}
