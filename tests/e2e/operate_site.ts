/**
 * The program as its operators have it: a process of its own, its configuration in a
 * file, a name server, next hops that a test decides for, and curl at its socket. A
 * process that a test does not stop ends as crashes end one.
 */
import { type Dnsmasq, startDnsmasq } from "../helpers/dnsmasq.ts";
import { runCommand } from "../helpers/command.ts";
import { freePort } from "../helpers/free_port.ts";
import { type Answer, MailHost } from "../helpers/mail_host.ts";
import { type Serving, withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { Peer } from "../transport/peer.ts";

/** Whether what a site needs is missing. */
export const ignore = tool("dnsmasq") === undefined || tool("curl") === undefined;

/** `there.test` and `elsewhere.test` have a mail host each. */
const RECORDS = [
  "mx-host=there.test,mx.there.test,10",
  "host-record=mx.there.test,127.0.0.2",
  "mx-host=elsewhere.test,mx.elsewhere.test,10",
  "host-record=mx.elsewhere.test,127.0.0.3",
];

/** So soon that nobody has to wait. */
export const SOON = '[retry]\nfirst = "100ms"\njitter = 0\n';

/** So late that nothing goes by itself. */
export const LATE = '[retry]\nfirst = "1h"\njitter = 0\n';

/** How long a state is waited for that does not come, ms. */
const TOO_LONG = 15_000;

/** What the API says of a message in the queue. */
export interface Listed {
  readonly id: string;
  readonly state: string;
  readonly recipients: readonly string[];
  readonly attempts: number;
  readonly lastError?: string;
}

/** One site. */
export class Site {
  /** The mail host of `there.test`. */
  readonly there: MailHost;
  /** The mail host of `elsewhere.test`. */
  readonly elsewhere: MailHost;
  readonly spool: string;
  readonly #directory: string;
  readonly #dns: Dnsmasq;

  constructor(directory: string, dns: Dnsmasq, there: MailHost, elsewhere: MailHost) {
    this.#directory = directory;
    this.#dns = dns;
    this.there = there;
    this.elsewhere = elsewhere;
    this.spool = `${directory}/spool`;
  }

  /** The configuration file, which `configure` writes. */
  get file(): string {
    return `${this.#directory}/mail.toml`;
  }

  /** Replaces the configuration. */
  configure(text: string): Promise<void> {
    return Deno.writeTextFile(this.file, text);
  }

  /** Runs the server. */
  serve(check: (serving: Serving) => Promise<void>, flags: readonly string[] = []): Promise<void> {
    const way = [`--dns=127.0.0.1:${this.#dns.port}`, `--delivery-port=${this.there.host.port}`];
    const where = [`--config=${this.file}`, `--spool=${this.spool}`, "--allow-private"];
    return withServer([...where, ...way, ...flags], check);
  }

  /** What the API answers to curl. */
  text(path: string, ...args: readonly string[]): Promise<string> {
    const socket = ["--silent", "--show-error", "--unix-socket", `${this.spool}/control.sock`];
    return runCommand({
      path: tool("curl")!,
      args: [...socket, ...args, `http://localhost${path}`],
    });
  }

  /** The status of its answer. */
  status(path: string, ...args: readonly string[]): Promise<string> {
    return this.text(path, ...args, "--output", "/dev/null", "--write-out", "%{http_code}");
  }

  /** The same, as JSON. */
  async json<T>(path: string, ...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.text(path, ...args)) as T;
  }

  /** Steers messages; gives how many were. */
  async act(action: Record<string, unknown>): Promise<number> {
    const body = ["--json", JSON.stringify(action)];
    const { done } = await this.json<{ done: number }>("/v1/queue/actions", ...body);
    return done;
  }

  /** What is in the queue. */
  async queue(): Promise<readonly Listed[]> {
    return (await this.json<{ messages: readonly Listed[] }>("/v1/queue")).messages;
  }
}

/** Waits until something that has to be asked for is so. @throws {Error} when it is not so in all this time */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + TOO_LONG;
  while (!await isSo()) if (Date.now() > end) throw new Error(`never so: ${isSo}`);
}

/** Runs a test at a site; what its mail hosts say is for the test to set. */
export function withSite(check: (site: Site) => Promise<void>): Promise<void> {
  return withTempDir(async (directory) => {
    await using dns = await startDnsmasq(tool("dnsmasq")!, RECORDS);
    const port = freePort("127.0.0.2", "127.0.0.3");
    await using there = new MailHost(undefined, { address: "127.0.0.2", port });
    await using elsewhere = new MailHost(undefined, { address: "127.0.0.3", port });
    const site = new Site(directory, dns, there, elsewhere);
    await site.configure(SOON);
    await check(site);
  });
}

/** Refuses recipients for now as often as told, as greylisting does. */
export function greylist(times: number): Answer {
  return (moment) => moment === "RCPT" && times-- > 0 ? "451 4.7.1 Greylisted" : undefined;
}

/** Brings a message as a client on this machine; gives the id that it is told. */
export async function bring(
  port: number,
  to: string,
  content = "Subject: x\r\n\r\nx",
  from = "ann@here.test",
): Promise<string> {
  using peer = await Peer.connect({ hostname: "127.0.0.1", port });
  await peer.hello();
  const reply = await peer.send(content, from, to);
  const id = /^250 2\.0\.0 Queued as (\S+)$/.exec(reply)?.[1];
  if (id === undefined) throw new Error(`not taken: ${reply}`);
  await peer.ask("QUIT");
  return id;
}
