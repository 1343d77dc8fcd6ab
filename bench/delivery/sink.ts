/**
 * Postfix's smtp-sink as the next hop that ends when it has counted all that it
 * was to get. Fails when it does not get that in time.
 *
 * @module
 */
import { freePort } from "../../tests/helpers/free_port.ts";
import { tool } from "../../tests/helpers/tools.ts";
import { HOST } from "./server.ts";

/** How long a measurement may take, ms: one that hangs is ended. */
const TOO_LONG = 60_000;
/** Connections at once: those that are kept unused count too, and 256, its own choice, are soon taken. */
const CONNECTIONS = "5000";

/** A next hop while it counts. */
export interface Sink {
  /** Where it listens, on {@linkcode HOST}. */
  readonly port: number;
  /** Resolves when it has its last message. */
  readonly full: Promise<void>;
}

/** Runs a next hop for that many messages, on this port if it is to be one, while `use` does. */
export async function withSink<T>(
  messages: number,
  use: (sink: Sink) => Promise<T>,
  port: number = freePort(HOST),
): Promise<T> {
  const asWhom = Deno.uid() === 0 ? ["-u", "root"] : []; // as root it wants to be told
  const args = [...asWhom, "-m", CONNECTIONS, "-M", String(messages), `${HOST}:${port}`, "1000"];
  const options = { args, signal: AbortSignal.timeout(TOO_LONG), stdin: "null" } as const;
  const child = new Deno.Command(sinkProgram(), options).spawn();
  let running = true;
  const full = child.status.then(({ code }) => {
    running = false;
    if (code !== 0) throw new Error(`smtp-sink did not get ${messages} messages in time`);
  });
  full.catch(() => {}); // who does not wait for it need not know
  try {
    return await use({ port, full });
  } finally {
    if (running) child.kill("SIGTERM");
    await child.status;
  }
}

function sinkProgram(): string {
  const path = tool("smtp-sink");
  if (path !== undefined) return path;
  console.error("smtp-sink is not installed; it comes with Postfix");
  Deno.exit(1);
}
