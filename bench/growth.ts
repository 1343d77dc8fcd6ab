/**
 * Whether the program stays as fast when much mail waits: for each size, a server
 * on a spool with as many deferred messages for 10,000 domains, beside one with
 * an empty spool, in the same run and by turns. Prints the time to the first
 * accept and until all waiting mail is known, the memory of a waiting message,
 * and what fresh mail costs to accept and to relay. Then a destination that does
 * not answer gets `--dead` messages, while a client measures how long its own
 * take to be accepted. Fails with a line that says what is missing or too slow.
 *
 * `deno run -A bench/growth.ts [--sizes 10000,100000,1000000] [--messages 5000] [--dead 100000]`
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { freePort } from "../tests/helpers/free_port.ts";
import { withTempDir } from "../tests/helpers/temp_dir.ts";
import { NextHop, sendTo, SESSIONS, SIZE } from "./growth/mail.ts";
import { MeasuredServer } from "./growth/measured_server.ts";
import { fillSpool } from "./growth/waiting_spool.ts";

const HOST = "127.0.0.1";
/** How often each server has its turn. */
const ROUNDS = 3;
/** How often the client sends that measures how long it takes, ms. */
const PROBE_EVERY = 50;

const args = parseArgs(Deno.args, { string: ["sizes", "messages", "dead"] });
const sizes = String(args.sizes ?? "10000,100000,1000000").split(",").filter(Boolean).map(Number);
const messages = Number(args.messages ?? 5000);
const dead = Number(args.dead ?? 100_000);

console.log(
  `fresh mail: ${messages} messages of ${SIZE} octets, ${SESSIONS} sessions, ` +
    `median of ${ROUNDS} rounds`,
);
for (const size of sizes) await withTempDir((directory) => measureSize(directory, size));
if (dead > 0) await withTempDir((directory) => measureDead(directory));

/** What one round took: messages a second, and processor time a message, ms. */
interface Round {
  readonly rate: number;
  readonly cost: number;
}

async function measureSize(directory: string, size: number): Promise<void> {
  const [full, empty] = [`${directory}/full`, `${directory}/empty`];
  Deno.mkdirSync(full);
  fillSpool(full, size);
  console.log(`\n${size} messages waiting`);
  console.log(`  heap                 ${await heapOfEach(full)} octets a waiting message`);
  await measureRelaying(empty, full, size);
  await measureAccepting(empty, full);
}

async function measureRelaying(empty: string, full: string, size: number): Promise<void> {
  await using hop = new NextHop();
  await using without = new MeasuredServer(empty, hop.flags);
  await Promise.all([without.firstAccept(), hop.take(1)]);
  const bare = await without.memory();
  await using server = new MeasuredServer(full, hop.flags);
  const [first] = await Promise.all([server.firstAccept(), hop.take(1)]);
  console.log(`  first accept after   ${seconds(first)}`);
  console.log(`  all known after      ${seconds(await server.said("all waiting mail is known"))}`);
  const each = Math.round((await server.memory() - bare) / size);
  console.log(`  resident             ${each} octets a waiting message, garbage included`);
  report("relay", await byTurns(without, server, (each) => relay(each, hop)));
}

async function measureAccepting(empty: string, full: string): Promise<void> {
  await using without = new MeasuredServer(empty, ["--hold"]);
  await without.firstAccept();
  await using server = new MeasuredServer(full, ["--hold"]);
  await server.said("all waiting mail is known");
  report("accept", await byTurns(without, server, ({ address }) => sendTo(address, messages)));
}

/** Measures two servers by turns; gives the median of each. */
async function byTurns(
  one: MeasuredServer,
  other: MeasuredServer,
  work: (server: MeasuredServer) => Promise<void>,
): Promise<[Round, Round]> {
  const rounds: [Round[], Round[]] = [[], []];
  for (let i = 0; i < ROUNDS; i++) {
    rounds[0].push(await timed(one, () => work(one)));
    rounds[1].push(await timed(other, () => work(other)));
  }
  return [median(rounds[0]), median(rounds[1])];
}

async function timed(server: MeasuredServer, work: () => Promise<void>): Promise<Round> {
  const [begin, spent] = [performance.now(), await server.processorTime()];
  await work();
  const cost = (await server.processorTime() - spent) / messages;
  return { rate: messages / (performance.now() - begin) * 1000, cost };
}

function median(rounds: readonly Round[]): Round {
  const middle = (numbers: number[]) => numbers.sort((a, b) => a - b)[numbers.length >> 1]!;
  return { rate: middle(rounds.map((r) => r.rate)), cost: middle(rounds.map((r) => r.cost)) };
}

function report(what: string, [empty, full]: [Round, Round]): void {
  const ratio = (full.rate / empty.rate).toFixed(2);
  const costs = (full.cost / empty.cost).toFixed(2);
  console.log(
    `  ${what.padEnd(20)} ${full.rate.toFixed(0)} messages/s, ` +
      `${ratio} × the empty spool's ${empty.rate.toFixed(0)}; ` +
      `${full.cost.toFixed(3)} ms of processor each, ${costs} ×`,
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Sends mail, and waits until nothing more of it comes out. */
async function relay(server: MeasuredServer, hop: NextHop): Promise<void> {
  const taken = hop.take(messages);
  await sendTo(server.address, messages);
  await taken;
}

async function heapOfEach(spool: string): Promise<string> {
  const program = new URL("./growth/heap.ts", import.meta.url).pathname;
  const args = ["run", "-A", "--no-check", "--v8-flags=--expose-gc", program, spool];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  return new TextDecoder().decode(stdout).trim();
}

/** Mail for a next hop that refuses connections: how fast it is taken, and how long a client waits meanwhile. */
async function measureDead(directory: string): Promise<void> {
  const refused = `--smarthost=smtp://${HOST}:${freePort(HOST)}`;
  await using server = new MeasuredServer(`${directory}/spool`, [refused]);
  await server.firstAccept();
  const [begin, spent] = [performance.now(), await server.processorTime()];
  const done = new AbortController();
  const waits = probe(server, done.signal);
  await sendTo(server.address, dead).finally(() => done.abort());
  const rate = dead / (performance.now() - begin) * 1000;
  const cost = (await server.processorTime() - spent) / dead;
  const sorted = (await waits).sort((a, b) => a - b);
  console.log(`\n${dead} messages for a destination that does not answer`);
  console.log(
    `  accept               ${rate.toFixed(0)} messages/s, ${cost.toFixed(3)} ms of processor each`,
  );
  const at = (part: number) => sorted[Math.floor(part * (sorted.length - 1))]!.toFixed(0);
  console.log(
    `  a client waits       ${at(0.5)} ms (median), ${at(0.99)} ms (99 of 100), ` +
      `${at(1)} ms at most`,
  );
}

/** Sends a message every so often until it is told to end; gives how long each took, ms. */
async function probe(server: MeasuredServer, end: AbortSignal): Promise<number[]> {
  using client = await server.talk();
  const waits: number[] = [];
  while (!end.aborted) {
    const begin = performance.now();
    await client.sendMessage();
    waits.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY));
  }
  return waits;
}
