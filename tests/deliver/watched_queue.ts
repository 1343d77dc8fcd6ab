/** A queue in memory that counts what is asked of it, and that a test can make slow or faulty. */
import { MemoryQueue } from "../../queue/memory_queue.ts";
import type { Claim, Draft, Settlement } from "../../queue/queue.ts";
import { TestClock } from "../helpers/test_clock.ts";

/** The queue, on a clock of its own. */
export class WatchedQueue extends MemoryQueue {
  readonly clock: TestClock;
  /** How often mail was claimed, by time or by id. */
  claims = 0;
  /** How often waiting mail was woken. */
  wakes = 0;
  /** What happens before messages are claimed because they are due. */
  beforeClaim: () => Promise<unknown> = nothing;
  /** What happens before a settlement is recorded. */
  beforeSettle: (settlement: Settlement) => Promise<unknown> = nothing;
  /** What happens before a message is made durable. */
  beforeCommit: () => Promise<unknown> = nothing;

  constructor(clock: TestClock = new TestClock()) {
    super(clock);
    this.clock = clock;
  }

  override draft(): Draft {
    const draft = super.draft();
    const commit = draft.commit.bind(draft);
    draft.commit = async (envelope, options) => {
      await this.beforeCommit();
      return await commit(envelope, options);
    };
    return draft;
  }

  override async claim(limit: number): Promise<Claim[]> {
    this.claims++;
    await this.beforeClaim();
    return (await super.claim(limit)).map((claim) => this.#watched(claim));
  }

  override async claimById(id: string): Promise<Claim | undefined> {
    this.claims++;
    const claim = await super.claimById(id);
    return claim && this.#watched(claim);
  }

  override wake(domain?: string): number {
    this.wakes++;
    return super.wake(domain);
  }

  #watched(claim: Claim): Claim {
    const settle = claim.settle.bind(claim);
    claim.settle = async (settlement) => {
      await this.beforeSettle(settlement);
      await settle(settlement);
    };
    return claim;
  }
}

function nothing(): Promise<void> {
  return Promise.resolve();
}
