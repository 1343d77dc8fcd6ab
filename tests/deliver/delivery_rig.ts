/**
 * Delivery on a bench: the scheduler with its real client and pool, a queue in
 * memory, and time and routes under a test's control.
 */
import type { DeliverySettings } from "../../config/config.ts";
import { Delivery } from "../../deliver.ts";
import type { SmtpClient } from "../../deliver/client.ts";
import { openClient } from "../../deliver/connect.ts";
import type {
  BouncedEvent,
  DeferredEvent,
  DeliveredEvent,
  DeliveryEvents,
  DeliveryObserver,
} from "../../deliver/events.ts";
import { Holds } from "../../deliver/holds.ts";
import { Pool } from "../../deliver/pool.ts";
import type { StoryFact } from "../../history/story.ts";
import type { Envelope } from "../../message/envelope.ts";
import type { Host, Route } from "../../deliver/route.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import type { Queue, QueuedMessage } from "../../queue/queue.ts";
import { encode } from "../../base/bytes.ts";
import { freePort } from "../helpers/free_port.ts";
import { connectOptions } from "../helpers/outgoing.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { turns, until } from "../helpers/waiting.ts";

/** A minute, ms. */
export const MINUTE = 60_000;

/** Where delivery is to go; a domain that is not named does not exist. */
export type Hosts = Readonly<Record<string, readonly Host[]>>;

/** What a rig is made of; everything has a default. */
export interface RigOptions {
  /** Instead of hosts by name. */
  readonly route?: (destination: string) => Promise<Route>;
  /** Instead of connecting. */
  readonly open?: (host: Host) => Promise<SmtpClient>;
  readonly settings?: Partial<DeliverySettings>;
  readonly clock?: TestClock;
  readonly queue?: Queue;
  readonly holds?: Holds;
}

/** What delivery told, by event. */
type Events = { readonly [E in keyof DeliveryEvents]: DeliveryEvents[E][] };

/** Delivery and all that it needs. */
export class Rig implements AsyncDisposable {
  readonly clock: TestClock;
  readonly queue: Queue;
  readonly delivery: Delivery;
  readonly delivered: DeliveredEvent[] = [];
  readonly deferred: DeferredEvent[] = [];
  readonly bounced: BouncedEvent[] = [];
  readonly facts: StoryFact[] = [];
  #stopped: Promise<void> | undefined;

  /** Nothing goes before `delivery.start()`. Jitter is nil. */
  constructor(
    hosts: Hosts,
    { settings: changes, clock, queue, holds, ...doubles }: RigOptions = {},
  ) {
    this.clock = clock ?? new TestClock();
    this.queue = queue ?? new MemoryQueue(this.clock);
    const connecting = connectOptions({ ...changes, allowPrivate: true }, this.clock);
    const { settings, hostname } = connecting;
    this.delivery = new Delivery({
      queue: this.queue,
      settings,
      hostname,
      clock: this.clock,
      random: () => 0.5,
      route: doubles.route ?? ((destination) => Promise.resolve(routeTo(hosts[destination]))),
      open: doubles.open ?? ((host, signal) => openClient(host, { ...connecting, signal })),
      pool: new Pool({ idleTimeout: settings.idleTimeout, clock: this.clock }),
      stories: { take: (fact) => void this.facts.push(fact) },
      observer: observerInto(this),
      holds: holds ?? Holds.inMemory(this.clock),
    });
  }

  /** Queues a message; gives its id. */
  async send(
    recipients: string | readonly string[],
    from = "sender@me.test",
    more: Partial<Envelope> = {},
  ): Promise<string> {
    const draft = this.queue.draft();
    await draft.write(encode("Subject: x\r\n\r\nHello\r\n"));
    const { id } = await draft.commit({
      reversePath: from,
      recipients: typeof recipients === "string" ? [recipients] : recipients,
      smtputf8: false,
      body: "7BIT",
      client: { address: "127.0.0.1", port: 1, helo: "client.test", protocol: "ESMTP" },
      ...more,
    });
    return id;
  }

  /** Queues as many messages to one recipient. */
  async sendMany(count: number, recipient: string): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) ids.push(await this.send(recipient));
    return ids;
  }

  /** The message as recorded. @throws when it is not in the queue. */
  async message(id: string): Promise<QueuedMessage> {
    const message = await this.queue.read(id);
    if (message === undefined) throw new Error(`message ${id} is not in the queue`);
    return message;
  }

  /** Waits until nothing is under way. */
  async idle(): Promise<void> {
    await turns(3); // what is due may still be about to be claimed
    await until(() => this.queue.counts().active === 0);
  }

  /** Lets time pass, timer by timer, and waits each time until nothing is under way. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    await this.idle();
    while (this.clock.now() < end) {
      this.clock.advance(Math.min(this.clock.nextTimer(), end) - this.clock.now());
      await this.idle();
    }
  }

  /** Stops, once; with no more time for what is under way unless told otherwise. */
  stop(grace = 0): Promise<void> {
    if (this.#stopped === undefined) {
      this.#stopped = this.delivery.stop(grace);
      if (grace === 0) this.clock.advance(0);
    }
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function observerInto(events: Events): DeliveryObserver {
  return { emit: (event, detail) => void events[event].push(detail) };
}

/** What these hosts are as a route; without any there is no such domain. */
export function routeTo(hosts: readonly Host[] | undefined): Route {
  if (hosts !== undefined) return { kind: "hosts", hosts: each(hosts) };
  const error = {
    enhanced: "5.1.2",
    text: "no such domain",
    scope: "host",
    permanent: true,
  } as const;
  return { kind: "failure", error };
}

async function* each(hosts: readonly Host[]): AsyncGenerator<Host> {
  yield* hosts;
}

/** A host at which nobody listens. */
export function deadHost(): Host {
  return { name: "dead.test", address: "127.0.0.1", port: freePort("127.0.0.1") };
}
