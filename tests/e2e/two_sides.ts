/**
 * A server between two mail hosts under a test's control: `here.test`, where
 * senders get their mail, and `there.test`, where mail goes; and the name server
 * that says where both are.
 */
import type { Clock } from "../../base/clock.ts";
import type { StartOptions } from "../../mod.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { freePort } from "../helpers/free_port.ts";
import { type Answer, MailHost, type TakenMessage } from "../helpers/mail_host.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { type Outcome, TestServer } from "./test_server.ts";

const ADDRESSES = { there: "127.0.0.2", here: "127.0.0.3" };

/** Whether this machine has both addresses: only Linux does without being told to. */
export const hasBothAddresses: boolean = Deno.build.os === "linux";

/** What a test may set; the rest is as a fresh server has it. */
export interface SidesOptions extends StartOptions {
  /** What the host of `there.test` says. */
  readonly there?: Answer;
  readonly clock?: Clock;
}

/** The server, both hosts and the name server. */
export class TwoSides {
  readonly server: TestServer;
  readonly dns: DnsServer;
  readonly there: MailHost;
  readonly here: MailHost;

  private constructor(server: TestServer, dns: DnsServer, there: MailHost, here: MailHost) {
    this.server = server;
    this.dns = dns;
    this.there = there;
    this.here = here;
  }

  /** Lets `check` use them; everything is stopped after. */
  static async use(
    { there: answer, clock, ...options }: SidesOptions,
    check: (sides: TwoSides) => Promise<void>,
  ): Promise<void> {
    await withTempDir(async (spool) => {
      const port = freePort(...Object.values(ADDRESSES));
      await using dns = await DnsServer.start();
      const hostOf = (side: keyof typeof ADDRESSES) => {
        const name = `mx.${side}.test`;
        dns.mx(`${side}.test`, [10, name]);
        dns.host(name, ADDRESSES[side]);
        return { name, address: ADDRESSES[side], port };
      };
      await using there = new MailHost(answer, hostOf("there"));
      await using here = new MailHost(undefined, hostOf("here"));
      const nameServer = `${dns.nameServer.host}:${dns.nameServer.port}`;
      const settings = { spool, dns: nameServer, deliveryPort: port, ...options };
      await using server = await TestServer.start(settings, clock);
      await check(new TwoSides(server, dns, there, here));
    });
  }

  /** The next outcomes, in words: `bounced a@there.test`. */
  async outcomes(count: number): Promise<string[]> {
    const said: string[] = [];
    while (said.length < count) said.push(inWords(await this.server.outcome()));
    return said;
  }

  /** The one message that came back to the sender's side, once the server says that it did. */
  async bounce(): Promise<TakenMessage> {
    let outcome = await this.server.outcome();
    while (!isBounceDelivered(outcome)) outcome = await this.server.outcome();
    const [message, ...others] = this.here.messages;
    if (message === undefined || others.length > 0) {
      throw new Error(`${this.here.messages.length} messages came back`);
    }
    return message;
  }
}

function isBounceDelivered({ kind, reversePath }: Outcome): boolean {
  return kind === "delivered" && reversePath === "";
}

function inWords({ kind, recipients }: Outcome): string {
  return `${kind} ${recipients.join(" ")}`;
}
