/**
 * The input proof: that whatever clients send, the server answers in form, comes
 * to an end, keeps its memory, and takes exactly the messages that were sent.
 *
 * @module
 */
import { type DialogueFindings, proveDialogues } from "./dialogues.ts";
import { type OutgoingFindings, proveOutgoing } from "./outgoing.ts";
import { proveOverSockets, type SocketFindings } from "./over_sockets.ts";
import { type CaseFindings, tryCasesOnSessions } from "./try_cases.ts";

/** The size of it. */
export interface InputOptions {
  /** The URL of the directory of the program. */
  readonly program: string;
  readonly seed: number;
  /** Damaged dialogues on sessions without sockets. */
  readonly dialogues: number;
  /** Damaged dialogues over sockets. */
  readonly sockets: number;
  /** In how many ways each attack is cut over sockets, besides not at all. */
  readonly cuts: number;
  /** An empty directory. */
  readonly directory: string;
  /** Is told how far it is. */
  readonly progress?: (line: string) => void;
}

/** What came of it. */
export interface InputFindings {
  readonly cases: CaseFindings;
  readonly dialogues: DialogueFindings;
  readonly sockets: SocketFindings;
  readonly outgoing: OutgoingFindings;
}

/** Proves it. */
export async function proveInput(options: InputOptions): Promise<InputFindings> {
  const { program, seed, directory, cuts, progress } = options;
  const cases = await tryCasesOnSessions(program);
  const dialogues = await proveDialogues({ program, seed, count: options.dialogues, progress });
  const [there, out] = [`${directory}/sockets`, `${directory}/outgoing`];
  await Promise.all([there, out].map((path) => Deno.mkdir(path)));
  const sizes = { dialogues: options.sockets, cuts };
  const sockets = await proveOverSockets({ program, seed, directory: there, ...sizes });
  const outgoing = await proveOutgoing(program, out);
  return { cases, dialogues, sockets, outgoing };
}

/** All that went wrong, in words. */
export function faultsOf({ cases, dialogues, sockets, outgoing }: InputFindings): string[] {
  const faults = [cases.fault, dialogues.fault, ...sockets.faults, outgoing.fault];
  return faults.filter((fault) => fault !== undefined);
}

/** The findings as lines for people. */
export function report(options: InputOptions, findings: InputFindings): string {
  const { cases, dialogues, sockets, outgoing } = findings;
  const { figures, seconds, heapAtStart } = dialogues;
  const mib = (octets: number) => `${(octets / 2 ** 20).toFixed(2)} MiB`;
  return [
    `seed ${options.seed}`,
    `attacks on the framing, without sockets: ${cases.cases}, in ${cases.ways} ways`,
    `damaged dialogues, without sockets: ${figures.done} (${mib(figures.octets)}) in ` +
    `${seconds.toFixed(0)} s, ${(figures.done / seconds).toFixed(0)} a second`,
    `  messages taken, each the one that was sent: ${figures.messages}`,
    `  the longest step: ${figures.slowest.toFixed(1)} ms`,
    `  memory in use: ${mib(heapAtStart)} after the first twentieth, ${
      mib(figures.heap)
    } at the end`,
    `dialogues over sockets, attacks included: ${sockets.dialogues} in ` +
    `${sockets.seconds.toFixed(0)} s, messages found in the spool: ${sockets.messages}`,
    `messages relayed, each once and as it was: ${outgoing.messages}`,
    ...faultsOf(findings).map((fault) => `FAULT: ${fault}`),
  ].join("\n");
}
