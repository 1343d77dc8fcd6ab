/** A queue with mail in it and the API in front of it, in this process; what is told and brought is kept to be looked at. */
import { ControlClient } from "../../control/client.ts";
import { apiOf } from "../../control/api.ts";
import { Audience } from "../../control/events.ts";
import type { Admission } from "../../control/guard.ts";
import { Problem } from "../../control/problem.ts";
import { Summaries } from "../../control/summary.ts";
import { Holds } from "../../deliver/holds.ts";
import type { ControlTarget, ImportedMessage, MailHolds } from "../../control/target.ts";
import { Stories, type StoryFact } from "../../history/story.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import type { Queue } from "../../queue/queue.ts";
import { TestClock } from "../helpers/test_clock.ts";

/** The pieces of a rig. */
export interface Rig {
  readonly clock: TestClock;
  readonly queue: Queue;
  readonly target: ControlTarget;
  /** What was told. */
  readonly facts: StoryFact[];
  /** What was brought, with its content as text. */
  readonly brought: (Omit<ImportedMessage, "content"> & { content: string })[];
  /** Answers a request as the API does. */
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
  readonly client: ControlClient;
}

function heldInMemory(clock: TestClock): MailHolds {
  const holds = Holds.inMemory(clock);
  return {
    holdDomain: (domain) => holds.hold(domain),
    releaseDomain: (domain) => holds.release(domain),
    heldDomains: () => holds.domains(),
    holdAll: () => holds.setForAll(true),
    releaseAll: () => holds.setForAll(false),
    isAllHeld: false,
  };
}

/** What is no problem. */
export function good<T>(answer: T | Problem): T {
  if (answer instanceof Problem) throw answer;
  return answer;
}

/** Makes a rig; what is given takes the place of the rig's own. */
export function rigOf(
  own: Partial<ControlTarget> & { queue?: Queue; admission?: Admission } = {},
): Rig {
  const clock = new TestClock();
  const { queue = new MemoryQueue(clock), admission = { by: "socket" }, ...rest } = own;
  const facts: StoryFact[] = [];
  const brought: Rig["brought"] = [];
  const stories = new Stories([{ take: (fact) => facts.push(fact) }]);
  const parts = { clock, queue, stories };
  const target: ControlTarget = {
    ...parts,
    summaries: new Summaries(queue, clock),
    audience: new Audience(parts),
    holds: heldInMemory(clock),
    version: "1.2.3",
    hostname: "mx.example.org",
    messageSize: 1000,
    startedAt: clock.now(),
    notReady: () => Promise.resolve([]),
    bring: async ({ from, to, content }) => {
      brought.push({ from, to, content: await new Response(content).text() });
      return { id: `0${"A".repeat(24)}${brought.length}` };
    },
    ...rest,
  };
  const app = apiOf(target, admission);
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has("host")) headers.set("host", "localhost");
    return await app.fetch(new Request(`http://localhost${path}`, { ...init, headers }));
  };
  const client = ControlClient.inProcess((request) => app.fetch(request));
  return { clock, queue, target, facts, brought, ask, client };
}
