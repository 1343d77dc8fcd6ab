/**
 * The program with all that tells of it: log, spool, history, API, metrics and
 * traces, users who log in, and a smarthost that it has to log in to itself.
 */
import { assertEquals } from "@std/assert";
import { storeScram } from "../../policy/password.ts";
import { parseSenderRule } from "../../policy/senders.ts";
import { formatUsers, Users } from "../../policy/users.ts";
import { type Authority, makeAuthority } from "../helpers/certificates.ts";
import { command } from "../helpers/program.ts";
import { linesOf } from "../helpers/program_log.ts";
import { hear, say, ScriptedPeer, secured, type Step, takeMail } from "../helpers/scripted_peer.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TraceCollector } from "../helpers/trace_collector.ts";
import { until } from "../helpers/waiting.ts";
import { Peer } from "../transport/peer.ts";

/** The secrets and texts that are looked for; each is a word of its own. */
export const CANARY = {
  login: "Kq7vLwTz3nRgoodlogin",
  failed: "Zp4xHsWm9cDfailedlogin",
  asName: "Jt6bVyQk2fNpasswordasname",
  notBase64: "Wd8rMgXs5hPnotbase64",
  outOfStep: "Bn3kTcFv7jLoutofstep",
  tooLong: "Yh9zRqGd4wStoolong",
  inPlaintext: "Xe5pKvNb8tCinplaintext",
  relay: "Mf2sDjZw6yHrelaypassword",
  wrongRelay: "Vg7tPnBx3kQwrongrelay",
  listed: "Lc5wYhRz9mTlistedrelay",
  token: "Sx8dGqJf4vKapitoken",
  wrongToken: "Rb6nWzCt2pFwrongtoken",
  tokenInUrl: "Gw4mXkPz9vStokeninurl",
  body: "Hv9kMsXd5gLbodytext",
  field: "Nj3yQwTf7bRcustomfield",
  subject: "Dp6zVcHk8xWsubjecttext",
} as const;

/** Who logs in and sends. */
export const SENDER = "anna@example.org";

/** So much content that it has a file of its own in the spool. */
const CONTENT = [
  `From: <${SENDER}>`,
  "To: <bob@there.test>",
  `Subject: ${CANARY.subject}`,
  `X-Canary: ${CANARY.field}`,
  "",
  ...Array.from({ length: 4000 }, () => CANARY.body),
].join("\r\n");

/** What hears whatever comes, until the client hangs up. */
const hearOut: Step = async (session) => void await session.hearRest();

/** Repeats what it was told, as some hosts do with what they do not like. */
const repeat: Step = async (session) => {
  const line = await session.hearUntil("\r\n");
  await session.say(`535 5.7.8 Not you: ${line}`);
};

/** A site that runs. */
export class SecretsSite {
  /** What the program said on standard output and standard error. */
  said = "";
  readonly spool: string;
  readonly #directory: string;
  readonly #authority: Authority;
  readonly #smarthost: ScriptedPeer;

  constructor(directory: string, authority: Authority, smarthost: ScriptedPeer) {
    this.spool = `${directory}/spool`;
    this.#directory = directory;
    this.#authority = authority;
    this.#smarthost = smarthost;
  }

  /** The configuration file. */
  get file(): string {
    return `${this.#directory}/mail.toml`;
  }

  /** Writes the configuration, with this for a smarthost. */
  async configure(smarthost: string): Promise<void> {
    const files = {
      users: "users.toml",
      tls_cert: "cert.pem",
      tls_key: "key.pem",
      ca_file: "ca.pem",
      api_token_file: "token",
    };
    await Deno.writeTextFile(
      this.file,
      [
        'listen = ["submission://127.0.0.1:0", "127.0.0.1:0"]',
        'hostname = "me.test"',
        'api = "127.0.0.1:0"',
        "allow_private = true",
        `spool = "${this.spool}"`,
        ...Object.entries(files).map(([key, name]) => `${key} = "${this.#directory}/${name}"`),
        `smarthost = ${smarthost}`,
        '[retry]\nfirst = "1h"',
        "",
      ].join("\n"),
    );
  }

  /** Names the smarthost with this password. */
  configureRelay(password: string): Promise<void> {
    return this.configure(`"smtp://us:${password}@127.0.0.1:${this.#smarthost.host.port}"`);
  }

