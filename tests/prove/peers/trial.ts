/**
 * One case of the peers proof, carried out: a message to the host, the first
 * attempt with time passed where the host is silent, everything after it, and
 * what was seen. What goes wrong is a complaint in the result.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { QueuedMessage } from "../../../queue/queue.ts";
import type { Authority } from "../../helpers/certificates.ts";
import { turns, until } from "../../helpers/waiting.ts";
import type { SeededRandom } from "../seeded_random.ts";
import type { Bench, Fate } from "./bench.ts";
import type { PeerCase } from "./cases.ts";
import { complaintsOf } from "./judge.ts";
import { MailHost } from "./mail_host.ts";
import { Scene } from "./scene.ts";

/** What was seen of a case. */
export interface Observation {
  /** As recorded after the first attempt; undefined when it was finished then. */
  readonly record: QueuedMessage | undefined;
  /** Each recipient, in order. */
  readonly recipients: readonly {
    readonly fates: readonly Fate[];
    /** How many copies of the message the host has for it. */
    readonly copies: number;
    /** How many bounces name it. */
    readonly bounces: number;
  }[];
  /** How many copies have other octets than were sent. */
  readonly corrupt: number;
  /** Claims left when all was over. */
  readonly claims: number;
}

/** A case and what came of it. */
export interface CaseResult {
  readonly peerCase: PeerCase;
  /** Undefined where it did not come to its end. */
  readonly seen?: Observation;
  /** What is wrong; empty when nothing is. */
  readonly complaints: readonly string[];
}

/** What a trial is made with. */
export interface TrialParts {
  /** Its place in the order. */
  readonly number: number;
  readonly bench: Bench;
  readonly random: SeededRandom;
  readonly authority: Authority;
  /** How many descriptors are open when nothing is under way. */
  readonly descriptors: number;
}

/** Octets of content that do not fit into the buffers on the way to a host that does not read. */
const LARGE = 12 * 2 ** 20;
const SECOND = 1000;
/** For how long time goes on after a timeout, ms: deadlines are looked at once a second. */
const GRACE = 3 * SECOND;
/** How many blocks of content may still find room on the way, each with a timeout of its own. */
const BLOCKS = 3;
/** Turns of the event loop in which content is sent until there is no more room for it, mostly. */
const FILLING = 3000;
/** How long the outcome of an attempt may take to be recorded, ms of the machine's own time. */
const RECORDING = 1000;

/** A case under way. */
export class Trial {
  readonly #case: PeerCase;
  readonly #bench: Bench;
  readonly #scene: Scene;
  readonly #address: string;
  readonly #recipients: readonly string[];
  readonly #content: Uint8Array;
  readonly #descriptors: number;
  readonly #bouncesBefore: number;

  constructor(peerCase: PeerCase, { number, bench, random, authority, descriptors }: TrialParts) {
    const domain = `c${number}.test`;
    this.#case = peerCase;
    this.#bench = bench;
    this.#scene = new Scene(`mx.${domain}`, { clock: bench.clock, random, authority });
    this.#address = `127.1.${number >> 8}.${number & 255}`;
    this.#recipients = peerCase.first.map((_, i) => `r${i}@${domain}`);
    this.#content = contentOf(domain, peerCase.large === true);
    this.#descriptors = descriptors;
    this.#bouncesBefore = bench.senders.taken.length;
    bench.announce(domain, this.#address);
  }

  /** Carries it out. Never throws. */
  async run(): Promise<CaseResult> {
    const peerCase = this.#case;
    try {
      const seen = await this.#observe();
      await this.#bench.quiet(this.#descriptors);
      return { peerCase, seen, complaints: complaintsOf(peerCase, seen) };
    } catch (error) {
      return { peerCase, complaints: [error instanceof Error ? error.message : String(error)] };
    }
  }

  async #observe(): Promise<Observation> {
    const before = await this.#beforeShutDoor();
    await using host = await this.#host();
    try {
      const record = before ?? await this.#firstAttempt();
      this.#scene.over.open();
      await this.#bench.empty();
      return this.#seen(record, host);
    } finally {
      this.#scene.over.open();
    }
  }

