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
import { Metrics } from "../control/metrics.ts";
import type { ControlTarget, MailPlan, PlanQuestion, ReloadOutcome } from "../control/target.ts";
import { Delivery } from "../deliver.ts";
import { openClient } from "../deliver/connect.ts";
import { Holds } from "../deliver/holds.ts";
import { Pool } from "../deliver/pool.ts";
import type { History } from "../history/history.ts";
import { Stories, type StoryTaker } from "../history/story.ts";
import { StoryLog } from "../history/story_log.ts";
import { FileQueue } from "../queue/file_queue.ts";
import type { Queue, QueueCounts } from "../queue/queue.ts";
import type { BoundAddress } from "../transport.ts";
import { Deadlines } from "../transport/deadlines.ts";
import { SessionStories } from "../transport/session_stories.ts";
import { CaptureBound } from "./capture_bound.ts";
import { Certificates } from "./certificates.ts";
import { Inbox } from "../control/inbox/inbox.ts";
import { Control, type ControlAddresses } from "./control.ts";
import { Events, type ServerEvents } from "./events.ts";
import { Front, type FrontFiles, openUsers } from "./front.ts";
import { type ReadinessSource, reasonsNotReady } from "./readiness.ts";
import { changesOf, changeText, problemsIn, ReloadError } from "./reload.ts";
import { Routing } from "./routing.ts";
import { SessionLog } from "./session_log.ts";
import { openHistory } from "./kept_history.ts";
import { openTraces } from "./traces.ts";
import type { Extras, ReloadableServer } from "./running_server.ts";
import { type OutgoingMessage, send, type SendOptions, type SentMessage } from "./send.ts";

const logger = log("server");

/**
 * Starts a server.
 *
 * @throws {TypeError} when a submission listener has nobody who could log in
 * @throws {UsersError} when the file of the users cannot be read, or is none
 * @throws {SpoolError} when the spool is held by another process or cannot be used
 * @throws {ListenError} when an address cannot be listened on
 * @throws {ControlListenError} when that of the API cannot
 */
export async function startServer(config: Config, extras: Extras = {}): Promise<ReloadableServer> {
  const clock = extras.clock ?? systemClock;
  const userFile = await openUsers(config, extras.hooks ?? {}, clock);
  const queue = extras.queue ?? await FileQueue.open({ directory: config.spool, clock });
  let history: History | undefined;
  try {
    const certificates = await Certificates.open(config, clock);
    const holds = extras.queue === undefined
      ? await Holds.open({ directory: config.spool, clock })
      : Holds.inMemory(clock);
    if (extras.queue === undefined) history = await openHistory(config, clock);
    const traces = await openTraces();
    const parts = { clock, queue, holds, history, certificates, userFile, traces };
    const server = new Server(config, extras, parts);
    await server.openControl(extras);
    return server;
  } catch (error) {
    await history?.close();
    await queue.close();
    throw error;
  }
}

/** What a server is made of, opened and read. */
interface Parts extends FrontFiles {
  readonly clock: Clock;
  readonly queue: Queue;
  readonly holds: Holds;
  readonly history: History | undefined;
  /** Takes facts for traces, where somebody wants them. */
  readonly traces: StoryTaker | undefined;
}

