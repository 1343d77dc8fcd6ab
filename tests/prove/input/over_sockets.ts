/**
 * The part of the input proof that goes to the real server over sockets: every
 * attack on the framing, and damaged dialogues, many at a time. What was
 * acknowledged is looked for in the spool, and nothing else may be there.
 *
 * @module
 */
import { concat } from "../../../base/bytes.ts";
import { RunningServer } from "../running_server.ts";
import { SeededRandom } from "../seeded_random.ts";
import { CASE_LIMITS, FRAMING_CASES, type FramingCase, scriptOf } from "./framing_cases.ts";
import { differenceOf, type Judged, judgedExchange } from "./judge.ts";
import { makeAttempt } from "./make_script.ts";
import type { SentMessage } from "./reference.ts";
import { type Cut, cutUp, goldenScripts, type Script } from "./script.ts";
import { ServerTalk } from "./server_talk.ts";
import { latin1 } from "./session_run.ts";
import { messagesIn } from "./spool_content.ts";
import { codesOf } from "./try_cases.ts";

/** What is tried. */
export interface SocketOptions {
  /** The URL of the directory of the program. */
  readonly program: string;
  readonly seed: number;
  /** How many damaged dialogues. */
  readonly dialogues: number;
  /** In how many ways each attack is cut, besides not at all. */
  readonly cuts: number;
  /** An empty directory. */
  readonly directory: string;
}

/** What came of it. */
export interface SocketFindings {
  /** Dialogues held, attacks included. */
  readonly dialogues: number;
  /** Messages that were acknowledged. */
  readonly messages: number;
  /** How long it took, start and stop of the server included. */
  readonly seconds: number;
  /** What is wrong, in words; the first few. */
  readonly faults: readonly string[];
}

/** A dialogue to be held. */
interface Held {
  readonly name: string;
  readonly script: Script;
  readonly cut: Cut;
  /** What must come of it, where that is known. */
  readonly expected?: Pick<FramingCase, "codes" | "messages">;
}

/** The limits of the cases, in the words of the configuration. */
const SETTINGS = `
[limits]
errors = ${CASE_LIMITS.errors}
idle_commands = ${CASE_LIMITS.idleCommands}
recipients = ${CASE_LIMITS.recipients}
message_size = ${CASE_LIMITS.messageSize}
header_size = ${CASE_LIMITS.headerSize}
`;

const HOSTNAME = "mx.example";

/** How many dialogues are held at a time. */
const AT_ONCE = 16;

/** How many faults are told. */
const MOST_TOLD = 5;

/** Octets of a text shown of a dialogue that went wrong. */
const SHOWN = 2000;

/** Holds them. */
export async function proveOverSockets(options: SocketOptions): Promise<SocketFindings> {
  const began = performance.now();
  const { program, directory } = options;
  const spool = `${directory}/spool`;
  await Deno.writeTextFile(`${directory}/settings.toml`, SETTINGS);
  const flags = [`--config=${directory}/settings.toml`, `--spool=${spool}`, "--hold"];
  await using server = await RunningServer.start(program, [...flags, `--hostname=${HOSTNAME}`]);
  const trial = new Trial(server);
  await trial.holdAll(await dialoguesOf(options));
  await trial.inject(spool);
  await server.stop();
  await trial.compare(spool);
  if (server.complaints.length > 0) trial.note(`the server complains: ${server.complaints[0]}`);
  const { held, sent, faults } = trial;
  const seconds = (performance.now() - began) / 1000;
  return { dialogues: held, messages: sent.size, seconds, faults };
}

async function dialoguesOf({ seed, dialogues, cuts }: SocketOptions): Promise<Held[]> {
  const random = new SeededRandom(seed);
  const attacks = FRAMING_CASES.filter((one) => one.afterHandshake === undefined);
  const golden = await goldenScripts();
  const damaged = Array.from({ length: dialogues }, (_, index): Held => {
    const attempt = makeAttempt(golden, seed, index);
    // Without a handshake all is plaintext, whatever it was meant for.
    const stretches = [concat(attempt.script.stretches)];
    const script = { ...attempt.script, stretches, tls: false, auth: undefined };
    return { name: `dialogue ${index} of seed ${seed}`, script, cut: attempt.cuts[0] };
  });
  return [...attacks.flatMap((attack) => waysOf(attack, cuts, random)), ...damaged];
}

