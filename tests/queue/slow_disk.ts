/** A disk that gives what waits on it only when a test lets it. */
import { TestClock } from "../helpers/test_clock.ts";
import { openQueue, put } from "./fixtures.ts";
import { SimDisk } from "./sim_disk.ts";

/** A disk with messages that wait in files, and what lets them be read: nothing is before. */
export async function diskWithSlowFiles(count: number): Promise<
  { disk: SimDisk; ids: string[]; letRead: () => void }
> {
  const before = new SimDisk();
  const queue = await openQueue({ directory: "/spool", clock: new TestClock(), files: before });
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push((await put(queue, `message ${i}`)).id);
  await queue.close();
  const disk = before.after("kill");
  const { promise, resolve } = Promise.withResolvers<void>();
  const read = disk.read.bind(disk);
  disk.read = async (path) => {
    if (path.endsWith(".json")) await promise;
    return await read(path);
  };
  return { disk, ids, letRead: resolve };
}
