/** A real name server: dnsmasq, for names below `.test` and nothing else. */
import { freePort } from "./free_port.ts";

const CONFIG = `
no-resolv
no-hosts
no-poll
local=/test/
`;

/** A running dnsmasq. */
export interface Dnsmasq extends AsyncDisposable {
  /** Where it listens, on 127.0.0.1 by UDP and TCP. */
  readonly port: number;
}

/**
 * Starts one; `program` is its path, `records` are lines of its configuration such as
 * `mx-host=example.test,mx1.example.test,10` and `host-record=mx1.example.test,127.0.0.2`.
 *
 * @throws {Error} with what it said when it does not start.
 */
export async function startDnsmasq(program: string, records: readonly string[]): Promise<Dnsmasq> {
  const file = await Deno.makeTempFile({ suffix: ".conf" });
  await Deno.writeTextFile(file, CONFIG + records.join("\n") + "\n");
  const port = freePort("127.0.0.1");
  const where = [`--port=${port}`, "--listen-address=127.0.0.1", "--bind-interfaces"];
  const how = ["--keep-in-foreground", "--log-facility=-", `--conf-file=${file}`, "--user="];
  const child = new Deno.Command(program, {
    args: [...how, ...where],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  await waitForStart(child.stderr);
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.status;
      await Deno.remove(file);
    },
  };
}

async function waitForStart(stderr: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
  let said = "";
  for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said.includes("started, version")) return;
  }
  throw new Error(`dnsmasq did not start: ${said}`);
}