  async #host(): Promise<MailHost> {
    const manners = await this.#case.manners(this.#scene);
    return new MailHost(this.#address, this.#bench.port, manners);
  }

  /** Makes the first attempt where nobody is there to take the connection; gives what is on record then. */
  async #beforeShutDoor(): Promise<QueuedMessage | undefined> {
    switch (this.#case.door) {
      case undefined:
        return undefined;
      case "refuses":
        return await this.#firstAttempt();
      case "full": {
        using _ = await crowd(this.#address, this.#bench.port);
        return await this.#firstAttempt();
      }
    }
  }

  /** Sends the message, waits until every recipient's fate is known, and gives what is on record then. */
  async #firstAttempt(): Promise<QueuedMessage | undefined> {
    const { timeout } = this.#case;
    await this.#bench.submit(this.#recipients, this.#content);
    if (timeout !== undefined) await this.#sitOut(timeout);
    await until(() => this.#isDecided());
    await this.#bench.idle();
    return await this.#bench.queue.read(this.#bench.idOf(this.#recipients[0]!));
  }

  /** Waits until the server waits for the host, lets other mail pass, and then time: no longer than it must. */
  async #sitOut(timeout: number): Promise<void> {
    const { door, large } = this.#case;
    await until(() => this.#scene.reached || door === "full");
    // Nobody says that a full host is being called, or that there is no room for more content.
    if (door === "full" || large) await turns(FILLING);
    await this.#bench.passBy();
    for (let blocks = large ? BLOCKS : 1; blocks > 0 && !this.#isDecided(); blocks--) {
      for (let passed = 0; passed < timeout + GRACE; passed += SECOND) {
        await turns(2);
        this.#bench.clock.advance(SECOND);
      }
      // Time must stand still now, or the next attempt comes before this one is on record.
      const end = Date.now() + RECORDING;
      while (!this.#isDecided() && Date.now() < end) await turns(1);
    }
  }

  #isDecided(): boolean {
    return this.#recipients.every((recipient) => this.#bench.fatesOf(recipient).length > 0);
  }

  #seen(record: QueuedMessage | undefined, host: MailHost): Observation {
    const bounces = this.#bench.senders.taken.slice(this.#bouncesBefore)
      .map(({ content }) => content.toString("latin1"));
    const recipients = this.#recipients.map((recipient) => ({
      fates: this.#bench.fatesOf(recipient),
      copies: host.taken.filter((one) => one.recipients.includes(recipient)).length,
      bounces: bounces.filter((text) => text.includes(`Final-Recipient: rfc822; ${recipient}\r\n`))
        .length,
    }));
    return {
      record,
      recipients,
      corrupt: host.taken.filter(({ content }) => !holds(content, this.#content)).length,
      claims: this.#bench.queue.counts().active,
    };
  }
}

/** A listener that takes no connections, and has no room for more; Linux lets in one more than the backlog. */
async function crowd(hostname: string, port: number): Promise<Disposable> {
  const listener = Deno.listen({ hostname, port, tcpBacklog: 1 });
  const crowd = await Promise.all([1, 2].map(() => Deno.connect({ hostname, port })));
  return {
    [Symbol.dispose]() {
      for (const conn of crowd) conn.close();
      listener.close();
    },
  };
}

function contentOf(token: string, large: boolean): Uint8Array {
  const line = `${token} `.repeat(8) + "\r\n";
  const lines = large ? Math.ceil(LARGE / line.length) : 3;
  return Buffer.from(`Subject: ${token}\r\n\r\n` + line.repeat(lines));
}

const FINAL_DOT = ".\r\n";

/** Whether content as it came is what was sent, below the header fields that were put in front. No line begins with a dot. */
function holds(came: Buffer, sent: Uint8Array): boolean {
  const end = came.length - FINAL_DOT.length;
  return came.subarray(Math.max(0, end - sent.length), end).equals(sent);
}
