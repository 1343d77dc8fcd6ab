/**
 * The servers that are compared, each in a directory of its own: this one with
 * its default settings, and Postfix with its limits lifted. Nothing outside of
 * the directory is written.
 *
 * @module
 */
import type { Certificate } from "../../config/config.ts";
import { masterCf } from "../../tests/helpers/postfix.ts";
import { tool } from "../../tests/helpers/tools.ts";
import { HOST } from "./load.ts";
import type { CommandLine } from "./process.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;

/** What a server is to do. */
export interface Task {
  /** A directory of its own, that exists. */
  readonly directory: string;
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Where it relays all mail to, or undefined when it holds it. */
  readonly nextHop: number | undefined;
  /** With it, STARTTLS is offered and used. */
  readonly tls: Certificate | undefined;
}

/** A server that can be measured. */
export interface Contender {
  readonly name: string;
  /** How it is started in the foreground. */
  prepare(task: Task): Promise<CommandLine>;
}

/** This server. It offers STARTTLS, and uses it where it is offered, without being told. */
export const OURS: Contender = {
  name: "ours",
  async prepare({ directory, port, nextHop, tls }) {
    const route = nextHop === undefined
      ? ["--hold"]
      : [`--smarthost=smtp://${HOST}:${nextHop}`, "--allow-private"];
    const secured = tls === undefined ? [] : await certificateFlags(directory, tls);
    const fixed = [
      `--listen=${HOST}:${port}`,
      `--spool=${directory}/spool`,
      "--hostname=bench.test",
    ];
    const args = ["run", "-A", "--no-check", MAIN, ...fixed, ...route, ...secured];
    return { program: Deno.execPath(), args };
  },
};

async function certificateFlags(directory: string, tls: Certificate): Promise<string[]> {
  const { cert, key } = await writeCertificate(directory, tls);
  return [`--tls-cert=${cert}`, `--tls-key=${key}`];
}

/** Writes a certificate and its key down; gives their paths. */
export async function writeCertificate(directory: string, tls: Certificate): Promise<Certificate> {
  const paths = { cert: `${directory}/cert.pem`, key: `${directory}/key.pem` };
  await Deno.writeTextFile(paths.cert, tls.cert);
  await Deno.writeTextFile(paths.key, tls.key, { mode: 0o600 });
  return paths;
}

/** Postfix, or why it cannot be measured here. */
export async function postfix(): Promise<Contender | string> {
  const program = tool("postfix");
  if (program === undefined) return "postfix is not installed";
  if (Deno.uid() !== 0) return "postfix is started by root only";
  const owner = /^postfix:[^:]*:(\d+):(\d+):/m.exec(await Deno.readTextFile("/etc/passwd"));
  if (owner === null) return "there is no user postfix";
  const [uid, gid] = [Number(owner[1]), Number(owner[2])];
  return { name: "Postfix", prepare: (task) => preparePostfix(program, uid, gid, task) };
}

async function preparePostfix(
  program: string,
  uid: number,
  gid: number,
  task: Task,
): Promise<CommandLine> {
  const { directory } = task;
  for (const name of ["etc", "queue", "data", "log"]) await Deno.mkdir(`${directory}/${name}`);
  await Deno.chmod(directory, 0o755); // its processes are those of the user postfix
  await Deno.chown(`${directory}/data`, uid, gid);
  const secured = task.tls === undefined ? "" : await postfixTls(directory, task.tls);
  await Deno.writeTextFile(`${directory}/etc/main.cf`, mainCf(task) + secured);
  await Deno.writeTextFile(
    `${directory}/etc/master.cf`,
    masterCf(String(task.port), MORE_SERVICES),
  );
  return {
    program,
    args: ["-c", `${directory}/etc`, "start-fg"],
    env: { MAIL_CONFIG: `${directory}/etc` },
    pidFile: `${directory}/queue/pid/master.pid`, // a shell waits for it
  };
}

/** Nothing that bounds the rate; 20 deliveries at once measured best on two cores, of 5, 20 and 50. */
function mainCf({ directory, nextHop }: Task): string {
  const route = nextHop === undefined
    ? "smtpd_client_restrictions = check_client_access static:HOLD"
    : `relayhost = [${HOST}]:${nextHop}`;
  return `compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
maillog_file_prefixes = ${directory}/log
maillog_file = ${directory}/log/mail.log
myhostname = bench.test
mydestination =
alias_maps =
alias_database =
inet_interfaces = ${HOST}
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
default_process_limit = 300
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
in_flow_delay = 0
initial_destination_concurrency = 20
default_destination_concurrency_limit = 20
${route}
`;
}

/** Services that a Postfix needs besides where much goes through it. */
const MORE_SERVICES = [
  "tlsproxy unix - - n - 0 tlsproxy",
  "verify unix - - n - 1 verify",
  "flush unix n - n 1000? 0 flush",
  "proxywrite unix - - n - 1 proxymap",
  "relay unix - - n - - smtp",
  "discard unix - - n - - discard",
  "scache unix - - n - 1 scache",
];

/** Connections over TLS are kept by tlsproxy; otherwise each message would shake hands anew. */
async function postfixTls(directory: string, tls: Certificate): Promise<string> {
  const { cert, key } = await writeCertificate(directory, tls);
  return `smtpd_tls_security_level = may
smtpd_tls_cert_file = ${cert}
smtpd_tls_key_file = ${key}
smtp_tls_security_level = encrypt
smtp_tls_connection_reuse = yes
smtp_tls_session_cache_database = btree:${directory}/data/smtp_scache
`;
}
