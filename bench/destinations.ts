/**
 * Whether destinations that hang slow down the mail to others: 5 messages of
 * 4 KiB to each of 900 destinations, alone and while others, 100 unless told
 * otherwise, accept connections and never say a word. The two take turns; prints
 * the throughput to the 900, the processor time of each message, and the ratio. Fails with a line that says what is
 * missing or did not end in time.
 *
 * `deno run -A bench/destinations.ts [HANGING [ROUNDS]]`
 *
 * @module
 */
import { DnsServer } from "../tests/helpers/dns_server.ts";
import { freePort } from "../tests/helpers/free_port.ts";
import { DEAF_ADDRESS, DeafHost } from "./delivery/deaf.ts";
import { feed, type Load, wireOf } from "./delivery/feed.ts";
import { median } from "./delivery/median.ts";
import { HOST, withServer } from "./delivery/server.ts";
import { withSink } from "./delivery/sink.ts";

const DESTINATIONS = 900;
const EACH = 5;
const MESSAGES = DESTINATIONS * EACH;
const SESSIONS = 20;
/** How long the destinations that hang are given to take their places, ms. */
const HEAD_START = 3000;

const hanging = Number(Deno.args[0] ?? 100);
const rounds = Number(Deno.args[1] ?? 7);
const wire = wireOf(4096);

/** What a round gave. */
interface Round {
  /** Messages a second to the destinations that answer. */
  readonly rate: number;
  /** Processor time of the server for each of them, µs. */
  readonly cpu: number;
}

const alone: Round[] = [];
const beside: Round[] = [];
for (let round = 0; round < rounds; round++) {
  // Each goes first by turns: what the machine does besides changes within minutes.
  if (round % 2 === 0) alone.push(await roundBeside(0));
  beside.push(await roundBeside(hanging));
  if (round % 2 === 1) alone.push(await roundBeside(0));
}
console.log(
  `${MESSAGES} messages to ${DESTINATIONS} destinations, median of ${rounds} rounds each`,
);
report("alone", alone);
report(`beside ${hanging} that hang`, beside);
const ratios = beside.map(({ rate }, i) => rate / alone[i]!.rate);
console.log(`ratio of the rates, median of the rounds' own: ${median(ratios).toFixed(2)}`);

function report(what: string, figures: readonly Round[]): void {
  const rate = Math.round(median(figures.map((one) => one.rate)));
  const cpu = Math.round(median(figures.map((one) => one.cpu)));
  const each = figures.map((one) => Math.round(one.rate)).join(", ");
  console.log(`${what.padEnd(24)} ${rate} messages/s (${each}), ${cpu} µs of processor each`);
}

/** Sends to the destinations that answer while so many others hang. */
async function roundBeside(count: number): Promise<Round> {
  const deaf = new DeafHost(freePort(HOST));
  await using dns = await DnsServer.start();
  const names = scriptNames(dns, count);
  const { host, port } = dns.nameServer;
  const flags = [`--dns=${host}:${port}`, `--delivery-port=${deaf.port}`];
  try {
    return await withSink(MESSAGES, (sink) =>
      withServer(flags, async (server) => {
        await feed(server.port, loadsFor(names.deaf), SESSIONS);
        await passed(HEAD_START);
        const [begin, cpu] = [performance.now(), await server.cpu()];
        await feed(server.port, loadsFor(names.answering), SESSIONS);
        await sink.full;
        const seconds = (performance.now() - begin) / 1000;
        const micros = 1000 * (await server.cpu() - cpu);
        return { rate: MESSAGES / seconds, cpu: micros / MESSAGES };
      }), deaf.port);
  } finally {
    await deaf.close();
  }
}

/** Gives every destination a mail host. */
function scriptNames(dns: DnsServer, count: number): { answering: string[]; deaf: string[] } {
  dns.host("mx.answering.test", HOST);
  dns.host("mx.deaf.test", DEAF_ADDRESS);
  const answering = Array.from({ length: DESTINATIONS }, (_, i) => `d${i}.answering.test`);
  const deaf = Array.from({ length: count }, (_, i) => `d${i}.deaf.test`);
  for (const name of answering) dns.mx(name, [10, "mx.answering.test"]);
  for (const name of deaf) dns.mx(name, [10, "mx.deaf.test"]);
  return { answering, deaf };
}

/** Messages to all destinations by turns. */
function loadsFor(names: readonly string[]): Load[] {
  const loads: Load[] = [];
  for (let i = 0; i < EACH; i++) {
    for (const name of names) loads.push({ recipients: [`user@${name}`], wire });
  }
  return loads;
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
