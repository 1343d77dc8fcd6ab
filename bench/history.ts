/**
 * What the history costs, and how fast a message is found in it: three facts for
 * each message, told as fast as they can be made; then the history is opened anew
 * and asked by id, sender, recipient, domain and Message-ID, and by a sender that
 * a tenth of all mail is from. Removes what it made.
 *
 * `deno run -A bench/history.ts [MESSAGES]`, 100,000 unless told otherwise.
 *
 * @module
 */
import { ulid } from "@std/ulid";
import { systemClock } from "../base/clock.ts";
import { History } from "../history/history.ts";
import type { Findings } from "../history/messages.ts";
import type { AcceptedFact } from "../history/story.ts";
import { accepted, attempt, finished } from "../tests/history/facts.ts";
import { withTempDir } from "../tests/helpers/temp_dir.ts";

const MESSAGES = Number(Deno.args[0] ?? 100_000);
/** The facts of so many messages are made and told at a time, and those of so many written: about a second's worth. */
const BUNCH = 200;
const WRITTEN_AFTER = 2000;
const DAY = 86_400_000;
/** Enough for ten millions, so that nothing goes. */
const SIZE = 16 * 1024 ** 3;
const BEGIN = Date.now() - DAY;

/** The message of a number. Its id, which would take longer than all else to make, is made when it is asked for. */
function message(i: number, id: string): AcceptedFact {
  return accepted({
    at: BEGIN + Math.floor(i * (DAY / MESSAGES)),
    id,
    from: i % 10 === 0 ? "newsletter@example.org" : `sender${i % 5000}@example${i % 100}.org`,
    to: [`user${i}@domain${i % 1000}.example`],
    messageId: `<${i}.20260101@mail.example.org>`,
  });
}

/** How long nothing else could run. */
class Pauses {
  #last = performance.now();
  #longest = 0;
  readonly #timer = setInterval(() => this.#look(), 1);

  /** Ends; gives the longest pause, ms. */
  end(): number {
    clearInterval(this.#timer);
    this.#look();
    return this.#longest;
  }

  #look(): void {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#last);
    this.#last = now;
  }
}

await withTempDir(async (directory) => {
  const options = { directory, keep: 30 * DAY, size: SIZE, clock: systemClock };
  const sample = await fill(await History.open(options));
  await search(await History.open(options), sample);
});

/** Tells the history of every message; gives one in the middle. */
async function fill(history: History): Promise<AcceptedFact> {
  const ids = Array.from({ length: MESSAGES }, (_, i) => ulid(message(i, "").at));
  const sample = message(MESSAGES >> 1, ids[MESSAGES >> 1]!);
  const before = processor();
  const began = performance.now();
  let making = 0;
  for (let i = 0; i < MESSAGES;) {
    const start = performance.now();
    const facts = [];
    for (const end = Math.min(MESSAGES, i + BUNCH); i < end; i++) {
      const fact = message(i, ids[i]!);
      facts.push(fact, attempt(fact), finished(fact));
    }
    making += performance.now() - start;
    for (const fact of facts) history.take(fact);
    if (i % WRITTEN_AFTER === 0) await history.story("");
  }
  await history.close();
  const facts = 3 * MESSAGES;
  const micros = (ms: number) => (ms * 1000 / facts).toFixed(2);
  console.log(`${MESSAGES} messages, ${facts} facts, ${history.lost} lost`);
  console.log(`processor time a fact: ${micros(processor() - before - making)} µs`);
  console.log(`elapsed a fact:        ${micros(performance.now() - began - making)} µs`);
  console.log(`on disk a message:     ${(history.octets / MESSAGES).toFixed(0)} octets`);
  return sample;
}

async function search(history: History, { id, from, to, messageId }: AcceptedFact): Promise<void> {
  const limit = 100;
  const domain = `*@${to[0]!.split("@")[1]}`;
  const [since, until] = [BEGIN + DAY / 2, BEGIN + DAY / 2 + 60_000];
  await timed("story of an id", () => history.story(id));
  await timed("by id", () => history.find({ id, limit }));
  await timed("by sender", () => history.find({ from, limit }));
  await timed("by recipient", () => history.find({ to: to[0]!, limit }));
  await timed("by Message-ID", () => history.find({ messageId, limit }));
  await timed("by a recipient's domain", () => history.find({ to: domain, limit }));
  await timed("by a common sender", () => history.find({ from: "newsletter@example.org", limit }));
  await timed("by sender and recipient", () => history.find({ from, to: to[0]!, limit }));
  await timed("by one minute", () => history.find({ since, until, limit }));
  await timed("the newest", () => history.find({ limit }));
  await timed("refused to an address", () => history.refusals({ to: "bob@example.net", limit }));
  await timed("failed in half a day", () => history.find({ outcome: "failed", since, limit }));
  await timed("waiting since half a day", () => history.find({ outcome: "waiting", since, limit }));
  await timed(
    "waiting of a sender",
    () => history.find({ from: "newsletter@example.org", outcome: "waiting", limit }),
  );
  await timed("what is not there", () => history.find({ to: "nobody@nowhere.example", limit }));
  console.log(`memory: ${(Deno.memoryUsage().rss / 1024 ** 2).toFixed(0)} MiB resident`);
  await history.close();
}

/** What a search gives: facts, or messages. */
type Found = readonly unknown[] | Findings;

function countOf(found: Found): string {
  if (!("messages" in found)) return `${found.length}`;
  const end = found.lookedBackTo === undefined ? "" : ", and not through,";
  return `${found.messages.length}${end}`;
}

async function timed(what: string, work: () => Promise<Found>): Promise<void> {
  const pauses = new Pauses();
  const start = performance.now();
  const found = countOf(await work());
  const took = (performance.now() - start).toFixed(1);
  const longest = pauses.end().toFixed(1);
  console.log(
    `${what.padEnd(25)} ${took.padStart(8)} ms   ${found} found   nothing else for ${longest} ms`,
  );
}

/** The processor time of this process so far, all threads, ms. */
function processor(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13);
  const HERTZ = 100;
  return (Number(user) + Number(system)) * (1000 / HERTZ);
}
