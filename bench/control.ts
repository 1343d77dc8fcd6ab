/**
 * Whether looking at a long queue is quick, and whether mail notices: a server on a
 * spool in which so many deferred messages wait for 1,000 domains. It is asked over
 * its socket and its page, alone: how long each answer takes, and how long another
 * client waits for a reply meanwhile. Then it relays fresh mail in rounds, by turns with
 * and without those who look on: an administrator who asks so often, and an open page,
 * which listens to events and renews itself twice a second. The ratios are those of
 * neighbouring rounds. Fails with a line that says what is missing or what the server
 * answered.
 *
 * `deno run -A bench/control.ts [--waiting 100000] [--messages 3000] [--rounds 10] [--every 1000]`
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { freePort } from "../tests/helpers/free_port.ts";
import { withTempDir } from "../tests/helpers/temp_dir.ts";
import { NextHop, sendTo, SESSIONS, SIZE } from "./growth/mail.ts";
import { MeasuredServer } from "./growth/measured_server.ts";
import { fillSpool } from "./growth/waiting_spool.ts";

const DOMAINS = 1000;
/** How often each question is asked when the server has nothing else to do. */
const ASKED = 15;
/** How long there is between two probes of the other client, ms. */
const PROBE_EVERY = 2;

/** What is asked. */
const QUESTIONS = [
  "/v1/queue",
  "/v1/queue?sort=sender&order=desc",
  "/v1/queue?domain=d7.example&error=timed",
  "/v1/queue?recipient=*77@*",
  "/v1/queue/summary",
] as const;
/** What an administrator who looks at the queue asks again and again. */
const LOOKED_AT: readonly string[] = [QUESTIONS[0], QUESTIONS[4]];

/** Where the page is. */
const WEB = `127.0.0.1:${freePort("127.0.0.1")}`;
/** Its views. */
const VIEWS = [`http://${WEB}/`, `http://${WEB}/queue`] as const;
/** What an open page listens to. */
const EVENTS = `http://${WEB}/v1/events?kinds=accepted,attempt,steered,finished,waits`;
/** How often it renews itself while something happens, ms. */
const RENEWED_EVERY = 500;

const args = parseArgs(Deno.args, { string: ["waiting", "messages", "rounds", "every"] });
const waiting = Number(args.waiting ?? 100_000);
const messages = Number(args.messages ?? 3000);
const rounds = Number(args.rounds ?? 10);
const every = Number(args.every ?? 1000);

function socketOf(spool: string): string {
  return `${spool}/control.sock`;
}

/** Asks: paths over the socket, and the page by its address. */
class Asker implements Disposable {
  readonly #client: Deno.HttpClient;

