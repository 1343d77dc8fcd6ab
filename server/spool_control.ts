/**
 * The API for a spool that no server has open: the same operations, done under the
 * spool's lock, in this process. Nothing is delivered by it; what is changed waits for
 * the next start.
 *
 * @module
 */
import manifest from "../deno.json" with { type: "json" };
import { type Clock, systemClock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import { ControlClient } from "../control/client.ts";
import { Audience } from "../control/events.ts";
import { Summaries } from "../control/summary.ts";
import type { ControlTarget, MailHolds } from "../control/target.ts";
import { Holds } from "../deliver/holds.ts";
import type { History } from "../history/history.ts";
import { Stories } from "../history/story.ts";
import { FileQueue } from "../queue/file_queue.ts";
import { Events } from "./events.ts";
import { openHistory } from "./kept_history.ts";
import { planMail } from "./plan_mail.ts";
import { send } from "./send.ts";

/** A spool that was opened to be looked into and steered. */
export interface OpenedSpool extends AsyncDisposable {
  /** The API of the spool. */
  readonly client: ControlClient;
}

/**
 * Opens the spool of a configuration, and waits until all that lies in it is known.
 *
 * @throws {SpoolError} when it is held by a server, or cannot be used
 */
export async function openSpoolControl(
  config: Config,
  clock: Clock = systemClock,
): Promise<OpenedSpool> {
  const { apiOf } = await import("../control/api.ts");
  const queue = await FileQueue.open({ directory: config.spool, clock });
  await queue.allRead;
  const holds = await Holds.open({ directory: config.spool, clock });
  const history = await openHistory(config, clock);
  const app = apiOf(targetOf(config, { queue, holds, history, clock }), { by: "spool" });
  return {
    client: ControlClient.inProcess((request) => app.fetch(request)),
    [Symbol.asyncDispose]: async () => {
      await history?.close();
      await queue.close();
    },
  };
}

/** What a spool holds, opened. */
interface Opened {
  readonly queue: FileQueue;
  readonly holds: Holds;
  readonly history: History | undefined;
  readonly clock: Clock;
}

/** What the API speaks for. */
function targetOf(config: Config, { queue, holds, history, clock }: Opened): ControlTarget {
  const { hostname, limits, capture } = config;
  const stories = new Stories(history === undefined ? [] : [history]);
  const parts = { clock, queue, stories };
  const sending = {
    ...parts,
    events: new Events(),
    hostname,
    messageSize: limits.messageSize,
    capture,
    origin: "import" as const,
  };
  return {
    ...parts,
    summaries: new Summaries(queue, clock),
    audience: new Audience(parts),
    holds: holdsWithoutServer(holds),
    ...(history !== undefined && { history }),
    plan: (question) => planMail(config, question, clock),
    version: manifest.version,
    hostname,
    messageSize: limits.messageSize,
    notReady: () => Promise.resolve([{ code: "no_server", text: "no server runs" }]),
    bring: (message) => send(message, sending),
  };
}

/** What is recorded is what a server finds at its start. */
function holdsWithoutServer(holds: Holds): MailHolds {
  return {
    holdDomain: (domain) => holds.hold(domain),
    releaseDomain: (domain) => holds.release(domain),
    heldDomains: () => holds.domains(),
    holdAll: () => holds.setForAll(true),
    releaseAll: () => holds.setForAll(false),
    get isAllHeld(): boolean {
      return holds.areForAll;
    },
  };
}
