import { MemoryQueue } from "../../queue/memory_queue.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { testClaims } from "./claim_contract.ts";
import { testContract, type WithQueue } from "./contract.ts";
import { testOverviews } from "./overview_contract.ts";
import { testSteering } from "./steering_contract.ts";

const inMemory: WithQueue = async (test) => {
  const clock = new TestClock();
  const queue = new MemoryQueue(clock);
  await test(queue, clock);
  await queue.close();
};

testContract("memory queue", inMemory);
testClaims("memory queue", inMemory);
testOverviews("memory queue", inMemory);
testSteering("memory queue", inMemory);
