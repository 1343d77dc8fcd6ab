/** A transport on 127.0.0.1 that hands mail to a recording handler, and a clock that stands still. */
import { DEFAULT_LIMITS, type Limits } from "../../config/config.ts";
import type { MaybePromise } from "../../base/maybe_promise.ts";
import type { Envelope } from "../../message/envelope.ts";
import type { MessageSink } from "../../protocol/handler.ts";
import type { SmtpReply } from "../../protocol/reply.ts";
import { Transport, type TransportOptions } from "../../transport.ts";
import { selfSignedCertificate } from "../../transport/certificate.ts";
import { ServerTls } from "../../transport/server_tls.ts";
import { SessionStories } from "../../transport/session_stories.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { RecordingHandler } from "../protocol/recording_handler.ts";
import { Peer } from "./peer.ts";

/** What the server calls itself, and what its certificate is for. */
export const HOSTNAME = "mx.example.org";

/** The certificate of every transport here. */
export const CERTIFICATE = await selfSignedCertificate(HOSTNAME, Date.now());

/** Counts, besides, the octets of content that have arrived. */
class CountingHandler extends RecordingHandler {
  octets = 0;

  override message(envelope: Envelope): MaybePromise<MessageSink | SmtpReply> {
    const sink = super.message(envelope) as MessageSink;
    const write = (chunk: Uint8Array) => {
      this.octets += chunk.length;
      return sink.write(chunk);
    };
    return { ...sink, write };
  }
}

/** A transport that runs. */
export interface Running {
  readonly transport: Transport;
  readonly handler: CountingHandler;
  readonly clock: TestClock;
  /** Connects; hung up on when the test ends. */
  connect(): Promise<Peer>;
  /** Connects to the listener with implicit TLS. */
  connectTls(): Promise<Peer>;
}

/** What a test changes. */
export interface Changes extends Partial<Omit<TransportOptions, "limits" | "clock">> {
  readonly limits?: Partial<Limits>;
  readonly clock?: TestClock;
}

/** Runs a transport with a plain listener and one with implicit TLS, in this order, for one test. */
export async function withTransport(
  changes: Changes,
  check: (running: Running) => Promise<void>,
): Promise<void> {
  const { clock = new TestClock() } = changes;
  const handler = new CountingHandler();
  const transport = new Transport(optionsOf(changes, handler, clock));
  transport.start();
  const peers: Peer[] = [];
  const keep = (peer: Peer) => (peers.push(peer), peer);
  try {
    await check({
      transport,
      handler,
      clock,
      connect: async () => keep(await Peer.connect(transport.addresses[0]!)),
      connectTls: async () =>
        keep(await Peer.connectTls(transport.addresses[1]!, HOSTNAME, CERTIFICATE.cert)),
    });
  } finally {
    for (const peer of peers) peer.close();
    await passing(clock, transport.stop(0));
  }
}

function optionsOf(
  { limits: changed, ...changes }: Changes,
  handler: RecordingHandler,
  clock: TestClock,
): TransportOptions {
  const limits = { ...DEFAULT_LIMITS, ...changed };
  return {
    listen: [false, true].map((tls) => ({ hostname: "127.0.0.1", port: 0, tls })),
    session: { hostname: HOSTNAME, banner: "ESMTP deno-smtp-server", startTls: true, limits },
    limits,
    tls: new ServerTls([CERTIFICATE]),
    unbounded: () => false,
    proxies: () => undefined,
    welcome: () => handler,
    sessions: new SessionStories({ take: () => {} }, clock),
    ...changes,
    clock,
  };
}

/** One turn of the event loop: whatever the system has ready is seen to. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** More turns than anything on loopback takes. */
const MOST_TURNS = 100_000;

/** Takes turns enough for what was sent over loopback to be seen at the other end, usually. */
export async function someTurns(): Promise<void> {
  for (let turns = 0; turns < 200; turns++) await turn();
}

/** Takes turns until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > MOST_TURNS) throw new Error("what was waited for did not happen");
    await turn();
  }
}

/** Lets time pass, a second a turn, until the promise is settled; gives what it gave. */
export async function passing<T>(clock: TestClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const settle = () => void (settled = true);
  promise.then(settle, settle);
  await until(() => {
    if (!settled) clock.advance(1000);
    return settled;
  });
  return await promise;
}
