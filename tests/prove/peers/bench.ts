/**
 * The whole server in this process, with time under the proof's control, and
 * around it a name server and hosts that behave: one for senders, who are told of
 * failures, and a bystander, whose mail has to go on whatever happens elsewhere.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Queue } from "../../../queue/queue.ts";
import { configOf } from "../../../server/options.ts";
import type { RunningServer } from "../../../server/running_server.ts";
import { DnsServer } from "../../helpers/dns_server.ts";
import { freePort } from "../../helpers/free_port.ts";
import { TestClock } from "../../helpers/test_clock.ts";
import { turns, until } from "../../helpers/waiting.ts";
import { dotStuffed, OctetTalk } from "../octet_talk.ts";
import { MailHost } from "./mail_host.ts";

/** What became of a recipient, as the server tells it. */
export type Fate = "delivered" | "deferred" | "bounced";

const SENDERS = "127.0.0.2";
const BYSTANDER = "127.0.0.3";
/** Whoever sends. */
export const SENDER = "sender@sender.test";

/** After this long by the clock a case has to be over, ms. */
const LONGEST_CASE = 4 * 60 * 60 * 1000;
/** After this an unused connection is closed, ms. */
const IDLE = 10_000;

/** What of a program is used, from its root: a copy may have a fault. */
export interface BenchOptions {
  /** The URL of the program's root, ending in a slash. */
  readonly program: string;
  /** For the spool; empty or not there. */
  readonly directory: string;
  /** PEM; hosts' certificates are verified by it. */
  readonly authority: string;
}

/** The server and what is around it. */
export class Bench implements AsyncDisposable {
  readonly clock: TestClock;
  readonly queue: Queue;
  readonly dns: DnsServer;
  /** The port of all hosts. */
  readonly port: number;
  /** The host of senders, which gets the bounces. */
  readonly senders: MailHost;
  readonly #bystander: MailHost;
  readonly #server: RunningServer;
  /** What became of each recipient, by address, in order. */
  readonly #fates = new Map<string, Fate[]>();
  readonly #ids = new Map<string, string>();
  #submissions = 0;