/** The rooms of a running server. */
class Server implements ReloadableServer {
  #config: Config;
  readonly #clock: Clock;
  readonly #queue: Queue;
  readonly #events: Events;
  readonly #sessionLog: SessionLog;
  readonly #stories: Stories;
  readonly #history: History | undefined;
  readonly #metrics: Metrics;
  readonly #sessions: SessionStories;
  readonly #front: Front;
  readonly #reread: Extras["reread"];
  readonly #routing: Routing;
  readonly #delivery: Delivery;
  #control: Control | undefined;
  /** The reload that is under way, or was. */
  #reloaded: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(config: Config, extras: Extras, parts: Parts) {
    const { hooks = {}, on } = extras;
    const { clock, queue, holds, history, traces } = parts;
    this.#reread = extras.reread;
    this.#config = config;
    this.#clock = clock;
    this.#queue = queue;
    this.#events = new Events(on);
    this.#sessionLog = new SessionLog(clock);
    this.#stories = new Stories([this.#sessionLog, new StoryLog()]);
    if (traces !== undefined) this.#stories.add(traces);
    this.#history = history;
    if (history !== undefined) this.#stories.add(history);
    const { version } = manifest;
    this.#metrics = new Metrics({
      ...{ clock, queue, version, history, startedAt: clock.now() },
      connections: () => this.#front.transport.connections,
      apiConnections: () => this.#control?.connections ?? [],
      notReady: () => reasonsNotReady(this.#readinessSource()),
    });
    this.#stories.add(this.#metrics);
    const most = () => this.#config.limits.captureMessages;
    this.#stories.add(new CaptureBound({ queue, stories: this.#stories, clock, most }));
    this.#sessions = new SessionStories(this.#stories, clock);
    this.#routing = new Routing(config, clock, () => this.addresses, this.#metrics.askedDns);
    this.#front = new Front(config, parts, {
      ...{ clock, queue, hooks, events: this.#events },
      ...{ stories: this.#stories, sessions: this.#sessions },
      startQueue: (domain) => this.#startQueue(domain),
    });
    this.#delivery = this.#prepareDelivery(holds);
    this.#front.start();
    this.#delivery.start(config.hold);
  }

  /** Begins to answer the API. A server with a queue of the application's own has no spool to have a socket in. */
  async openControl({ queue }: Extras): Promise<void> {
    const config = { ...this.#config, control: this.#config.control && queue === undefined };
    try {
      this.#control = await Control.open(config, {
        target: this.#controlTarget(),
        history: this.#history,
        steering: this.#delivery.steering,
        capture: () => this.#config.capture,
      });
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  get control(): ControlAddresses {
    return this.#control?.addresses ?? {};
  }

  get addresses(): readonly BoundAddress[] {
    return this.#front.transport.addresses;
  }

  counts(): QueueCounts {
    return this.#queue.counts();
  }

  send(message: OutgoingMessage): Promise<SentMessage> {
    return this.#send(message, "send");
  }

  #send(message: OutgoingMessage, origin: SendOptions["origin"]): Promise<SentMessage> {
    if (this.#stopped) return Promise.reject(new Error("the server is stopped"));
    return send(message, {
      queue: this.#queue,
      events: this.#events,
      stories: this.#stories,
      hostname: this.#config.hostname,
      clock: this.#clock,
      messageSize: this.#config.limits.messageSize,
      capture: this.#config.capture,
      origin,
    });
  }

  on<E extends keyof ServerEvents>(
    event: E,
    listener: (event: ServerEvents[E]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  reload(config?: Config): Promise<readonly string[]> {
    if (this.#stopped) return Promise.reject(new ReloadError(["the server is stopped"]));
    const reloaded = this.#reloaded.then(() => this.#reload(config));
    this.#reloaded = reloaded.catch((error) => {
      const problems = problemsIn(error);
      logger.error("cannot reload, everything stays as it was", { problems });
    });
    return reloaded;
  }

  async #tryReload(): Promise<ReloadOutcome> {
    try {
      return { changes: await this.reload() };
    } catch (error) {
      return { problems: problemsIn(error) };
    }
  }

  async #reload(given: Config | undefined): Promise<readonly string[]> {
    const read = given === undefined ? await this.#reread?.() : { config: given };
    if (read === undefined) throw new ReloadError(["there is no configuration to read again"]);
    const next = read.config;
    const changes = changesOf(this.#config, next);
    const apply = await this.#front.prepare(next);
    const before = this.#config;
    this.#config = next;
    apply();
    if (changes.some(({ part }) => part === "delivery" || part === "hostname")) {
      this.#routing.change(next);
      this.#delivery.change({ settings: next.delivery, hostname: next.hostname });
    }
    if (next.hold !== before.hold) this.#delivery.setHeld(next.hold);
    const lines = [...changes.map(changeText), ...read.applied?.() ?? []];
    logger.info("reloaded", { changes: lines.join("; ") || "none" });
    return lines;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#reloaded.then(() => this.#stop());
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { stopGrace } = this.#config;
    await this.#control?.retire();
    // Whatever is being looked up when the grace is over would hold its delivery up.
    const cancel = this.#clock.after(stopGrace, () => this.#routing.close());
    await Promise.all([this.#front.stop(stopGrace), this.#delivery.stop(stopGrace)]);
    cancel();
    this.#routing.close();
    this.#sessionLog.close();
    // Before the lock of the spool is given up: the next server has its socket in the same place.
    await this.#control?.stop();
    await this.#closeQueue();
    await this.#history?.close();
  }

  /** What could not be filed is still in the journal, and found there at the next start. */
  async #closeQueue(): Promise<void> {
    try {
      await this.#queue.close();
    } catch (error) {
      logger.error("the queue could not be closed in good order", { error });
    }
  }

  /** ETRN: gives how many messages go now; undefined when none does. */
  #startQueue(domain: string): number | undefined {
    const { steering } = this.#delivery;
    return steering.isAllHeld ? undefined : steering.retry(domain);
  }

  #controlTarget(): ControlTarget {
    const parts = { clock: this.#clock, queue: this.#queue, stories: this.#stories };
    const config = () => this.#config;
    return {
      ...parts,
      inbox: new Inbox(parts),
      summaries: new Summaries(this.#queue, this.#clock),
      audience: new Audience(parts),
      steering: this.#delivery.steering,
      holds: this.#delivery.steering,
      plan: (question) => this.#plan(question),
      history: this.#history,
      version: manifest.version,
      get hostname(): string {
        return config().hostname;
      },
      get messageSize(): number {
        return config().limits.messageSize;
      },
      startedAt: this.#clock.now(),
      metrics: () => this.#metrics.text(),
      notReady: () => reasonsNotReady(this.#readinessSource()),
      bring: (message) => this.#send(message, "import"),
      ...(this.#reread && { reload: () => this.#tryReload() }),
    };
  }

  /** What would become of a message; nothing is sent. */
  async #plan({ requireTls, ...message }: PlanQuestion): Promise<MailPlan> {
    const [receive, route] = await Promise.all([
      this.#front.receiver.plan(message),
      this.#routing.plan(message.to, { requireTls }),
    ]);
    return { receive, route, ...(this.#config.capture && { stays: "captured" }) };
  }

  #readinessSource(): ReadinessSource {
    return {
      queue: this.#queue,
      isStopping: () => this.#stopped !== undefined,
      deaf: () => this.#front.transport.deaf,
    };
  }

  #prepareDelivery(holds: Holds): Delivery {
    const { delivery: settings, hostname } = this.#config;
    const clock = this.#clock;
    const { unverifiable } = this.#routing;
    const connecting = { deadlines: new Deadlines(clock), clock, unverifiable };
    return new Delivery({
      queue: this.#queue,
      settings,
      hostname,
      clock,
      random: Math.random,
      route: this.#routing.route,
      open: (host, signal, requireTls) => {
        const { delivery: settings, hostname } = this.#config;
        return openClient(host, { ...connecting, settings, hostname, signal, requireTls });
      },
      pool: new Pool({ idleTimeout: settings.idleTimeout, clock }),
      stories: this.#stories,
      observer: this.#events,
      holds,
    });
  }
}
