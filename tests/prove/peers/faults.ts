/**
 * Faults in delivery. The proof is run on a copy of the program with each of
 * them, and has to find it: a proof that cannot fail shows nothing.
 *
 * @module
 */
import { type Fault, plant } from "../planted.ts";
import { CASES, type PeerCase } from "./cases.ts";
import { faultsOf, provePeers } from "./proof.ts";

/** A fault, and the stages at which it shows. */
export interface PeersFault extends Fault {
  readonly stages: readonly string[];
}

/** Making a bounce of what may still go. */
export const GIVES_UP: PeersFault = {
  name: "gives up where a connection breaks",
  file: "deliver/failure.ts",
  original: "hop: hopOf(host), scope, permanent: false };",
  planted: "hop: hopOf(host), scope, permanent: true };",
  stages: ["MAIL"],
};

/** The faults. */
export const FAULTS: readonly PeersFault[] = [
  GIVES_UP,
  {
    name: "waits for the reply to a message for ever",
    file: "deliver/transaction.ts",
    original: 'if (this.#stage === "final dot") return finalTimeout;',
    planted: 'if (this.#stage === "final dot") return finalTimeout * 1000;',
    stages: ["final dot"],
  },
  {
    name: "gives an octet the time of a reply",
    file: "deliver/dialogue.ts",
    original: "this.#connection.read(this.#buffer, until - this.#clock.now())",
    planted: "this.#connection.read(this.#buffer, until > 0 ? ms : 0)",
    stages: ["banner"],
  },
  {
    name: "takes what comes in plaintext behind the reply to STARTTLS",
    file: "deliver/connect.ts",
    original: "if (dialogue.pending) throw this.#failure(injectionFailure(this.#host));",
    planted: "void injectionFailure;",
    stages: ["TLS"],
  },
  {
    name: "leaves a connection open that failed at its beginning",
    file: "deliver/connect.ts",
    original: "      dialogue?.close();\n      if (this.#notes.stage",
    planted: "      if (this.#notes.stage",
    stages: ["EHLO"],
  },
  {
    name: "takes every recipient for delivered when one is",
    file: "deliver/settle.ts",
    original:
      'if (outcome.kind === "delivered") {\n    return { index, status: statusWhenTaken(message, index, outcome, rules.now)',
    planted:
      'if (outcome.kind === "delivered" || anyDelivered) {\n    return { index, status: statusWhenTaken(message, index, { tells: false }, rules.now)',
    stages: ["mixed, taken"],
  },
  {
    name: "does not count the reply to the final dot",
    file: "deliver/transaction.ts",
    original: 'if (reply.code >= 400) return this.#decide(this.#failed("final dot", reply));',
    planted: "",
    stages: ["mixed, dot 451"],
  },
  {
    name: "tries a certificate that is not to be verified in plaintext",
    file: "deliver/connect.ts",
    original: '      return "unverified";\n    case "unverified":',
    planted: '      return "none";\n    case "unverified":',
    stages: ["TLS"],
  },
];

/** Runs the cases of its stages on a copy with a fault; gives the first complaint, if there is one. */
export async function finds(
  fault: PeersFault,
  { seed, directory }: { readonly seed: number; readonly directory: string },
): Promise<string | undefined> {
  const main = await plant(fault, `${directory}/program`);
  const program = new URL(".", `file://${main}`).href;
  const cases = CASES.filter(({ stage }: PeerCase) => fault.stages.includes(stage));
  const results = await provePeers({ program, seed, directory, cases, stopAtFault: true });
  return faultsOf(results)[0];
}
