/**
 * What a message's size costs: messages of 1 KiB to 100 MiB through the server,
 * one after the other, to one next hop. Prints for each size the time of a
 * message, the processor time of the server for each MiB, and the most memory
 * that it had in use. Fails with a line that says what is missing or did not end
 * in time.
 *
 * `deno run -A bench/sizes.ts`
 *
 * @module
 */
import { feed, type Load, wireOf } from "./delivery/feed.ts";
import { HOST, type MeasuredServer, withServer } from "./delivery/server.ts";
import { type Sink, withSink } from "./delivery/sink.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Sizes, and how many messages of each: about as much mail for each size, within bounds. */
const COURSES = [
  { size: KIB, count: 1000 },
  { size: 10 * KIB, count: 1000 },
  { size: 100 * KIB, count: 500 },
  { size: MIB, count: 100 },
  { size: 10 * MIB, count: 20 },
  { size: 100 * MIB, count: 3 },
] as const;

console.log("size      messages  ms each  ms of processor each  and per MiB  peak memory");
for (const course of COURSES) {
  // A server for each, so that none has the memory of the one before.
  await withSink(
    course.count + 1,
    (sink) =>
      withServer(
        [`--smarthost=smtp://${HOST}:${sink.port}`],
        (server) => measure(course, server, sink),
      ),
  );
}

async function measure(
  { size, count }: { readonly size: number; readonly count: number },
  server: MeasuredServer,
  sink: Sink,
): Promise<void> {
  const load: Load = { recipients: ["recipient@example.net"], wire: wireOf(size) };
  await feed(server.port, [load], 1); // what is read and compiled for the first message is not its size's doing
  await server.resetPeak();
  const [begin, cpu] = [performance.now(), await server.cpu()];
  await feed(server.port, Array.from({ length: count }, () => load), 1);
  await sink.full;
  const each = (performance.now() - begin) / count;
  const cpuEach = (await server.cpu() - cpu) / count;
  const columns = [
    shown(size).padEnd(9),
    String(count).padStart(8),
    each.toFixed(2).padStart(8),
    cpuEach.toFixed(2).padStart(21),
    (cpuEach * MIB / size).toFixed(1).padStart(12),
    `${Math.round(await server.peak() / MIB)} MiB`.padStart(12),
  ];
  console.log(columns.join(" "));
}

function shown(size: number): string {
  return size < MIB ? `${size / KIB} KiB` : `${size / MIB} MiB`;
}
