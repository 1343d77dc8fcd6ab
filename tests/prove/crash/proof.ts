/**
 * The crash proof: many senders, a server that is killed again and again while
 * it receives, delivers, starts and stops, next hops that fail now and then, and
 * at the end the question whether every acknowledged message has come.
 *
 * @module
 */
import { selfSignedCertificate } from "../../../transport/certificate.ts";
import { DnsServer } from "../../helpers/dns_server.ts";
import { freePort } from "../../helpers/free_port.ts";
import { pause, within } from "../pause.ts";
import { SeededRandom } from "../seeded_random.ts";
import { Ledger, type SubmissionState } from "./ledger.ts";
import { DOMAINS, SENDER_DOMAIN } from "./mail.ts";
import { chooseMoment, waitFor } from "./moments.ts";
import { NextHop } from "./next_hop.ts";
import { Sender } from "./sender.ts";
import { ServerRun, type Stage } from "./server_run.ts";
import { isComplete, judge, type Verdict } from "./verdict.ts";

/** What is proved on what. */
export interface CrashOptions {
  /** The choices. */
  readonly seed: number;
  /** How often the server is killed. */
  readonly kills: number;
  /** How many senders there are. */
  readonly senders: number;
  /** The path or URL of the program. */
  readonly main: string;
  /** A directory without a spool, for the spool and what else the server needs. */
  readonly directory: string;
  /** Told how it gets on. */
  readonly progress?: (text: string) => void;
}

/** What came of it. Times in ms. */
export interface CrashResult extends Verdict {
  /** How often the server was killed at each stage. */
  readonly kills: ReadonlyMap<Stage, number>;
  /** How long it took in all. */
  readonly took: number;
  /** How many submissions ended in each state. */
  readonly submissions: Readonly<Record<SubmissionState, number>>;
  /** From each start to listening. */
  readonly untilListening: readonly number[];
  /** Files that are left in the spool though nothing waits. */
  readonly leftovers: readonly string[];
  /** What the server should not have said, or done. */
  readonly complaints: readonly string[];
}

/** Whether the claim held: nothing lost, nothing changed, nothing twice without a reason, nothing left behind. */
export function held(result: CrashResult): boolean {
  const faults = [result.corrupt, result.unexplained, result.leftovers, result.complaints];
  return result.lostCount === 0 && faults.every((list) => list.length === 0);
}

/** Addresses of the next hops. */
const HOPS = ["127.0.0.2", "127.0.0.3"] as const;

/** Retries so quick that mail goes through all of its states in the time between kills. */
const SETTINGS = `
[retry]
first = "500ms"
longest = "2s"
jitter = 0.5
`;

/** With nothing new for this long, ms, nothing more is going to come. */
const QUIET = 5000;
/** How long senders may take to bring what they had begun, ms. */
const TO_FINISH = 30_000;
/** How often, ms, it is looked whether the queue is empty. */
const LOOK_EVERY = 100;
/** How often a stop in good order may leave mail that was queued but not acknowledged. */
const MOST_ROUNDS = 3;

/** Carries out the proof. @throws {Error} when the server does not start, or ends without being killed. */
export async function proveCrash(options: CrashOptions): Promise<CrashResult> {
  const random = new SeededRandom(options.seed);
  const ledger = new Ledger();
  const hopPort = freePort(...HOPS);
  await using stack = new AsyncDisposableStack();
  const hops = HOPS.map((address) =>
    stack.use(new NextHop(address, hopPort, random.fork(), ledger))
  );
  const dns = stack.use(await nameServer());
  const port = lastingPort(random);
  const setting = await prepare(options, port, [
    `--delivery-port=${hopPort}`,
    `--dns=127.0.0.1:${dns.nameServer.port}`,
  ]);
  const senders = Array.from(
    { length: options.senders },
    (_, i) => new Sender(`s${i}`, port, random.fork(), ledger),
  );
  return await new Proof({ options, setting, random, ledger, hops, senders }).run();
}

/**
 * A port of 127.0.0.1 that stays free while the server is down: below those that
 * systems give to whoever asks for a free one.
 */
