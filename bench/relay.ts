/**
 * How fast messages are taken and relayed, seen from outside, beside Postfix:
 * 4 KiB a message, 50 sessions at once, from smtp-source to smtp-sink. The
 * servers take turns, each started afresh and warmed up; of several runs the
 * median counts. Without Postfix's server, or not as root, ours is measured
 * alone. Fails with a line that says what is missing or did not end in time.
 *
 * `deno run -A bench/relay.ts [--messages N] [--runs N] [--tls]`; `--tls` relays
 * with STARTTLS on both sides instead.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { Certificate } from "../config/config.ts";
import { freePort } from "../tests/helpers/free_port.ts";
import { withTempDir } from "../tests/helpers/temp_dir.ts";
import { tool } from "../tests/helpers/tools.ts";
import { selfSignedCertificate } from "../transport/certificate.ts";
import { HOST, sendAll, SESSIONS, Sink, SIZE } from "./relay/load.ts";
import { greets, Process } from "./relay/process.ts";
import { type Contender, OURS, postfix } from "./relay/servers.ts";
import { type Tunnel, tunnelIn, tunnelOut } from "./relay/stunnel.ts";

/** What is measured: until the last message is durable, or until the next hop has it. */
interface Way {
  readonly name: string;
  readonly relayed: boolean;
  readonly kept: boolean;
  readonly tls: boolean;
}

const WAYS: readonly Way[] = [
  { name: "taken, a connection each", relayed: false, kept: false, tls: false },
  { name: "taken, kept connections", relayed: false, kept: true, tls: false },
  { name: "relayed, a connection each", relayed: true, kept: false, tls: false },
  { name: "relayed, kept connections", relayed: true, kept: true, tls: false },
];
const TLS_WAYS: readonly Way[] = [
  { name: "relayed, kept, STARTTLS", relayed: true, kept: true, tls: true },
];
/** How much is sent before what counts, so that code is compiled and processes are there. */
const WARM_UP = 0.3;

const flags = parseArgs(Deno.args, {
  string: ["messages", "runs"],
  boolean: ["tls"],
  default: { messages: "2000", runs: "3" },
});
const messages = Number(flags.messages);
const runs = Number(flags.runs);
const [source, sinkProgram] = [needed("smtp-source", "Postfix"), needed("smtp-sink", "Postfix")];

const peer = await postfix();
if (typeof peer === "string") console.log(`${peer}: ours is measured alone`);
const contenders = typeof peer === "string" ? [OURS] : [peer, OURS];
console.log(
  `${messages} messages of ${SIZE} octets, ${SESSIONS} sessions, medians of ${runs} runs`,
);
for (const way of flags.tls ? TLS_WAYS : WAYS) await compare(way);

function needed(name: string, owner: string): string {
  const path = tool(name);
  if (path !== undefined) return path;
  console.error(`${name} is not installed; it comes with ${owner}`);
  Deno.exit(1);
}

/** Lets the servers take turns, and prints a line. */
async function compare(way: Way): Promise<void> {
  const rates = contenders.map((): number[] => []);
  for (let run = 0; run < runs; run++) {
    for (const [i, contender] of contenders.entries()) rates[i]!.push(await rate(contender, way));
  }
  const medians = rates.map(median);
  const cells = contenders.map(({ name }, i) => `${name} ${medians[i]!.toFixed(0).padStart(6)}/s`);
  const [theirs, ours] = medians;
  const ratio = ours === undefined ? "" : `   ${(ours / theirs!).toFixed(2)} x`;
  console.log(`${way.name.padEnd(28)}${cells.join("   ")}${ratio}`);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Messages a second through one server that is started for it. */
async function rate(contender: Contender, way: Way): Promise<number> {
  let result = 0;
  await withTempDir(async (directory) => {
    await using sink = await Sink.start(sinkProgram);
    if (!way.tls) return void (result = await rateOver(contender, way, directory, sink));
    result = await rateOverTls(contender, way, directory, sink);
  });
  return result;
}

async function rateOver(
  contender: Contender,
  way: Way,
  directory: string,
  sink: Sink,
): Promise<number> {
  const port = freePort(HOST);
  const nextHop = way.relayed ? sink.port : undefined;
  const place = await makeDirectory(directory, "server");
  const command = await contender.prepare({ directory: place, port, nextHop, tls: undefined });
  await using server = new Process(command);
  await greets(HOST, port, server);
  return await timed(way, port, sink);
}

async function rateOverTls(
  contender: Contender,
  way: Way,
  directory: string,
  sink: Sink,
): Promise<number> {
  const stunnel = needed("stunnel", "Debian's package stunnel4");
  const tls: Certificate = await selfSignedCertificate("bench.test", Date.now());
  const out: Tunnel = await tunnelOut(stunnel, directory, sink.port, tls);
  await using _out = out.process;
  const port = freePort(HOST);
  const place = await makeDirectory(directory, "server");
  const command = await contender.prepare({ directory: place, port, nextHop: out.port, tls });
  await using server = new Process(command);
  await greets(HOST, port, server);
  const into = await tunnelIn(stunnel, directory, port);
  await using _into = into.process;
  return await timed(way, into.port, sink);
}

async function makeDirectory(parent: string, name: string): Promise<string> {
  await Deno.chmod(parent, 0o755); // Postfix's processes pass through it as another user
  await Deno.mkdir(`${parent}/${name}`);
  return `${parent}/${name}`;
}

/** Warms up, then sends what counts. */
async function timed({ kept, relayed }: Way, port: number, sink: Sink): Promise<number> {
  const before = Math.ceil(messages * WARM_UP);
  await sendAll(source, port, { messages: before, kept });
  if (relayed) await sink.reached(before);
  const begin = performance.now();
  await sendAll(source, port, { messages, kept });
  if (relayed) await sink.reached(before + messages);
  return messages / ((performance.now() - begin) / 1000);
}