  /** Writes all files that the configuration names. */
  async prepare(): Promise<void> {
    const write = (name: string, text: string) =>
      Deno.writeTextFile(`${this.#directory}/${name}`, text, { mode: 0o600 });
    const { cert, key } = await this.#authority.issue(["me.test"]);
    const password = await storeScram(CANARY.login, new Uint8Array(16).fill(1));
    const from = [parseSenderRule(SENDER)];
    const users = new Users([{ name: SENDER, password, from }], new Uint8Array(32).fill(2));
    await Promise.all([
      write("cert.pem", cert),
      write("key.pem", key),
      write("ca.pem", this.#authority.cert),
      write("token", `${CANARY.token}\n`),
      write("users.toml", formatUsers(users)),
    ]);
    await this.configureRelay(CANARY.wrongRelay);
  }

  /** Where it was said that something listens, by what was said. */
  address(said: RegExp): string {
    return said.exec(this.said)![1]!;
  }

  /** A connection to a listener: the first is for users, the second for everybody. */
  async connect(listener: 0 | 1): Promise<Peer> {
    const ports = [...this.said.matchAll(/listening\W.*?127\.0\.0\.1:(\d+)/g)];
    const peer = await Peer.connect({ hostname: "127.0.0.1", port: Number(ports[listener]![1]) });
    await peer.hello();
    return peer;
  }

  /** A connection to the listener for users, in TLS. */
  async connectTls(): Promise<Peer> {
    const peer = await this.connect(0);
    await peer.ask("STARTTLS");
    await peer.startTls("me.test", this.#authority.cert);
    await peer.ask("EHLO client.example");
    return peer;
  }

  /** Submits the message; gives its id. */
  async submit(): Promise<string> {
    using peer = await this.connectTls();
    const response = btoa(`\0${SENDER}\0${CANARY.login}`);
    assertEquals((await peer.ask(`AUTH PLAIN ${response}`)).slice(0, 3), "235");
    const reply = await peer.send(CONTENT, SENDER, "bob@there.test");
    await peer.ask("QUIT");
    return /Queued as (\S+)/.exec(reply)![1]!;
  }
}

/** Runs the program in a format of the log while `check` runs, and stops it in good order. */
export async function withSecrets(
  format: "json" | "pretty",
  check: (site: SecretsSite, reload: () => void) => Promise<void>,
  after: (site: SecretsSite, traces: TraceCollector) => Promise<void>,
): Promise<void> {
  await withTempDir(async (directory) => {
    const authority = await makeAuthority();
    const certificate = await authority.issue(["127.0.0.1"]);
    const smarthost = new ScriptedPeer([
      [...secured(certificate, "AUTH PLAIN"), repeat, hearOut],
      [...secured(certificate, "AUTH LOGIN"), ...logsIn, ...takeMail(), hearOut],
    ]);
    await using traces = new TraceCollector();
    const site = new SecretsSite(directory, authority, smarthost);
    await site.prepare();
    const flags = ["--config", site.file, "--log-level=debug", `--log-format=${format}`];
    const child = command(flags, { env: traces.environment }).spawn();
    const read = Promise.all([child.stdout, child.stderr].map((stream) => readTo(site, stream)));
    try {
      await until(() => / spool |"spool"/.test(site.said));
      await check(site, () => child.kill("SIGHUP"));
      child.kill("SIGTERM");
      assertEquals((await child.status).code, 0, site.said);
    } finally {
      if (!await hasEnded(child)) child.kill("SIGKILL");
      await Promise.all([child.status, read]);
      await smarthost.close();
    }
    await after(site, traces);
  });
}

/** AUTH LOGIN with the right password. */
const logsIn: readonly Step[] = [
  hear("AUTH LOGIN"),
  say("334 VXNlcm5hbWU6"),
  hear(btoa("us")),
  say("334 UGFzc3dvcmQ6"),
  hear(btoa(CANARY.relay)),
  say("235 2.7.0 in"),
];

async function readTo(
  site: SecretsSite,
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  for await (const line of linesOf(stream)) site.said += `${line}\n`;
}

/** Whether a process has ended by itself. */
function hasEnded(child: Deno.ChildProcess): Promise<boolean> {
  const not = new Promise<boolean>((resolve) => setImmediate(() => resolve(false)));
  return Promise.race([child.status.then(() => true), not]);
}
