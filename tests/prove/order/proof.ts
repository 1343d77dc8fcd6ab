/**
 * The order proof: runs of the server under strace that take a message through
 * every state of the spool, and a judgement of each call that they made. That a
 * course is not completed, or that there was nothing to judge, counts as broken.
 *
 * @module
 */
import { within } from "../pause.ts";
import { plant } from "../planted.ts";
import { binary, large, type Mail, many, small } from "../rig/mail.ts";
import { NextHop } from "../rig/next_hop.ts";
import { Play, type Recorder } from "../rig/play.ts";
import { ServerProcess } from "../rig/server_process.ts";
import { makeSetting } from "../rig/setting.ts";
import { SeededRandom } from "../seeded_random.ts";
import type { OrderFault } from "./faults.ts";
import { readTrace, straceCommand } from "./strace.ts";
import { type Occasion, type Violation, Watch } from "./watch.ts";

/** How the proof is made. */
export interface OrderOptions {
  /** strace. */
  readonly strace: string;
  /** Chooses the order in which messages come. */
  readonly seed: number;
  /** The root of the program: of this tree, or of a copy with a fault. */
  readonly root: string;
  /** An empty directory, which is there. */
  readonly directory: string;
  /** How many segments of the journal are filled; 0 for none. */
  readonly segments: number;
  /** How long deliveries are waited for, ms; a server with a fault may never make them. */
  readonly patience: number;
}

/** What came of it. */
export interface OrderResult {
  /** How many messages were acknowledged, by the way that they came. */
  readonly acknowledged: Readonly<Record<"DATA" | "BDAT" | "send()", number>>;
  /** What came too early. */
  readonly violations: readonly Violation[];
  /** How often there was something to judge. */
  readonly occasions: ReadonlyMap<Occasion, number>;
  /** Calls and their ends that were looked at. */
  readonly events: number;
  /** What else was wrong, in words. */
  readonly faults: readonly string[];
}

/** Each must come up, or the proof shows nothing about it. */
const OCCASIONS: readonly Occasion[] = [
  "acknowledgement",
  "record of a message",
  "record that names content",
  "record of a bounce",
  "note that a message is filed",
  "note that a message is done",
  "message file renamed into its place",
  "message file removed",
  "content removed",
  "segment removed",
];

/** Messages whose ends come at the same moment. */
const TOGETHER = 8;

/** Carries out the proof. */
export async function proveOrder(options: OrderOptions): Promise<OrderResult> {
  await using hop = new NextHop();
  const { flags, certificate } = await makeSetting(options.directory);
  return await new Proof(options, hop, [...flags, ...certificate]).run();
}

/** Whether nothing was wrong. */
export function held({ violations, faults }: OrderResult): boolean {
  return violations.length + faults.length === 0;
}

/** Runs the proof on a copy with a fault; gives what was found of it in words, undefined for nothing. */
export async function findFault(
  fault: OrderFault,
  options: Omit<OrderOptions, "root" | "segments">,
): Promise<string | undefined> {
  const main = await plant(fault, `${options.directory}/planted`);
  const root = main.slice(0, -"main.ts".length);
  const { violations } = await proveOrder({ ...options, root, segments: 0 });
  const found = violations.filter(({ rule }) => rule === fault.breaks);
  return found.length === 0 ? undefined : `${found.length} times ${fault.breaks}`;
}

class Proof {
  readonly #options: OrderOptions;
  readonly #hop: NextHop;
  readonly #flags: readonly string[];
  readonly #spool: string;
  readonly #watch: Watch;
  readonly #faults: string[] = [];
  /** The ids that clients were told, and for what they were. */
  readonly #told = new Map<string, Mail["by"]>();
  #runs = 0;
  #traces = 0;
  #events = 0;

  constructor(options: OrderOptions, hop: NextHop, flags: readonly string[]) {
    this.#options = options;
    this.#hop = hop;
    this.#flags = flags;
    // Two levels that are not there yet: their names have to become durable, too.
    this.#spool = `${options.directory}/mail/spool`;
    this.#watch = new Watch(options.directory, this.#spool);
  }

  async run(): Promise<OrderResult> {
    await this.#leaveUnsyncedNote();
    await this.#serve("SIGKILL", ["--hold"], (play) => this.#accept(play));
    // The journal that the kill left is in the way until this is delivered.
    this.#hop.hold("early0.0@taken.test");
    await this.#serve("SIGTERM", [], (play) => this.#deliver(play));
    if (this.#options.segments > 0) {
      await this.#serve("SIGTERM", [], (play) => this.#rotate(play));
    }
    await this.#send();
    const ways = [...this.#told.values()];
    return {
      acknowledged: {
        DATA: ways.filter((by) => by === "DATA").length,
        BDAT: ways.filter((by) => by === "BDAT").length,
        "send()": this.#watch.acknowledged.size - ways.length,
      },
      violations: this.#watch.violations,
      occasions: this.#watch.occasions,
      events: this.#events,
      faults: [...this.#faults, ...this.#missing()],
    };
  }

  /** A message with content in a file is delivered, and the server killed as it is about to sync the note of that. */
  async #leaveUnsyncedNote(): Promise<void> {
    await this.#serve("SIGKILL", ["--hold"], (play) => play.bring(large("noted")));
    // It takes no mail in this run: what it syncs first is that note.
    await this.#serve(
      "SIGTERM",
      [],
      (play) => this.#untilTaken(play, [taken("noted")]),
      "fdatasync",
    );
  }

