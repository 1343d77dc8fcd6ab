/**
 * STARTTLS for load tools that have none: stunnel before the server, which
 * upgrades what smtp-source sends in the clear, and stunnel as the next hop,
 * which takes TLS and hands on to smtp-sink. It is C and OpenSSL, in threads.
 *
 * @module
 */
import type { Certificate } from "../../config/config.ts";
import { freePort } from "../../tests/helpers/free_port.ts";
import { HOST } from "./load.ts";
import { greets, Process } from "./process.ts";
import { writeCertificate } from "./servers.ts";

/** An stunnel that runs. */
export interface Tunnel {
  /** Where it listens. */
  readonly port: number;
  readonly process: Process;
}

/** Plain text in, STARTTLS out to `port`. Each connection that comes makes one that goes. */
export function tunnelIn(program: string, directory: string, port: number): Promise<Tunnel> {
  return start(program, `${directory}/in.conf`, port, "client = yes\n");
}

/** STARTTLS in, plain text out to `port`. */
export async function tunnelOut(
  program: string,
  directory: string,
  port: number,
  tls: Certificate,
): Promise<Tunnel> {
  const { cert, key } = await writeCertificate(directory, tls);
  return await start(program, `${directory}/out.conf`, port, `cert = ${cert}\nkey = ${key}\n`);
}

async function start(
  program: string,
  path: string,
  connect: number,
  side: string,
): Promise<Tunnel> {
  const port = freePort(HOST);
  const service = `accept = ${HOST}:${port}\nconnect = ${HOST}:${connect}\nprotocol = smtp\n`;
  await Deno.writeTextFile(path, `foreground = yes\npid =\n[smtp]\n${service}${side}`);
  const process = new Process({ program, args: [path] });
  await greets(HOST, port, process);
  return { port, process };
}
