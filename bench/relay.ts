/**
 * How many messages a second the program takes, and how many it relays, seen
 * from outside: Postfix's smtp-source sends 4 KiB a message over 20 sessions at
 * once, and smtp-sink is the next hop. Prints a line for each way; fails with a
 * line that says what is missing or did not end in time.
 *
 * `deno run -A bench/relay.ts [MESSAGES]`; 3,000 unless told otherwise.
 *
 * @module
 */
import { freePort } from "../tests/helpers/free_port.ts";
import { withTempDir } from "../tests/helpers/temp_dir.ts";
import { tool } from "../tests/helpers/tools.ts";

const SESSIONS = 20;
const SIZE = 4096;
const HOST = "127.0.0.1";
const MAIN = new URL("../main.ts", import.meta.url).href;

/** How long one way may take, ms: a bench that hangs is ended. */
const TOO_LONG = 120_000;

const messages = Number(Deno.args[0] ?? 3000);
const [source, sink] = [needed("smtp-source"), needed("smtp-sink")];

console.log(`${messages} messages of ${SIZE} octets, ${SESSIONS} sessions at once`);
report("taken, a connection each", await timeTaking([]));
report("taken, kept connections", await timeTaking(["-d"]));
report("relayed, kept connections", await timeRelaying(["-d"]));

function needed(name: string): string {
  const path = tool(name);
  if (path !== undefined) return path;
  console.error(`${name} is not installed; it comes with Postfix`);
  Deno.exit(1);
}

function report(what: string, ms: number): void {
  const rate = Math.round(messages / (ms / 1000));
  console.log(`${what.padEnd(26)} ${rate.toString().padStart(6)} messages/s`);
}

/** How long it takes until the last message is durable, ms. */
function timeTaking(flags: readonly string[]): Promise<number> {
  return withServer(["--hold"], (port) => timed(() => sendAll(port, flags)));
}

/** How long it takes until the next hop has the last message, ms. */
function timeRelaying(flags: readonly string[]): Promise<number> {
  const sinkPort = freePort(HOST);
  const where = `${HOST}:${sinkPort}`;
  const asWhom = Deno.uid() === 0 ? ["-u", "root"] : []; // as root it wants to be told
  const args = [...asWhom, "-M", String(messages), where, "500"];
  return withProcess(
    sink,
    args,
    (taken) =>
      withServer([`--smarthost=smtp://${where}`], (port) =>
        timed(async () => {
          await sendAll(port, flags);
          await taken;
        })),
  );
}

async function sendAll(port: number, flags: readonly string[]): Promise<void> {
  const amount = ["-s", String(SESSIONS), "-m", String(messages), "-l", String(SIZE)];
  const envelope = ["-f", "sender@example.org", "-t", "recipient@example.net"];
  const args = [...flags, ...amount, ...envelope, `${HOST}:${port}`];
  await withProcess(source, args, (ended) => ended);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Runs the program on a spool of its own while `use` does. */
async function withServer<T>(
  flags: readonly string[],
  use: (port: number) => Promise<T>,
): Promise<T> {
  const port = freePort(HOST);
  const fixed = [`--listen=${HOST}:${port}`, "--hostname=bench.example.org", "--log-level=warn"];
  let result: T;
  await withTempDir(async (spool) => {
    const args = ["run", "-A", "--no-check", MAIN, `--spool=${spool}`, ...fixed, ...flags];
    result = await withProcess(Deno.execPath(), args, async (ended) => {
      await Promise.race([answers(port), ended]);
      return await use(port);
    });
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

/** Runs a process while `use` does; it is stopped after. `ended` rejects when it fails. */
async function withProcess<T>(
  program: string,
  args: readonly string[],
  use: (ended: Promise<void>) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(TOO_LONG);
  const child = new Deno.Command(program, { args: [...args], signal, stdin: "null" }).spawn();
  let running = true;
  const ended = child.status.then(({ code }) => {
    running = false;
    if (code !== 0) throw new Error(`${program} ended with status ${code}`);
  });
  ended.catch(() => {}); // who does not wait for it need not know
  try {
    return await use(ended);
  } finally {
    if (running) child.kill("SIGTERM");
    await child.status;
  }
}
