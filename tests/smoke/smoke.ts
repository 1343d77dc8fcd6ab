/**
 * Starts the program as its users do, lets it accept one message and deliver it
 * to a sink, and stops it. The suite runs it on `main.ts`, the release on the
 * compiled executable: `deno run -A tests/smoke/smoke.ts ./deno-smtp-server`.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { createTransport } from "nodemailer";
import { SMTPServer } from "smtp-server";
import type { AddressInfo } from "node:net";
import type { Readable } from "node:stream";
import { programLog } from "../helpers/program_log.ts";

/** A next hop that takes one message. */
interface Sink {
  readonly port: number;
  /** The message, once it has come. */
  readonly message: Promise<string>;
  close(): Promise<void>;
}

async function openSink(): Promise<Sink> {
  const { promise: message, resolve, reject } = Promise.withResolvers<string>();
  const server = new SMTPServer({
    disabledCommands: ["AUTH", "STARTTLS"],
    onData(stream: Readable, _session: unknown, done: () => void) {
      stream.toArray().then((chunks) => {
        resolve(chunks.join(""));
        done();
      }, reject);
    },
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.server.address() as AddressInfo;
  return { port, message, close: () => new Promise((closed) => server.close(() => closed())) };
}

async function sendTo(port: number): Promise<void> {
  const client = createTransport({ host: "127.0.0.1", port, tls: { rejectUnauthorized: false } });
  await client.sendMail({
    from: "sender@example.org",
    to: "recipient@example.net",
    subject: "Smoke",
    text: "It works.",
  });
  client.close();
}

/** When a program that delivers nothing is killed, ms. */
const TOO_LONG = 20_000;

/** Runs the program through one message; throws when anything is not as it should be. */
export async function smoke(program: readonly string[]): Promise<void> {
  const spool = await Deno.makeTempDir();
  const sink = await openSink();
  const options = {
    listen: "127.0.0.1:0",
    hostname: "smoke.example",
    smarthost: `smtp://127.0.0.1:${sink.port}`,
    "log-format": "json",
    spool,
  };
  const flags = Object.entries(options).map(([flag, value]) => `--${flag}=${value}`);
  const child = new Deno.Command(program[0]!, {
    args: [...program.slice(1), ...flags, "--allow-private"],
    signal: AbortSignal.timeout(TOO_LONG),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const records = programLog(child.stderr);
  let running = true;
  const ended = child.status.finally(() => running = false);
  try {
    const { address } = await records.find("listening");
    await sendTo(Number(String(address).split(":").at(-1)));
    const nothing = ended.then(() => "the program ended before it delivered");
    assertStringIncludes(await Promise.race([sink.message, nothing]), "It works.");
  } finally {
    if (running) child.kill("SIGTERM");
    await Promise.all([ended, records.end(), sink.close()]);
  }
  assertEquals((await ended).code, 0, "the program did not stop in good order");
  const waiting = Array.from(Deno.readDirSync(spool), ({ name }) => name)
    .filter((name) => /\.(json|eml|tmp)$/.test(name));
  assertEquals(waiting, [], "the message was delivered and must not wait");
  await Deno.remove(spool, { recursive: true });
}

if (import.meta.main) {
  await smoke(Deno.args);
  console.log("started, accepted one message, delivered it, stopped");
}
