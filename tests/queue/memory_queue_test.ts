import { MemoryQueue } from "../../queue/memory_queue.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { testContract } from "./contract.ts";

testContract("memory queue", async (test) => {
  const clock = new TestClock();
  const queue = new MemoryQueue(clock);
  await test(queue, clock);
  await queue.close();
});
