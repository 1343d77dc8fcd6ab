/**
 * Faults in reading what clients send. The proof is run on a copy of the program
 * with each of them, and has to find it: a proof that cannot fail shows nothing.
 *
 * @module
 */
import { type Fault, plant } from "../planted.ts";
import { proveDialogues } from "./dialogues.ts";
import { proveOverSockets } from "./over_sockets.ts";

/** Ending content where other programs have ended it. */
export const END_OF_DATA: Fault = {
  name: "takes LF . CRLF for the end of data",
  file: "protocol/data_reader.ts",
  original: `octet === LF && !bare ? "line-start"`,
  planted: `octet === LF ? "line-start"`,
};

/** Growing slowly. */
export const SMALL_LEAK: Fault = {
  name: "keeps something of every session",
  file: "protocol/input.ts",
  original: "#octets: Uint8Array = NOTHING;",
  planted: "static #all: unknown[] = [];\n" +
    "  #octets: Uint8Array = (Input.#all.push(new Uint8Array(2000)), NOTHING);",
};

/** Faults of sessions; the last leaves a thread that never ends, which is why it is the last. */
export const SESSION_FAULTS: readonly Fault[] = [
  END_OF_DATA,
  {
    name: "takes CRLF . LF for the end of data",
    file: "protocol/data_reader.ts",
    original: `this.#place === "dot-cr" && octet === LF`,
    planted: `(this.#place === "dot-cr" || this.#place === "dot") && octet === LF`,
  },
  {
    name: "lets a bare LF end a command",
    file: "protocol/line_reader.ts",
    original: "while (lf >= 0 && octets[lf - 1] !== CR) lf = octets.indexOf(LF, lf + 1);",
    planted: "",
  },
  {
    name: "takes content with bare line ends",
    file: "protocol.ts",
    original: "if (reader.bare) content.refuse(replies.BARE_LINE_END);",
    planted: "",
  },
  {
    name: "reads commands out of a chunk that it refuses",
    file: "protocol.ts",
    original: "this.state = strayChunkState(refusal, chunk, state);\n      return;",
    planted: "void strayChunkState;\n      return whenThere(refusal, () => undefined);",
  },
  {
    name: "keeps what came in plaintext behind STARTTLS",
    file: "protocol.ts",
    original: 'this.input.clear();\n    this.state = { name: "starttls" };',
    planted: 'this.state = { name: "starttls" };',
  },
  {
    name: "loses a CR at the end of a read",
    file: "protocol/line_reader.ts",
    original: "const keep = rest.at(-1) === CR ? 1 : 0;",
    planted: "const keep = 0;",
  },
  {
    name: "does not enforce the size limit",
    file: "protocol/content.ts",
    original: "if (this.#octets > this.#limit) return this.refuse(TOO_BIG);",
    planted: "",
  },
  {
    name: "leaves a dot that is one too many when another follows",
    file: "protocol/data_reader.ts",
    original: `if (this.#place === "line-start") this.#place = "dot";\n      else if`,
    planted: `if (this.#place === "line-start") {
        this.#place = "dot";
        if (input[1] === DOT) return { content: input.subarray(0, 1), used: 1, ended: false };
      } else if`,
  },
  {
    name: "puts an LF alone behind a reply",
    file: "protocol/reply.ts",
    original: "${safe(answer.lines[i]!)}\\r\\n",
    planted: "${safe(answer.lines[i]!)}\\n",
  },
  SMALL_LEAK,
  {
    name: "throws at a NUL in a command",
    file: "protocol/command_syntax.ts",
    original: "  if (octets.includes(0) ||",
    planted: "  if (octets.includes(0)) throw new Error();\n  if (octets.includes(0) ||",
  },
  {
    name: "never comes to an end over a bare LF",
    file: "protocol/line_reader.ts",
    original: "lf = octets.indexOf(LF, lf + 1);",
    planted: "lf = octets.indexOf(LF, lf);",
  },
];

/** Faults between the socket and the spool. */
export const SERVER_FAULTS: readonly Fault[] = [
  {
    name: "loses an octet of a read that fills its buffer",
    file: "transport/served_connection.ts",
    original: "this.#session.receive(buffer.subarray(0, octets));",
    planted: "this.#session.receive(buffer.subarray(0, this.#filled ? octets - 1 : octets));",
  },
  {
    name: "keeps a message that it refuses",
    file: "server/incoming.ts",
    original: "if (this.#refusal) return this.#draft.abort();",
    planted: "if (this.#refusal) return this.#commit();",
  },
];

/** Where a fault is looked for. */
interface Search {
  readonly seed: number;
  /** How many damaged dialogues. */
  readonly count: number;
  /** An empty directory, or none yet. */
  readonly directory: string;
}

/** Runs what of the proof needs no sockets on a copy with a fault; gives whether it was found. */
export async function finds(
  fault: Fault,
  { seed, count, directory }: Search,
): Promise<boolean> {
  const main = await plant(fault, directory);
  const program = new URL(".", `file://${main}`).href;
  const { fault: found } = await proveDialogues({ program, seed, count });
  return found !== undefined;
}

/** Runs what of the proof goes to the real server on a copy with a fault; gives whether it was found. */
export async function findsOverSockets(
  fault: Fault,
  { seed, count, directory }: Search,
): Promise<boolean> {
  const main = await plant(fault, `${directory}/planted`);
  const program = new URL(".", `file://${main}`).href;
  const sizes = { dialogues: count, cuts: 0 };
  const { faults } = await proveOverSockets({ program, seed, directory, ...sizes });
  return faults.length > 0;
}
