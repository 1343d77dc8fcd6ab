/**
 * The two mail hosts of `there.test`: smtp-sinks on 127.0.0.2 and, less
 * preferred, 127.0.0.3, and a name server (dnsmasq) that says so. A host is down
 * until it is started.
 */
import { withTempDir } from "../helpers/temp_dir.ts";
import { startDnsmasq } from "../helpers/dnsmasq.ts";
import { freePort } from "../helpers/free_port.ts";
import { SmtpSink } from "../helpers/smtp_sink.ts";
import { tool } from "../helpers/tools.ts";

const DNSMASQ = tool("dnsmasq");
const SINK = tool("smtp-sink");

/** Whether what they are made of is installed. */
export const hostsInstalled: boolean = DNSMASQ !== undefined && SINK !== undefined;

const RECORDS = [
  "mx-host=there.test,mx1.there.test,10",
  "mx-host=there.test,mx2.there.test,20",
  "host-record=mx1.there.test,127.0.0.2",
  "host-record=mx2.there.test,127.0.0.3",
];

const ADDRESSES = { "mx1.there.test": "127.0.0.2", "mx2.there.test": "127.0.0.3" };

/** One of the hosts. */
export type HostName = keyof typeof ADDRESSES;

/** Everything outside of the server. */
export class TwoHosts {
  /** An empty directory for the server's spool. */
  readonly spool: string;
  /** The name server, `HOST:PORT`. */
  readonly dns: string;
  /** The port of both hosts. */
  readonly port: number = freePort(...Object.values(ADDRESSES));
  readonly #directory: string;
  readonly #running: SmtpSink[] = [];

  private constructor(directory: string, dnsPort: number) {
    this.#directory = directory;
    this.spool = `${directory}/spool`;
    this.dns = `127.0.0.1:${dnsPort}`;
  }

  /** Lets `check` use them; what was started is stopped after. */
  static async use(check: (hosts: TwoHosts) => Promise<void>): Promise<void> {
    await withTempDir(async (directory) => {
      await using dns = await startDnsmasq(DNSMASQ!, RECORDS);
      const hosts = new TwoHosts(directory, dns.port);
      try {
        await check(hosts);
      } finally {
        await Promise.all(hosts.#running.map((sink) => sink.stop()));
      }
    });
  }

  /** Brings a host up. */
  async start(name: HostName): Promise<SmtpSink> {
    const directory = `${this.#directory}/${name}`;
    await Deno.mkdir(directory);
    const host = { name, address: ADDRESSES[name], port: this.port };
    const sink = await SmtpSink.start(SINK!, directory, host);
    this.#running.push(sink);
    return sink;
  }
}