/** Not cut, and cut in two at some places of the attack. */
function waysOf(attack: FramingCase, cuts: number, random: SeededRandom): Held[] {
  const { name, lead } = attack;
  const places = Array.from(
    { length: cuts },
    () => lead.length + random.below(attack.attack.length),
  );
  const ways: Cut[] = [
    { kind: "whole" },
    ...places.map((at): Cut => ({ kind: "at", places: [at] })),
  ];
  return ways.map((cut) => ({ name, script: scriptOf(attack), cut, expected: attack }));
}

class Trial {
  /** How many dialogues were held. */
  held = 0;
  /** What was acknowledged, by the id that the server gave it. */
  readonly sent = new Map<string, SentMessage>();
  readonly faults: string[] = [];
  readonly #server: RunningServer;

  constructor(server: RunningServer) {
    this.#server = server;
  }

  note(fault: string): void {
    if (this.faults.length < MOST_TOLD) this.faults.push(fault);
  }

  async holdAll(dialogues: readonly Held[]): Promise<void> {
    const left = dialogues.values();
    const hold = async () => {
      for (const dialogue of left) {
        if (!this.#server.running || this.faults.length === MOST_TOLD) return;
        await this.#hold(dialogue).catch((error) => this.note(`${dialogue.name}: ${error}`));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, hold));
    if (!this.#server.running) this.note("the server ended");
  }

  async #hold({ name, script, cut, expected }: Held): Promise<void> {
    const octets = script.stretches[0]!;
    using talk = await ServerTalk.open(this.#server.port);
    const said = await talk.sayAll(cutUp(octets, cut), expected !== undefined);
    this.held++;
    const judged = judgedExchange(script, plaintextOf(said), CASE_LIMITS);
    const fault = judged.fault ?? (expected && unexpected(expected, said, judged));
    for (const message of judged.messages) this.#file(message);
    if (fault === undefined) return;
    const shown = JSON.stringify(latin1(octets).slice(-SHOWN));
    this.note(
      `${name}, cut ${JSON.stringify(cut)}: ${fault}\n  sent: ${shown}\n  answered: ${
        JSON.stringify(said)
      }`,
    );
  }

  #file(message: SentMessage): void {
    const id = /^2\.0\.0 Queued as ([0-9A-Z]{26})$/.exec(message.acknowledgement)?.[1];
    if (id === undefined || this.sent.has(id)) this.note(`taken as ${message.acknowledgement}`);
    else this.sent.set(id, message);
  }

  /** Sends commands behind STARTTLS, then makes the handshake: nothing of them may be answered in TLS. */
  async inject(spool: string): Promise<void> {
    const { lead, attack, afterHandshake } = FRAMING_CASES.find((one) => one.afterHandshake)!;
    using talk = await ServerTalk.open(this.#server.port);
    await talk.say(lead + attack, /220 2\.0\.0 [^\r]*\r\n$/);
    try {
      await talk.startTls(HOSTNAME, await Deno.readTextFile(`${spool}/tls/cert.pem`));
    } catch {
      return; // The octets behind STARTTLS were taken for a handshake, which failed: nobody was let in.
    }
    const said = await talk.say(`${afterHandshake}QUIT\r\n`, /^221 [^\r]*\r\n/m);
    this.held++;
    if (!/^500 [^\r]*\r\n503 [^\r]*\r\n221 /.test(said)) this.note(`injected: ${said}`);
  }

  /** Holds the spool against what was acknowledged. */
  async compare(spool: string): Promise<void> {
    const kept = await messagesIn(spool);
    for (const [id, message] of this.sent) {
      const found = kept.get(id);
      const difference = differenceOf([asKept(message)], found === undefined ? [] : [found]);
      if (difference !== undefined) this.note(`${id}: ${difference}`);
    }
    for (const id of kept.keys()) if (!this.sent.has(id)) this.note(`${id} was never sent`);
  }
}

/** The message as it is queued: white space at its start would go on the trace field, and is kept off it. */
function asKept(message: SentMessage): SentMessage {
  const { content } = message;
  return /^[ \t]/.test(content) ? { ...message, content: `\r\n${content}` } : message;
}

/** What was said before TLS; after the reply to STARTTLS comes a TLS alert at most, as the client makes no handshake. */
function plaintextOf(said: string): string {
  const ready = /^220 2\.0\.0 [^\r]*\r\n/m.exec(said);
  if (ready === null) return said;
  const end = ready.index + ready[0].length;
  return said[end] === "\x15" ? said.slice(0, end) : said;
}

function unexpected(
  { codes, messages }: Pick<FramingCase, "codes" | "messages">,
  said: string,
  judged: Judged,
): string | undefined {
  const answer = codesOf(said);
  if (!codes.test(answer)) return `it was answered ${answer}`;
  return judged.messages.length === messages ? undefined : `${judged.messages.length} messages`;
}