  private constructor(
    { clock, queue, dns, port, server }: {
      clock: TestClock;
      queue: Queue;
      dns: DnsServer;
      port: number;
      server: RunningServer;
    },
  ) {
    this.clock = clock;
    this.queue = queue;
    this.dns = dns;
    this.port = port;
    this.#server = server;
    this.senders = new MailHost(SENDERS, port, [{}]);
    this.#bystander = new MailHost(BYSTANDER, port, [{}]);
    this.announce("sender.test", SENDERS);
    this.announce("bystander.test", BYSTANDER);
    for (const fate of ["delivered", "deferred", "bounced"] as const) {
      server.on(fate, ({ recipients }) => this.#note(recipients, fate));
    }
    server.on("accepted", ({ id, envelope }) => {
      for (const recipient of envelope.recipients) this.#ids.set(recipient, id);
    });
  }

  /** Starts all. Certificates are verified by the machine's time, so the clock starts there. */
  static async start({ program, directory, authority }: BenchOptions): Promise<Bench> {
    const { startServer }: typeof import("../../../server/server.ts") = await import(
      `${program}server/server.ts`
    );
    const { FileQueue }: typeof import("../../../queue/file_queue.ts") = await import(
      `${program}queue/file_queue.ts`
    );
    const clock = new TestClock(Date.now());
    const dns = await DnsServer.start();
    const port = freePort(SENDERS, BYSTANDER);
    const spool = `${directory}/spool`;
    const queue = await FileQueue.open({ directory: spool, clock });
    const config = configOf({
      listen: "127.0.0.1:0",
      hostname: "me.test",
      spool,
      dns: `127.0.0.1:${dns.nameServer.port}`,
      deliveryPort: port,
      allowPrivate: true,
      caCerts: [authority],
    });
    return new Bench({
      clock,
      queue,
      dns,
      port,
      server: await startServer(config, { clock, queue }),
    });
  }

  /** Makes a domain known: its mail host `mx.DOMAIN` has this address. */
  announce(domain: string, address: string): void {
    this.dns.mx(domain, [10, `mx.${domain}`]);
    this.dns.host(`mx.${domain}`, address);
  }

  /** Sends a message over SMTP; resolves when it is acknowledged. @throws {Error} when it is not */
  async submit(recipients: readonly string[], content: Uint8Array): Promise<void> {
    using talk = await OctetTalk.open(this.#server.addresses[0]!.port);
    await expect(talk, 220);
    const lines = ["EHLO proof.test", `MAIL FROM:<${SENDER}>`];
    for (const line of [...lines, ...recipients.map((one) => `RCPT TO:<${one}>`)]) {
      await talk.send(`${line}\r\n`);
      await expect(talk, 250);
    }
    await talk.send("DATA\r\n");
    await expect(talk, 354);
    await talk.send(dotStuffed(content));
    await expect(talk, 250);
    await talk.send("QUIT\r\n");
    await expect(talk, 221);
  }

  /** What became of a recipient so far. */
  fatesOf(recipient: string): readonly Fate[] {
    return this.#fates.get(recipient) ?? [];
  }

  /** The id of the message that was last accepted for a recipient. */
  idOf(recipient: string): string {
    return this.#ids.get(recipient)!;
  }

  /** Sends a message to the bystander and waits until it is there; time stands still. */
  async passBy(): Promise<void> {
    const recipient = `${++this.#submissions}@bystander.test`;
    await this.submit([recipient], Buffer.from("Subject: meanwhile\r\n\r\nx\r\n"));
    await until(() => this.#bystander.taken.some((one) => one.recipients.includes(recipient)));
  }

  /** Waits until nothing is under way; time stands still. */
  async idle(): Promise<void> {
    await turns(3); // what is due may still be about to be claimed
    await until(() => this.queue.counts().active === 0);
  }

  /** Lets time pass, timer by timer and only while nothing is under way, until the queue is empty. @throws {Error} when it never is */
  async empty(): Promise<void> {
    const end = this.clock.now() + LONGEST_CASE;
    await this.idle();
    while (this.queue.counts().messages > 0) {
      const next = this.clock.nextTimer();
      if (next > end) throw new Error("messages are left in the queue");
      this.clock.advance(next - this.clock.now());
      await this.idle();
    }
  }

  /** Waits until unused connections are closed and no more than so many descriptors open. @throws {Error} when there are always more */
  async quiet(descriptors: number): Promise<void> {
    await this.idle();
    this.clock.advance(IDLE);
    try {
      await until(() => openDescriptors() <= descriptors);
    } catch {
      throw new Error(`more than ${descriptors} descriptors stay open: ${whatIsOpen().join(", ")}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.#server.stop();
    this.clock.advance(LONGEST_CASE);
    await stopped;
    await Promise.all([
      this.senders[Symbol.asyncDispose](),
      this.#bystander[Symbol.asyncDispose](),
    ]);
    await this.dns[Symbol.asyncDispose]();
  }

  #note(recipients: readonly string[], fate: Fate): void {
    for (const recipient of recipients) {
      this.#fates.set(recipient, [...this.fatesOf(recipient), fate]);
    }
  }
}

/**
 * How many sockets and message files this process has open. The journal's segments
 * are opened when they are first needed, and so is what the runtime has of its own:
 * its Unix sockets, which are no peer's, come and go with its threads.
 */
export function openDescriptors(): number {
  return ownFiles().length;
}

function ownFiles(): string[] {
  const unix = new Set(tableOf("unix").map((line) => `socket:[${line.split(/\s+/)[6]}]`));
  return openFiles().filter((file) => /^socket:|\/spool\/[^/]*$/.test(file) && !unix.has(file));
}

/** The lines of one of the kernel's tables of sockets. */
function tableOf(name: string): string[] {
  return Deno.readTextFileSync(`/proc/self/net/${name}`).split("\n").slice(1);
}

/** The same in words: sockets with their line in the kernel's tables, which has both ends and the state. */
function whatIsOpen(): string[] {
  const tables = ["tcp", "tcp6", "udp", "udp6"].flatMap((table) =>
    tableOf(table).map((line) => `${table} ${line}`)
  );
  return ownFiles().map((file) => {
    const inode = /^socket:\[(\d+)\]$/.exec(file)?.[1];
    return inode && tables.find((line) => line.split(/\s+/).includes(inode)) || file;
  });
}

/** What the descriptors of this process stand for. */
function openFiles(): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      return [Deno.readLinkSync(`/proc/self/fd/${name}`)];
    } catch {
      return []; // it was closed meanwhile, as the directory's own was
    }
  });
}

async function expect(talk: OctetTalk, code: number): Promise<void> {
  const { code: got, line } = await talk.reply();
  if (got !== code) throw new Error(`${line} instead of ${code}`);
}
