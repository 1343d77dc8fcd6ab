/**
 * The load proof: that a crowd of clients who are idle, slow or deaf is ended by
 * its deadlines, costs little memory, gives its descriptors back, and does not
 * slow down a client that behaves.
 *
 * @module
 */
import { pause } from "../pause.ts";
import { RunningServer } from "../running_server.ts";
import { countsFor, Crowd, type Expectation } from "./crowd.ts";
import { GoodClient, type Latencies } from "./good_client.ts";
import { talkJunk } from "./junk.ts";
import type { End } from "./member.ts";
import { figuresOf, type ProcessFigures } from "./process_figures.ts";

/** The size of it. Times in ms. */
export interface LoadOptions {
  /** The URL of the directory of the program. */
  readonly program: string;
  /** How many bad clients; a few more come. */
  readonly connections: number;
  /** How they have to be ended. */
  readonly expectations: readonly Expectation[];
  /** The server's deadline for a command, and for more content. */
  readonly deadline: number;
  /** From one octet of a slow client to the next. */
  readonly slowness: number;
  /** How many messages the good client sends alone, and how many among the crowd. */
  readonly messages: number;
  /** How many commands the client sends that knows none. */
  readonly junk: number;
  /** An empty directory. */
  readonly directory: string;
  /** Is told how far it is. */
  readonly progress?: (line: string) => void;
}

/** When the good client sent. */
export type Phase = "alone" | "arriving" | "among" | "leaving" | "alone again";

/** What came of it. */
export interface LoadFindings {
  /** How long the good client's messages took. */
  readonly latencies: ReadonlyMap<Phase, Latencies>;
  /** Looks at the server. */
  readonly figures: {
    readonly before: ProcessFigures;
    readonly crowded: ProcessFigures;
    readonly after: ProcessFigures;
  };
  /** How many bad clients were connected. */
  readonly connected: number;
  /** How each of them ended; undefined when some never did. */
  readonly ends: readonly End[] | undefined;
  /** The codes that junk was answered with. */
  readonly junk: readonly number[];
  /** What the server's log has that is an error. */
  readonly complaints: readonly string[];
}

/** The longest wait for the server to close what it has ended, ms; the good client is silent as long. */
const MOST_CLOSING = 2000;

/** Between two messages while deadlines pass, ms; there is time. */
const UNHURRIED = 20;

/** Proves it. */
export async function proveLoad(options: LoadOptions): Promise<LoadFindings> {
  const { program, messages, expectations, progress = () => {} } = options;
  await using server = await RunningServer.start(program, await flagsOf(options));
  using client = await GoodClient.connect(server.port);
  const some = (count: number) => count < messages;
  await client.sendWhile(some, 0); // what is used is compiled, and a few buffers made
  const latencies = new Map([["alone" as Phase, await client.sendWhile(some, 0)]]);
  const before = await figuresOf(server.pid);
  const counts = countsFor(expectations, options.connections);
  const crowd = new Crowd({ counts, port: server.port, slowness: options.slowness });
  try {
    latencies.set("arriving", await client.sendWhile(() => !crowd.settled, 0));
    const crowded = await figuresOf(server.pid);
    progress(`${crowd.connected} bad clients are there`);
    latencies.set("among", await client.sendWhile(some, 0));
    const patience = performance.now() + Math.max(...expectations.map(({ most }) => most));
    const goOn = () => crowd.ends === undefined && performance.now() < patience;
    latencies.set("leaving", await client.sendWhile(goOn, UNHURRIED));
    const { connected, ends } = crowd;
    const after = await recovered(server.pid, before);
    progress(ends === undefined ? "some bad clients are still there" : "all bad clients are gone");
    latencies.set("alone again", await client.sendWhile(some, 0));
    const junk = await talkJunk(server.port, options.junk);
    const figures = { before, crowded, after };
    return { latencies, figures, connected, ends, junk, complaints: server.complaints };
  } finally {
    crowd.end();
  }
}

async function flagsOf({ directory, deadline }: LoadOptions): Promise<string[]> {
  const settings = `[limits]\ncommand_timeout = "${deadline}ms"\ndata_timeout = "${deadline}ms"\n`;
  await Deno.writeTextFile(`${directory}/settings.toml`, settings);
  return [
    `--config=${directory}/settings.toml`,
    `--spool=${directory}/spool`,
    "--hostname=mx.example",
    "--hold",
  ];
}

/** Looks at the server once it has closed what it has ended, or should have. */
async function recovered(pid: number, before: ProcessFigures): Promise<ProcessFigures> {
  const patience = performance.now() + MOST_CLOSING;
  let now = await figuresOf(pid);
  while (now.descriptors > before.descriptors && performance.now() < patience) {
    await pause(100);
    now = await figuresOf(pid);
  }
  return now;
}
