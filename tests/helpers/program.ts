/** Runs `main.ts` in a process of its own, as its users do. */
import { type ProgramLog, programLog } from "./program_log.ts";

const MAIN = new URL("../../main.ts", import.meta.url);

/** What a program that ended left behind. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  /** The lines of standard error. */
  readonly stderr: readonly string[];
}

/** When a program that should have ended long ago is killed, ms; no test waits for it otherwise. */
const TOO_LONG = 20_000;

/** How a program is run. */
export interface Surroundings {
  readonly env?: Record<string, string>;
  readonly signal?: AbortSignal;
  /** Flags of `deno run`. */
  readonly permissions?: readonly string[];
  readonly stdin?: "null" | "piped";
}

/** The program as it is run, to be spawned by tests that look after its process themselves. */
export function command(args: readonly string[], surroundings: Surroundings): Deno.Command {
  const { env, signal, permissions = ["-A"], stdin = "null" } = surroundings;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, MAIN.href, ...args],
    env: { ...env, NO_COLOR: "1" },
    signal,
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs it to its end, which it must reach by itself; `input` is its standard input. */
export async function run(
  args: readonly string[],
  env: Record<string, string> = {},
  input?: string,
): Promise<Ended> {
  const signal = AbortSignal.timeout(TOO_LONG);
  const stdin = input === undefined ? "null" : "piped";
  const child = command(args, { env, signal, stdin }).spawn();
  // A program that reads none of it closes its end.
  if (input !== undefined) await say(child.stdin, input).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  const lines = text.decode(stderr).split("\n").filter((line) => line !== "");
  return { code, stdout: text.decode(stdout), stderr: lines };
}

async function say(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
}

/** A program that serves. */
export interface Serving {
  /** Its log. */
  readonly log: ProgramLog;
  /** The port of its first listener. */
  readonly port: number;
  /** Its process. */
  readonly pid: number;
  /** Sends it a signal. */
  signal(signal: Deno.Signal): void;
  /** Waits until it has ended; gives its exit status. */
  ended(): Promise<number>;
}

/** Starts it on a free port of 127.0.0.1; `check` runs while it serves, and it is stopped after. `permissions` are flags of `deno run`, `env` is added to its environment. */
export async function withServer(
  args: readonly string[],
  check: (serving: Serving) => Promise<void>,
  permissions?: readonly string[],
  env?: Record<string, string>,
): Promise<void> {
  const flags = ["--listen=127.0.0.1:0", "--hostname=mx.example.org", "--log-format=json"];
  const child = command([...flags, ...args], { permissions, env }).spawn();
  const log = programLog(child.stderr);
  let running = true;
  const status = child.status.finally(() => running = false);
  try {
    const { address } = await log.find("listening");
    await check({
      log,
      port: Number(String(address).split(":").at(-1)),
      pid: child.pid,
      signal: (signal) => child.kill(signal),
      ended: async () => (await status).code,
    });
  } finally {
    if (running) child.kill("SIGKILL");
    await Promise.all([status, log.end(), child.stdout.cancel()]);
  }
}
