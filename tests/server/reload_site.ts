/** A server by a configuration file that a test changes while it runs. */
import { loadConfig } from "../../config/load.ts";
import { ControlClient } from "../../control/client.ts";
import type { MailPlan } from "../../control/target.ts";
import { startServer } from "../../server/server.ts";
import { selfSignedCertificate } from "../../transport/certificate.ts";
import { good } from "../control/rig.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import type { Address } from "../transport/peer.ts";
import { CERTIFICATE, HOSTNAME } from "../transport/running.ts";
import { writeUsers } from "./login_site.ts";

/** A server that goes by a file. */
export interface Site {
  readonly directory: string;
  /** Where it listens. */
  readonly address: Address;
  /** Writes the file and has it read again through the API. */
  reload(lines: Lines): Promise<Reloaded>;
  /** What would become of mail for an address. */
  plan(to: string): Promise<MailPlan>;
}

/** What the API answers. */
interface Reloaded {
  readonly status: number;
  readonly changes?: readonly string[];
  readonly error?: { readonly message: string };
}

/** The file: what stands behind each key, a table's as `limits.hops`. */
export type Lines = Readonly<Record<string, string>>;

/** The text of the file, keys of tables last. */
function textOf(lines: Lines, directory: string): string {
  const top = Object.entries(lines).filter(([key]) => !key.includes("."));
  const tables = new Map<string, string[]>();
  for (const [key, value] of Object.entries(lines)) {
    const [table, name] = key.split(".");
    if (name !== undefined) tables.set(table!, [...tables.get(table!) ?? [], `${name} = ${value}`]);
  }
  const text = [
    ...top.map(([key, value]) => `${key} = ${value}`),
    ...[...tables].flatMap(([name, values]) => [`[${name}]`, ...values]),
  ];
  return text.join("\n").replaceAll("$", directory);
}

/** Runs a server by a file with these lines, which trusts nobody and delivers nothing. */
export function withServer(lines: Lines, check: (site: Site) => Promise<void>): Promise<void> {
  return withTempDir(async (directory) => {
    await writeFiles(directory);
    const file = `${directory}/mail.toml`;
    const write = (lines: Lines) =>
      Deno.writeTextFile(file, textOf({ ...BASE, ...lines }, directory));
    const reread = () =>
      loadConfig({
        flags: { values: {}, where: () => "flags" },
        configFile: file,
        variable: () => undefined,
        machineName: HOSTNAME,
      });
    await write(lines);
    const server = await startServer((await reread()).config, { reread });
    using client = Deno.createHttpClient({
      proxy: { transport: "unix", path: `${directory}/spool/control.sock` },
    });
    using control = ControlClient.onSocket(`${directory}/spool/control.sock`);
    try {
      await check({
        directory,
        address: server.addresses[0]!,
        reload: async (lines) => {
          await write(lines);
          const answer = await fetch("http://localhost/v1/reload", { client, method: "POST" });
          return { status: answer.status, ...await answer.json() };
        },
        plan: async (to) => good(await control.plan({ from: "", to })),
      });
    } finally {
      await server.stop();
    }
  });
}

const BASE: Lines = {
  listen: '"127.0.0.1:0"',
  hostname: `"${HOSTNAME}"`,
  spool: '"$/spool"',
  trust: "[]",
  hold: "true",
  tls_cert: '"$/cert.pem"',
  tls_key: '"$/key.pem"',
};

/** The files that keys name; `other` ones are for the change. */
async function writeFiles(directory: string): Promise<void> {
  const other = await OTHER;
  await Deno.writeTextFile(`${directory}/cert.pem`, CERTIFICATE.cert);
  await Deno.writeTextFile(`${directory}/key.pem`, CERTIFICATE.key, { mode: 0o600 });
  await Deno.writeTextFile(`${directory}/other_cert.pem`, other.cert);
  await Deno.writeTextFile(`${directory}/other_key.pem`, other.key, { mode: 0o600 });
  await Deno.writeTextFile(`${directory}/token`, "x".repeat(40), { mode: 0o600 });
  await Deno.writeTextFile(`${directory}/other_token`, "y".repeat(40), { mode: 0o600 });
  await writeUsers(`${directory}/users.toml`, "argon2id");
}

/** Another certificate of its. */
export const OTHER = selfSignedCertificate(HOSTNAME, Date.now());
