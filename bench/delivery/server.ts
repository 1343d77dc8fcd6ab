/**
 * The program under measurement, in a process of its own on a spool of its own,
 * and what the system says of that process. Linux only. Fails when the program
 * does not start.
 *
 * @module
 */
import { freePort } from "../../tests/helpers/free_port.ts";
import { withTempDir } from "../../tests/helpers/temp_dir.ts";

/** The address that everything in a measurement has. */
export const HOST = "127.0.0.1";

const MAIN = new URL("../../main.ts", import.meta.url).href;
/** Ticks of the system's clock of processor time in a second; 100 on every Linux there is. */
const TICKS = 100;
const KIB = 1024;

/** The server while it runs. */
export interface MeasuredServer {
  /** Where it listens, on {@linkcode HOST}. */
  readonly port: number;
  /** Processor time it has taken, user and system, ms. */
  cpu(): Promise<number>;
  /** The most memory it had in use since it started or `resetPeak` was called, octets. */
  peak(): Promise<number>;
  /** Counts the peak from now on. */
  resetPeak(): Promise<void>;
}

/** Runs the server with these flags while `use` does. What it has not delivered is lost. */
export async function withServer<T>(
  flags: readonly string[],
  use: (server: MeasuredServer) => Promise<T>,
): Promise<T> {
  let result: T;
  await withTempDir(async (spool) => {
    const port = freePort(HOST);
    const fixed = [`--listen=${HOST}:${port}`, "--hostname=bench.example.org", "--allow-private"];
    const args = ["run", "-A", "--no-check", MAIN, `--spool=${spool}`, ...fixed, ...flags];
    const output = { stdin: "null", stdout: "null", stderr: "null" } as const;
    const child = new Deno.Command(Deno.execPath(), { args, ...output }).spawn();
    const gone = child.status.then(() => Promise.reject(new Error("the server ended")));
    gone.catch(() => {}); // at its regular end nobody waits for it
    try {
      await Promise.race([answers(port), gone]);
      result = await Promise.race([use(figuresOf(child.pid, port)), gone]);
    } finally {
      child.kill("SIGKILL");
      await child.status;
    }
  });
  return result!;
}

/** Waits until somebody listens. */
async function answers(port: number): Promise<void> {
  while (true) {
    const conn = await Deno.connect({ hostname: HOST, port }).catch(() => undefined);
    if (conn !== undefined) return conn.close();
  }
}

function figuresOf(pid: number, port: number): MeasuredServer {
  return {
    port,
    cpu: async () => {
      const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
      // The name of the command may hold anything; user and system time are the 12th and 13th behind it.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) * 1000 / TICKS;
    },
    peak: async () => {
      const status = await Deno.readTextFile(`/proc/${pid}/status`);
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * KIB;
    },
    resetPeak: () => Deno.writeTextFile(`/proc/${pid}/clear_refs`, "5"),
  };
}
