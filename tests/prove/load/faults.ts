/**
 * Faults in how the server bears a crowd. The proof is run on a copy of the
 * program with each of them, and has to find it: a proof that cannot fail shows
 * nothing.
 *
 * @module
 */
import { type Fault, plant } from "../planted.ts";
import { type LoadOptions, proveLoad } from "./proof.ts";
import { faultsOf } from "./verdict.ts";

/** A fault, and what of a finding shows it. */
export interface LoadFault extends Fault {
  readonly shows: RegExp;
}

/** Waiting with large buffers; written to, since memory that nobody touched is not resident. */
export const LARGE_BUFFERS: LoadFault = {
  name: "waits for commands with large buffers",
  file: "transport/read_buffers.ts",
  original: "?? new Uint8Array(size);",
  planted: "?? new Uint8Array(new Uint8Array(512 * 1024).fill(1).buffer, 0, size);",
  shows: /too much memory/,
};

/** The faults. */
export const FAULTS: readonly LoadFault[] = [
  LARGE_BUFFERS,
  {
    name: "waits for a command for ever",
    file: "transport/served_connection.ts",
    original: "limits.commandTimeout - (now - this.#waitingSince)",
    planted: "Infinity",
    shows: /never ended/,
  },
  {
    name: "begins the wait for a command anew with each octet",
    file: "transport/served_connection.ts",
    original: "limits.commandTimeout - (now - this.#waitingSince)",
    planted: "limits.commandTimeout",
    shows: /never ended|slow command/,
  },
  {
    name: "gets slower with every connection",
    file: "transport/deadlines.ts",
    original: "const now = this.#clock.now();\n    for (const watch",
    planted: "const now = this.#clock.now();\n" +
      "    for (const busy = now + this.#watches.size; this.#clock.now() < busy;);\n    for (const watch",
    shows: /the p99 was/,
  },
  {
    name: "puts up with any number of errors",
    file: "protocol/budget.ts",
    original: "if (this.#faults > this.#limits.errors) return TOO_MANY_ERRORS;",
    planted: "void TOO_MANY_ERRORS;",
    shows: /junk was answered/,
  },
  {
    name: "serves one after the other",
    file: "transport.ts",
    original: "this.#track(this.#serve(conn, listener));",
    planted: "await this.#serve(conn, listener);",
    shows: /waited too long|was told: 421/,
  },
];

/** Runs the proof on a copy with a fault; gives whether it was found. The directory is empty. */
export async function finds(
  fault: LoadFault,
  options: Omit<LoadOptions, "program">,
): Promise<boolean> {
  const main = await plant(fault, `${options.directory}/planted`);
  const copy = { ...options, program: new URL(".", `file://${main}`).href };
  try {
    return faultsOf(copy, await proveLoad(copy)).some((found) => fault.shows.test(found));
  } catch (error) {
    return fault.shows.test(String(error));
  }
}
