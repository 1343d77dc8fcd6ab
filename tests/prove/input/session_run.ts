/**
 * Lets a session hear a script, and keeps what came of it. Whatever the session
 * throws is a fault of its own and told as one.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { MaybePromise } from "../../../base/maybe_promise.ts";
import type { ServerSession } from "../../../protocol.ts";
import type { Step } from "../../../protocol/handler.ts";
import { RecordingHandler } from "../../protocol/recording_handler.ts";
import { TestAuthenticator } from "../../protocol/test_authenticator.ts";
import { LIMITS, TLS } from "../../protocol/talk.ts";
import type { Ending } from "./reference.ts";
import { type Cut, cutUp, type Script } from "./script.ts";

/** What a server made of a dialogue. */
export interface Observed {
  /** All that it said, without the greeting; one character for each octet. */
  readonly said: string;
  /** The same, apart for each stretch of the script. */
  readonly parts: readonly string[];
  /** How it left the client. */
  readonly ending: Ending;
  /** The messages that it took. */
  readonly messages: readonly TakenMessage[];
  /** How long its longest step took, ms. */
  readonly slowest: number;
}

/** A message as it was taken; texts have one character for each octet. */
export interface TakenMessage {
  readonly reversePath: string;
  readonly recipients: number;
  readonly content: string;
}

/** The client of every session. */
const PEER = { address: "192.0.2.1", port: 2525 };

/** Octets as a text with one character for each. */
export function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("latin1");
}

/** Makes the session for a script. */
export type SessionMaker = (script: Script, handler: RecordingHandler) => ServerSession;

/** What makes sessions of the program in a directory, given by its URL: of this tree, or of a copy. */
export async function sessionMaker(program: string): Promise<SessionMaker> {
  const { ServerSession } = await import(
    `${program}protocol.ts`
  ) as typeof import("../../../protocol.ts");
  return ({ limits, startTls, tls }, handler) => {
    const banner = "ESMTP";
    const options = { hostname: "mx.example", banner, startTls, limits: { ...LIMITS, ...limits } };
    return new ServerSession(options, handler, PEER, tls ? TLS : undefined);
  };
}

/** Runs a script on a session; the handler answers later when `asynchronous`. */
export async function runOnSession(
  make: SessionMaker,
  script: Script,
  cut: Cut,
  asynchronous = false,
): Promise<Observed> {
  const { auth } = script;
  const authenticator = auth && new TestAuthenticator(auth === "tls", asynchronous);
  const handler = new RecordingHandler(asynchronous, authenticator);
  const session = make(script, handler);
  const feeding = new Feeding(session);
  const ending = await feeding.feed(script.stretches, cut);
  session.abort();
  const { opened, finished, aborted } = handler;
  if (opened !== finished + aborted) throw new Error("a message was neither kept nor dropped");
  const messages = handler.messages.map(({ envelope, content }) => ({
    reversePath: latin1(Buffer.from(envelope.reversePath)),
    recipients: envelope.recipients.length,
    content: latin1(content),
  }));
  const { parts, slowest } = feeding;
  return { said: parts.join(""), parts, ending, messages, slowest };
}

class Feeding {
  readonly parts: string[] = [];
  slowest = 0;
  readonly #session: ServerSession;

  constructor(session: ServerSession) {
    this.#session = session;
  }

  async feed(stretches: readonly Uint8Array[], cut: Cut): Promise<Ending> {
    for (const [i, stretch] of stretches.entries()) {
      this.parts.push("");
      const next = await this.#stretch(cutUp(stretch, cut));
      if (next === "close") return "closed";
      if (next === "read") continue;
      if (i === stretches.length - 1) return "handshake";
      this.#session.secured(TLS);
    }
    return "open";
  }

  /** Feeds writes until the session wants no more of them. */
  async #stretch(writes: readonly Uint8Array[]): Promise<Step["next"]> {
    for (const write of writes) {
      const buffer = new Uint8Array(write);
      this.#session.receive(buffer);
      const next = await this.#steps(buffer);
      if (next !== "read") return next;
    }
    return "read";
  }

  /** Lets the session do all that it can with what it received. */
  async #steps(buffer: Uint8Array): Promise<Step["next"]> {
    while (true) {
      const step = this.#timed(() => this.#session.step());
      const { output, next } = step instanceof Promise ? await step : step;
      // A transport reads into the same buffer again.
      buffer.fill(0x2a);
      this.parts[this.parts.length - 1] += latin1(output);
      if (next !== "step") return next;
    }
  }

  #timed(step: () => MaybePromise<Step>): MaybePromise<Step> {
    const began = performance.now();
    const result = step();
    this.slowest = Math.max(this.slowest, performance.now() - began);
    return result;
  }
}
