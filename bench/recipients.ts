/**
 * What many recipients cost: one message of 4 KiB to 1,000 recipients, two at
 * each of 500 domains, against 1,000 messages to one of them each. The two take
 * turns; prints the time until the last is delivered and the processor time of
 * the server, and the ratios. Fails with a line that says what is missing or did
 * not end in time.
 *
 * `deno run -A bench/recipients.ts [ROUNDS]`
 *
 * @module
 */
import { DnsServer } from "../tests/helpers/dns_server.ts";
import { feed, type Load, wireOf } from "./delivery/feed.ts";
import { median } from "./delivery/median.ts";
import { HOST, withServer } from "./delivery/server.ts";
import { withSink } from "./delivery/sink.ts";

const DOMAINS = 500;
const SESSIONS = 20;

/** What a round took, ms. */
interface Round {
  /** From the first command until the next hop has the last message. */
  readonly time: number;
  /** Of the server's processor. */
  readonly cpu: number;
}

const rounds = Number(Deno.args[0] ?? 5);
const wire = wireOf(4096);
const domains = Array.from({ length: DOMAINS }, (_, i) => `d${i}.example.net`);
const recipients = domains.flatMap((domain) => [`one@${domain}`, `two@${domain}`]);
const together: Load[] = [{ recipients, wire }];
const apart: Load[] = recipients.map((recipient) => ({ recipients: [recipient], wire }));

const one: Round[] = [];
const many: Round[] = [];
for (let round = 0; round < rounds; round++) {
  one.push(await roundOf(together, DOMAINS));
  many.push(await roundOf(apart, recipients.length));
}
console.log(
  `${recipients.length} recipients at ${DOMAINS} domains, median of ${rounds} rounds each`,
);
report("one message", one);
report(`${apart.length} messages`, many);
const [time, cpu] = [share(({ time }) => time), share(({ cpu }) => cpu)];
console.log(`one message takes ${time} of the time and ${cpu} of the processor`);

function report(what: string, figures: readonly Round[]): void {
  const time = median(figures.map((one) => one.time)).toFixed(0);
  const cpu = median(figures.map((one) => one.cpu)).toFixed(0);
  console.log(`${what.padEnd(14)} ${time.padStart(6)} ms, ${cpu.padStart(6)} ms of processor`);
}

function share(of: (round: Round) => number): string {
  return (median(one.map(of)) / median(many.map(of))).toFixed(2);
}

/** Brings the messages to a fresh server and waits until they have all gone, in so many transactions. */
async function roundOf(loads: readonly Load[], transactions: number): Promise<Round> {
  await using dns = await DnsServer.start();
  dns.host("mx.example.net", HOST);
  for (const domain of domains) dns.mx(domain, [10, "mx.example.net"]);
  const { host, port } = dns.nameServer;
  return await withSink(
    transactions,
    (sink) =>
      withServer([`--dns=${host}:${port}`, `--delivery-port=${sink.port}`], async (server) => {
        const [begin, cpu] = [performance.now(), await server.cpu()];
        await feed(server.port, loads, SESSIONS);
        await sink.full;
        return { time: performance.now() - begin, cpu: await server.cpu() - cpu };
      }),
  );
}