function lastingPort(random: SeededRandom): number {
  while (true) {
    const port = 10_000 + random.below(20_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** What is the same for every run of the server. */
interface Setting {
  readonly spool: string;
  readonly flags: readonly string[];
}

async function prepare(
  { directory }: CrashOptions,
  port: number,
  flags: readonly string[],
): Promise<Setting> {
  const spool = `${directory}/spool`;
  await Deno.mkdir(spool, { recursive: true, mode: 0o700 });
  // With a certificate that is kept in the spool every new name would cost its making.
  const { cert, key } = await selfSignedCertificate("relay.test", Date.now());
  await Deno.writeTextFile(`${directory}/settings.toml`, SETTINGS);
  await Deno.writeTextFile(`${directory}/cert.pem`, cert);
  await Deno.writeTextFile(`${directory}/key.pem`, key);
  return {
    spool,
    flags: [
      ...flags,
      "--allow-private",
      `--listen=127.0.0.1:${port}`,
      `--spool=${spool}`,
      `--config=${directory}/settings.toml`,
      `--tls-cert=${directory}/cert.pem`,
      `--tls-key=${directory}/key.pem`,
    ],
  };
}

/** Every domain has both next hops, each the other way round. */
async function nameServer(): Promise<DnsServer> {
  const dns = await DnsServer.start();
  const names = HOPS.map((address, i) => {
    dns.host(`hop${i}.test`, address);
    return `hop${i}.test`;
  });
  for (const [i, domain] of [...DOMAINS, SENDER_DOMAIN].entries()) {
    dns.mx(domain, [10, names[i % 2]!], [20, names[(i + 1) % 2]!]);
  }
  return dns;
}

/** What the proof is made with. */
interface ProofParts {
  readonly options: CrashOptions;
  readonly setting: Setting;
  readonly random: SeededRandom;
  readonly ledger: Ledger;
  readonly hops: readonly NextHop[];
  readonly senders: readonly Sender[];
}

class Proof {
  readonly #parts: ProofParts;
  readonly #runs: ServerRun[] = [];
  readonly #kills = new Map<Stage, number>();
  readonly #complaints: string[] = [];

  constructor(parts: ProofParts) {
    this.#parts = parts;
  }

  async run(): Promise<CrashResult> {
    const { options, setting, ledger, senders } = this.#parts;
    const began = Date.now();
    const sending = Promise.all(senders.map((sender) => sender.run()));
    sending.catch(() => {}); // It is waited for at the end, and says there what is wrong.
    try {
      for (let i = 1; i <= options.kills; i++) await this.#startAndKill(i);
      await this.#finish(sending);
    } finally {
      await this.#end(sending);
    }
    const verdict = judge(ledger, this.#runs);
    const leftovers = await leftoversIn(setting.spool);
    return { ...verdict, ...this.#figures(), leftovers, took: Date.now() - began };
  }

  #start(): ServerRun {
    const { options, setting } = this.#parts;
    const name = `run${this.#runs.length + 1}.relay.test`;
    const run = new ServerRun({ ...setting, main: options.main, name });
    this.#runs.push(run);
    return run;
  }

  async #startAndKill(i: number): Promise<void> {
    const { options, random, ledger } = this.#parts;
    const run = this.#start();
    await waitFor(chooseMoment(random, i), run);
    const stage = await run.kill();
    this.#kills.set(stage, (this.#kills.get(stage) ?? 0) + 1);
    const { acknowledged } = ledger.counts;
    options.progress?.(`kill ${i}: ${stage}, ${acknowledged} acknowledged so far`);
  }

  /** Lets everything come to its end: the senders, then the queue. */
  async #finish(sending: Promise<unknown>): Promise<void> {
    const { hops, senders, setting } = this.#parts;
    for (const hop of hops) hop.settleDown();
    for (const sender of senders) sender.finish();
    for (let round = 1; round <= MOST_ROUNDS; round++) {
      const run = this.#start();
      await run.listening();
      if (await within(TO_FINISH, sending) === undefined) {
        this.#complaints.push("senders could not bring their last messages");
      }
      await this.#drain();
      await run.stop();
      if (!waits(await leftoversIn(setting.spool))) return;
    }
  }

  /** Waits until everything has come and nothing is filed, or nothing new has come for long. */
  async #drain(): Promise<void> {
    const { ledger, setting } = this.#parts;
    let taken = ledger.taken.length;
    let newsAt = Date.now();
    while (Date.now() - newsAt < QUIET) {
      if (!waits(await leftoversIn(setting.spool)) && isComplete(ledger)) return;
      await pause(LOOK_EVERY);
      if (ledger.taken.length > taken) newsAt = Date.now();
      taken = ledger.taken.length;
    }
  }

  /** Leaves nothing running, whatever happened. */
  async #end(sending: Promise<unknown>): Promise<void> {
    for (const sender of this.#parts.senders) sender.giveUp();
    await Promise.all([sending, ...this.#runs.map((run) => run[Symbol.asyncDispose]())]);
  }

  #figures(): Pick<CrashResult, "kills" | "submissions" | "untilListening" | "complaints"> {
    const errors = this.#runs.flatMap((run) => run.errors.map((line) => `${run.name}: ${line}`));
    return {
      kills: this.#kills,
      submissions: this.#parts.ledger.counts,
      untilListening: this.#runs.flatMap(({ listeningAt, startedAt }) =>
        listeningAt === undefined ? [] : [listeningAt - startedAt]
      ),
      complaints: [...this.#complaints, ...this.#parts.ledger.refusals, ...errors],
    };
  }
}

/** Every file of the spool that does not belong into an empty one, as paths below it. */
async function leftoversIn(spool: string): Promise<string[]> {
  const found: string[] = [];
  for (const directory of ["", "journal/", "corrupt/"]) {
    try {
      for await (const { name, isFile } of Deno.readDir(`${spool}/${directory}`)) {
        if (isFile && name !== ".lock") found.push(directory + name);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found;
}

/** Whether mail is among the files of a spool, the journal aside. */
function waits(files: readonly string[]): boolean {
  return files.some((path) => /^[^/]+\.(json|eml)$/.test(path));
}
