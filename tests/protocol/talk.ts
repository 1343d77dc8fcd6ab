/** Drives a session as a transport does: octets in, output gathered, one buffer reused for every read. */
import { concat, decode, encode } from "../../base/bytes.ts";
import type { TlsChannel, TlsInfo } from "../../message/envelope.ts";
import { ServerSession } from "../../protocol.ts";
import type {
  SessionHandler,
  SessionLimits,
  SessionOptions,
  Step,
} from "../../protocol/handler.ts";

/** Limits that no test meets by chance. */
export const LIMITS: SessionLimits = {
  commandLine: 512,
  recipients: 1000,
  messageSize: 10_000_000,
  errors: 1000,
  idleCommands: 1000,
};

export const TLS: TlsInfo = {
  version: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  verified: false,
};

/** The same with what a login can be bound to. */
export const CHANNEL: TlsChannel = { ...TLS, endPoint: new Uint8Array(32).fill(7) };

/** A session from 192.0.2.1 with a server called mx.example. */
export function newSession(
  handler: SessionHandler,
  limits: Partial<SessionLimits> = {},
  options: Partial<SessionOptions> = {},
  tls?: TlsChannel,
): ServerSession {
  const all = {
    hostname: "mx.example",
    banner: "ESMTP deno-smtp-server",
    startTls: false,
    ...options,
    limits: { ...LIMITS, ...limits },
  };
  return new ServerSession(all, handler, { address: "192.0.2.1", port: 2525 }, tls);
}

/** What came of feeding a session. */
export interface Talked {
  /** Everything the session said. */
  readonly output: string;
  /** What the last step told the transport to do. */
  readonly next: Step["next"];
}

/** Feeds octets in pieces; each piece is overwritten after its step, as a transport's buffer is. */
export async function feed(
  session: ServerSession,
  pieces: Iterable<Uint8Array>,
): Promise<Talked> {
  const outputs: Uint8Array[] = [];
  let next: Step["next"] = "read";
  for (const piece of pieces) {
    const buffer = piece.slice();
    session.receive(buffer);
    do {
      const step = await session.step();
      buffer.fill(0x2a);
      outputs.push(step.output);
      next = step.next;
    } while (next === "step");
  }
  return { output: decode(concat(outputs)), next };
}

/** Says a text in one write; gives the answer. */
export async function say(session: ServerSession, text: string): Promise<string> {
  return (await feed(session, [encode(text)])).output;
}

/** The octets one by one. */
export function singly(octets: Uint8Array): Uint8Array[] {
  return Array.from(octets, (octet) => Uint8Array.of(octet));
}

/** The octets in two pieces, cut at a place. */
export function cutAt(octets: Uint8Array, place: number): Uint8Array[] {
  return [octets.subarray(0, place), octets.subarray(place)];
}

/** The octets in pieces of random length, the same ones for the same seed. */
export function atRandom(octets: Uint8Array, seed: number, longest = 40): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let state = seed * 2654435761 + 1;
  for (let at = 0; at < octets.length;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const length = 1 + Math.floor(state / 2 ** 32 * longest);
    pieces.push(octets.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