  /** One that asks a server by its socket. */
  constructor(path: string) {
    this.#client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  }

  /** Gives how long the answer took, ms. */
  async ask(question: string): Promise<number> {
    const begin = performance.now();
    const response = question.startsWith("/")
      ? await fetch(`http://localhost${question}`, { client: this.#client })
      : await fetch(question);
    const answer = await response.text();
    if (!response.ok) throw new Error(`${question}: ${answer}`);
    return performance.now() - begin;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

async function measureAnswers(spool: string, asker: Asker): Promise<void> {
  console.log(`${waiting} messages waiting for ${DOMAINS} domains`);
  console.log(`  the very first list took ${(await asker.ask(QUESTIONS[0])).toFixed(0)} ms`);
  const alone = await waitsWhile(spool, () => new Promise((resolve) => setTimeout(resolve, 2000)));
  console.log(`  another client waits ${waits(alone)} while nobody asks`);
  for (const question of [...QUESTIONS, ...VIEWS]) {
    const took: number[] = [];
    const others = await waitsWhile(spool, async () => {
      for (let i = 0; i < ASKED; i++) took.push(await asker.ask(question));
    });
    const shown = question.replace(`http://${WEB}`, "page ");
    console.log(`  ${shown.padEnd(40)} ${waits(took)}; another client waits ${waits(others)}`);
  }
}

/** How long a client that asks for next to nothing waits for its answers while something is done, ms. */
async function waitsWhile(spool: string, work: () => Promise<void>): Promise<number[]> {
  using other = new Asker(socketOf(spool));
  const found: number[] = [];
  let over = false;
  const done = work().finally(() => over = true);
  while (!over) {
    const begin = performance.now();
    await other.ask("/healthz");
    found.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY));
  }
  await done;
  return found;
}

function waits(took: readonly number[]): string {
  const sorted = took.toSorted((a, b) => a - b);
  return `${sorted[sorted.length >> 1]!.toFixed(1)} ms (median), ${
    sorted.at(-1)!.toFixed(1)
  } ms at most`;
}

/** What one round took: messages a second, and processor time a message, ms. */
interface Round {
  readonly rate: number;
  readonly cost: number;
}

async function measureRelaying(server: MeasuredServer, hop: NextHop, asker: Asker): Promise<void> {
  console.log(
    `relaying ${messages} messages of ${SIZE} octets, ${SESSIONS} sessions; ` +
      `${rounds} rounds each, with and without an open page and a question every ${every} ms`,
  );
  for (let i = 0; i < 2; i++) await round(server, hop);
  const found: { without: Round; asked: Round }[] = [];
  const took: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const asked = () => round(server, hop, (end) => lookOn(asker, end, took));
    // Whoever is first in a pair has no advantage of it in all.
    if (i % 2 === 0) found.push({ without: await round(server, hop), asked: await asked() });
    else found.push({ asked: await asked(), without: await round(server, hop) });
  }
  console.log(`  ${took.length} answers took ${waits(took)}`);
  report("messages/s", found.map(({ without, asked }) => [without.rate, asked.rate]));
  report("ms of processor each", found.map(({ without, asked }) => [without.cost, asked.cost]));
}

/** Relays fresh mail, while something else goes on until its signal is aborted. */
async function round(
  server: MeasuredServer,
  hop: NextHop,
  meanwhile: (end: AbortSignal) => Promise<void> = () => Promise.resolve(),
): Promise<Round> {
  const end = new AbortController();
  const taken = hop.take(messages);
  await hop.ready();
  const [begin, spent] = [performance.now(), await server.processorTime()];
  const beside = meanwhile(end.signal);
  await sendTo(server.address, messages);
  await taken;
  const took = performance.now() - begin;
  end.abort();
  await beside;
  return {
    rate: messages / took * 1000,
    cost: (await server.processorTime() - spent) / messages,
  };
}

/** An administrator and an open page, until they are told to end; tells how long each answer took. */
async function lookOn(asker: Asker, end: AbortSignal, took: number[]): Promise<void> {
  await Promise.all([
    askOn(asker, LOOKED_AT, every, end, took),
    askOn(asker, VIEWS.slice(0, 1), RENEWED_EVERY, end, took),
    listen(end),
  ]);
}

/** Asks by turns, with a pause after each answer. */
async function askOn(
  asker: Asker,
  questions: readonly string[],
  pause: number,
  end: AbortSignal,
  took: number[],
): Promise<void> {
  for (let i = 0; !end.aborted; i++) {
    took.push(await asker.ask(questions[i % questions.length]!));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pause);
      end.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}

/** Listens to what happens, until it is told to end. */
async function listen(signal: AbortSignal): Promise<void> {
  const { body } = await fetch(EVENTS);
  try {
    // Ended by the pipe: a body whose request is aborted may leave it waiting.
    await body!.pipeTo(new WritableStream(), { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function report(what: string, pairs: readonly (readonly [number, number])[]): void {
  const middle = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
  const [without, asked] = [middle(pairs.map(([a]) => a)), middle(pairs.map(([, b]) => b))];
  const ratios = pairs.map(([a, b]) => b / a).sort((a, b) => a - b);
  const at = (part: number) => ratios[Math.round(part * (ratios.length - 1))]!.toFixed(3);
  console.log(
    `  ${what.padEnd(22)} ${without.toPrecision(4)} without, ${asked.toPrecision(4)} with; ` +
      `${at(0.5)} × (median of the pairs; half of them ${at(0.25)} to ${at(0.75)})`,
  );
}

await withTempDir(async (spool) => {
  fillSpool(spool, waiting, DOMAINS);
  await using hop = new NextHop();
  await using server = new MeasuredServer(spool, [...hop.flags, `--web=${WEB}`]);
  await server.said("all waiting mail is known");
  using asker = new Asker(socketOf(spool));
  await measureAnswers(spool, asker);
  await measureRelaying(server, hop, asker);
});
