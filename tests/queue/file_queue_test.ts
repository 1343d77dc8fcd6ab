import { TestClock } from "../helpers/test_clock.ts";
import { testClaims } from "./claim_contract.ts";
import { testContract, type WithQueue } from "./contract.ts";
import { openQueue } from "./fixtures.ts";
import { testOverviews } from "./overview_contract.ts";
import { testSteering } from "./steering_contract.ts";

/** Gives each test a queue on real files. */
function onFiles(contentBudget: number | undefined): WithQueue {
  return async (test) => {
    const directory = await Deno.makeTempDir();
    try {
      const clock = new TestClock();
      const queue = await openQueue({ directory, clock, contentBudget });
      await test(queue, clock);
      await queue.close();
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  };
}

/** The contract, once as configured by default and once with nothing kept in memory. */
for (
  const [name, contentBudget] of [
    ["file queue", undefined],
    ["file queue without memory", 0],
  ] as const
) {
  testContract(name, onFiles(contentBudget));
  testClaims(name, onFiles(contentBudget));
  testOverviews(name, onFiles(contentBudget));
  testSteering(name, onFiles(contentBudget));
}