  /** By DATA and BDAT, in records and in files; all of it is left in the journal. */
  async #accept(play: Play): Promise<void> {
    await play.bring(small("early0"), { ...small("early1"), by: "BDAT" }, large("early2"));
    await play.bring(binary("early3"));
  }

  async #deliver(play: Play): Promise<void> {
    await play.bring(small("first"));
    play.goOn();
    await this.#untilTaken(play, ["early0", "early1", "early2", "early3", "first"].map(taken));
    await play.bringTogether(...many(TOGETHER, "together", small));
    await play.bring(...new SeededRandom(this.#options.seed).shuffled([
      small("deferred", "later"),
      large("big", "later"),
      small("gone", "never"),
      small("mixed", "taken", "later", "never"),
      binary("half", "taken", "later"),
      ...many(3, "plain", small),
    ]));
    await this.#untilTaken(play, ["deferred.0@later.test", "big.0@later.test", "gone@from.test"]);
    await this.#untilTaken(play, ["mixed.1@later.test", "mixed@from.test", "half.1@later.test"]);
    // Its files are removed at the very end, when the segment is.
    await play.bring(large("last"));
    await this.#untilTaken(play, [taken("last")]);
  }

  async #rotate(play: Play): Promise<void> {
    play.stall("slow.0@taken.test");
    await play.bring(small("slow"));
    await play.fillSegments(this.#options.segments);
    play.goOn();
    await this.#untilTaken(play, ["slow.0@taken.test"]);
  }

  async #untilTaken(play: Play, addresses: readonly string[]): Promise<void> {
    const all = await play.untilTaken(addresses, this.#options.patience);
    if (!all) this.#faults.push(`not delivered: some of ${addresses.join(", ")}`);
  }

  /** A run of the server, used and ended. */
  async #serve(
    end: "SIGKILL" | "SIGTERM",
    flags: readonly string[],
    use: (play: Play) => Promise<void>,
    killedAt?: string,
  ): Promise<void> {
    const { root } = this.#options;
    const run = `run${++this.#runs}.test`;
    const program = [
      `${root}main.ts`,
      ...this.#flags,
      ...flags,
      `--hostname=${run}`,
      `--spool=${this.#spool}`,
      `--smarthost=smtp://127.0.0.1:${this.#hop.port}`,
    ];
    await this.#trace(program, async (server) => {
      const port = await server.listening();
      if (port === undefined) return void this.#faults.push(`${run} did not start`);
      await use(new Play(server, run, port, { hop: this.#hop, books: this.#recorder() }));
      await server.signal(end);
    }, killedAt);
  }

  /** The same calls by way of the library. */
  async #send(): Promise<void> {
    const program = new URL("./send_program.ts", import.meta.url).href;
    const mod = new URL(`file://${this.#options.root}mod.ts`).href;
    const before = this.#watch.acknowledged.size;
    await this.#trace([program, mod, this.#spool, String(this.#hop.port)], async (server) => {
      await server.ended;
    });
    const sent = this.#watch.acknowledged.size - before;
    if (sent !== 2) this.#faults.push(`send() resolved ${sent} times, not twice`);
  }

  /** Runs a program under strace, and looks at all that it did. */
  async #trace(
    program: readonly string[],
    use: (server: ServerProcess) => Promise<void>,
    killedAt?: string,
  ): Promise<void> {
    const { strace, directory, patience } = this.#options;
    const output = `${directory}/trace${++this.#traces}`;
    await using server = new ServerProcess({
      program,
      under: straceCommand(strace, output, killedAt),
    });
    await use(server);
    if (await within(patience + ENDING, server.ended) === undefined) {
      this.#faults.push("a run did not end");
      await server.signal("SIGKILL");
    }
    const { signal } = await server.ended;
    if (killedAt !== undefined && signal !== "SIGKILL") {
      this.#faults.push(`a run that should have been killed at ${killedAt} was not`);
    }
    for (const complaint of server.complaints) this.#faults.push(complaint);
    for await (const event of readTrace(output)) {
      this.#events++;
      this.#watch.see(event);
    }
    if (signal === "SIGKILL") this.#watch.seeKill();
  }

  #recorder(): Recorder {
    return {
      submitted: () => {},
      acknowledged: ({ by }: Mail, id: string) => void this.#told.set(id, by),
    };
  }

  /** What the proof has not seen, and should have. */
  #missing(): string[] {
    const unseen = [...this.#told.keys()].filter((id) => !this.#watch.acknowledged.has(id));
    const idle = OCCASIONS.filter((occasion) => !this.#watch.occasions.has(occasion));
    return [
      ...unseen.map((id) => `the trace does not show that ${id} was acknowledged`),
      ...idle.map((occasion) => `nothing was judged of: ${occasion}`),
    ];
  }
}

/** How long a run may take to end, ms. */
const ENDING = 10_000;

/** The first recipient of a message that the next hop takes at once. */
function taken(name: string): string {
  return `${name}.0@taken.test`;
}
