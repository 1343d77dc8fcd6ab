/**
 * One connection and its session: pumps octets between them, watches over how long
 * the client takes, and upgrades to TLS where the session asks for it. Whatever the
 * network does ends this connection and is thrown.
 *
 * @module
 */
import type { Bytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { isPromise } from "../base/maybe_promise.ts";
import type { Limits } from "../config/config.ts";
import type { SessionFact } from "../history/story.ts";
import type { ClientInfo, TlsChannel } from "../message/envelope.ts";
import type { ServerSession } from "../protocol.ts";
import type { SessionHandler } from "../protocol/handler.ts";
import {
  replyBytes,
  SHUTTING_DOWN,
  type SmtpReply,
  TIMED_OUT,
  TOO_SLOW,
} from "../protocol/reply.ts";
import type { Connection, Peer } from "./connection.ts";
import { ContentRate } from "./content_rate.ts";
import type { Awaited, ReadBuffers } from "./read_buffers.ts";
import type { ServerTls } from "./server_tls.ts";
import type { SessionRecord } from "./session_stories.ts";

/** What serving connections needs; one for all of them, since many do nothing but wait. */
export interface Serving {
  /** Bounds on the client's time. */
  readonly limits: Limits;
  /** For STARTTLS. */
  readonly tls: ServerTls;
  /** What every deadline goes by. */
  readonly clock: Clock;
  /** What is read into. */
  readonly buffers: ReadBuffers;
  /** Who answers another client that the connection is used for, or the reply that turns it away. */
  readonly welcome: (peer: Peer, record: SessionRecord) => Promise<SessionHandler | SmtpReply>;
}

/** How long a reply may wait for a client that does not read, ms. */
const WRITE_TIMEOUT = 60_000;

/** One connection and its session. */
export class ServedConnection {
  #connection: Connection;
  #session: ServerSession;
  #serving: Serving;
  /** What is told of the session. */
  #record: SessionRecord;
  #finishing = false;
  #waiting = false;
  /** Belongs to this connection until the session has used up what was read. */
  #buffer: Bytes | undefined;
  /** Whether the last read filled it, so that there is more to be had. */
  #filled = false;
  #rate = new ContentRate();
  /** When the wait for the command that is read now began, ms since 1970. */
  #waitingSince: number;
  /** When the wait for the content that is read now began, likewise. */
  #readingSince = 0;

  /** Nothing is said before `run`. */
  constructor(
    connection: Connection,
    session: ServerSession,
    serving: Serving,
    record: SessionRecord,
  ) {
    this.#connection = connection;
    this.#session = session;
    this.#serving = serving;
    this.#record = record;
    this.#waitingSince = serving.clock.now();
    connection.onTimeout(() => replyBytes(TIMED_OUT));
  }

  /** What is known of the client. */
  get client(): ClientInfo {
    return this.#session.client;
  }

  /** Whether the client has said QUIT. */
  get hasQuit(): boolean {
    return this.#session.hasQuit;
  }

  /** Greets, then lets the session and the client talk until one of them ends it, and gives how. */
  async run(): Promise<SessionFact["end"]> {
    await this.#greet();
    while (true) {
      const answer = this.#session.step(this.#buffer);
      const step = isPromise(answer) ? await answer : answer;
      if (step.output.length > 0) {
        await this.#send(step.output);
        // Every command is answered, so an answer is where the time for the next one begins.
        this.#waitingSince = this.#serving.clock.now();
      }
      switch (step.next) {
        case "read": {
          if (this.#isToFinish) return await this.#finishNow();
          if (this.#isTooSlow) return await this.#breakOff();
          const octets = await this.#read();
          if (octets === null) return "closed";
          this.#take(octets);
          break;
        }
        case "step":
          break;
        case "starttls":
          this.#session.secured(await this.#startTls());
          break;
        case "restart":
          if (!await this.#restart()) return "turned away";
          break;
        case "close":
          return this.#session.hasQuit ? "quit" : "errors";
        default:
          step.next satisfies never;
      }
    }
  }

  #send(octets: Uint8Array): Promise<void> {
    this.#record.sent += octets.length;
    return this.#connection.write(octets, WRITE_TIMEOUT);
  }

  /** Whether the server stops, and nothing is open that may be finished before. */
  get #isToFinish(): boolean {
    return this.#finishing && !this.#session.inTransaction;
  }

  async #finishNow(): Promise<"shutdown"> {
    await this.dismiss();
    return "shutdown";
  }

  async #breakOff(): Promise<"timeout"> {
    this.#session.refuseContent(TOO_SLOW);
    await this.#connection.dismiss(replyBytes(TOO_SLOW));
    return "timeout";
  }

  async #greet(): Promise<void> {
    await this.#send(this.#session.greeting());
    this.#waitingSince = this.#serving.clock.now();
  }

  /** The connection is another client's now, who is greeted; false when it was turned away. */
  async #restart(): Promise<boolean> {
    const handler = await this.#serving.welcome(this.#session.client, this.#record);
    if ("code" in handler) {
      await this.#connection.dismiss(replyBytes(handler));
      return false;
    }
    this.#session.restart(handler);
    await this.#greet();
    return true;
  }

  /** The connection is over: gives back what it holds. */
  end(): void {
    this.#session.abort();
    if (this.#buffer) this.#serving.buffers.give(this.#buffer);
    this.#buffer = undefined;
  }

  /** Ends the connection as soon as no transaction is open. */
  finish(): void {
    this.#finishing = true;
    if (this.#waiting && this.#isToFinish) void this.dismiss();
  }

  /** Ends the connection now, with 421. */
  dismiss(): Promise<void> {
    return this.#connection.dismiss(replyBytes(SHUTTING_DOWN));
  }

  async #startTls(): Promise<TlsChannel> {
    const { tls, limits } = this.#serving;
    this.#waiting = true;
    const info = await this.#connection.secure(tls.accept, limits.tlsTimeout);
    this.#waiting = false;
    this.#waitingSince = this.#serving.clock.now();
    return info;
  }

  /** Whether content comes slower than it must. */
  get #isTooSlow(): boolean {
    return this.#session.receiving && this.#rate.isBelow(this.#serving.limits.dataRate);
  }

  /** Waits for octets, which {@linkcode #take} has to be told of; gives how many came, null at the end. */
  #read(): Promise<number | null> {
    const { limits, clock } = this.#serving;
    const now = clock.now();
    let awaited: Awaited = this.#filled ? "content" : "commands";
    let timeout = limits.commandTimeout - (now - this.#waitingSince);
    if (this.#session.receiving) {
      awaited = this.#filled ? "more content" : "content";
      timeout = limits.dataTimeout;
      this.#readingSince = now;
    } else this.#rate.reset();
    this.#buffer = this.#serving.buffers.exchange(this.#buffer, awaited);
    this.#waiting = true;
    return this.#connection.read(this.#buffer, timeout);
  }

  /** Hands what was read to the session. */
  #take(octets: number): void {
    this.#waiting = false;
    this.#record.received += octets;
    const buffer = this.#buffer!;
    this.#filled = octets === buffer.length;
    if (this.#session.receiving) {
      this.#rate.add(octets, this.#serving.clock.now() - this.#readingSince);
    }
    this.#session.receive(buffer.subarray(0, octets));
  }
}
