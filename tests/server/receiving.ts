/** A receiver behind a real transport, over a queue of the test's choice. */
import { assertMatch } from "@std/assert";
import {
  DEFAULT_CONFIG,
  DEFAULT_LIMITS,
  type Limits,
  type VrfyPolicy,
} from "../../config/config.ts";
import type { Hooks } from "../../policy/hooks.ts";
import { RelayPolicy } from "../../policy/relay.ts";
import { FileQueue } from "../../queue/file_queue.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import type { Queue, QueuedMessage } from "../../queue/queue.ts";
import { Events, type Listeners } from "../../server/events.ts";
import { Logins } from "../../server/logins.ts";
import { Receiver } from "../../server/receive.ts";
import { type StoryFact } from "../../history/story.ts";
import { SessionStories } from "../../transport/session_stories.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { claimOne, textOf } from "../queue/fixtures.ts";
import type { Peer } from "../transport/peer.ts";
import type { TransportOptions } from "../../transport.ts";
import { HOSTNAME, type Running, withTransport } from "../transport/running.ts";

/** The reply to what failed here and not at the client. */
export const LOCAL_ERROR = "451 4.3.0 Local error, try again later";

/** Runs a check with a queue, and closes that afterwards. */
export type QueueKind = (clock: TestClock, check: (queue: Queue) => Promise<void>) => Promise<void>;

/** A queue in memory. */
export const inMemory: QueueKind = async (clock, check) => {
  const queue = new MemoryQueue(clock);
  await check(queue);
  await queue.close();
};

/** A queue on a spool in this directory. */
export async function onSpool(
  directory: string,
  clock: TestClock,
  check: (queue: Queue) => Promise<void>,
): Promise<void> {
  const queue = await FileQueue.open({ directory, clock });
  try {
    await check(queue);
  } finally {
    await queue.close();
  }
}

/** A queue on a spool of its own. */
export const onDisk: QueueKind = (clock, check) =>
  withTempDir((directory) => onSpool(directory, clock, check));

/** Both; what is received must not depend on which it is. */
export const QUEUES: ReadonlyMap<string, QueueKind> = new Map([
  ["in memory", inMemory],
  ["on disk", onDisk],
]);

/** What a test changes. */
export interface Changes {
  readonly hooks?: Hooks;
  readonly on?: Listeners;
  readonly limits?: Partial<Limits>;
  readonly localDomains?: readonly string[];
  readonly trust?: readonly string[];
  readonly localRecipients?: readonly string[];
  readonly vrfy?: VrfyPolicy;
  readonly xclientHosts?: readonly string[];
  readonly capture?: boolean;
}

/** A receiver that runs. */
export type Receiving = Omit<Running, "handler"> & {
  readonly queue: Queue;
  /** What was told, in order. */
  readonly facts: readonly StoryFact[];
};

/** Receives for one test; clients on loopback may send to anyone unless the test says otherwise. */
export function withReceiver(
  kind: QueueKind,
  changed: Changes,
  check: (receiving: Receiving) => Promise<void>,
): Promise<void> {
  const clock = new TestClock();
  const { hooks = {}, on, localDomains = [], trust = ["127.0.0.0/8"] } = changed;
  const { localRecipients = [], vrfy = "unsure", xclientHosts = [], capture = false } = changed;
  const limits = { ...DEFAULT_LIMITS, ...changed.limits };
  const facts: StoryFact[] = [];
  const stories = { take: (fact: StoryFact) => void facts.push(fact) };
  const sessions = new SessionStories(stories, clock);
  return kind(clock, (queue) => {
    const relay = new RelayPolicy({
      trust,
      localDomains,
      localRecipients,
      trustCertificates: [],
    });
    const receiver = new Receiver({
      config: {
        ...DEFAULT_CONFIG,
        ...{ hostname: HOSTNAME, localDomains, limits, vrfy, xclientHosts, capture },
      },
      queue,
      relay,
      hooks,
      events: new Events(on),
      stories,
      sessions,
      clock,
      random: () => 0.5,
      logins: noLogins(limits, clock),
      startQueue: (domain) => queue.wake(domain),
    });
    const welcome: TransportOptions["welcome"] = (peer, record) => receiver.welcome(peer, record);
    const unbounded = (address: string) => relay.trusts(address);
    const changes = { limits, clock, welcome, unbounded, sessions };
    return withTransport(changes, (running) => check({ ...running, queue, facts }));
  });
}

function noLogins(limits: Limits, clock: TestClock): Logins {
  return new Logins({
    config: { limits, authWithoutTls: false, scramPlus: false },
    userFile: undefined,
    hooks: {},
    clock,
    random: (length) => new Uint8Array(length),
  });
}

/** The message that is due, with its content. */
export async function received(queue: Queue): Promise<{ message: QueuedMessage; text: string }> {
  const claim = await claimOne(queue);
  return { message: claim.message, text: await textOf(claim.content()) };
}

/** The session goes on: a message with nothing to object to is taken. */
export async function assertUsable(peer: Peer): Promise<void> {
  await peer.ask("RSET");
  assertMatch(
    await peer.send("Subject: hello\r\n\r\nWorld"),
    /^250 2\.0\.0 Queued as [0-9A-Z]{26}$/,
  );
}
