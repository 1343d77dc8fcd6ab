/**
 * What a host may do instead of its part, in the time of a proof: silence is
 * over when the proof says so, after it let the time pass. Nothing here fails
 * but with the connection.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import type { Authority } from "../../helpers/certificates.ts";
import type { PeerSession } from "../../helpers/scripted_peer.ts";
import { Gate } from "../../helpers/waiting.ts";
import type { SeededRandom } from "../seeded_random.ts";

/** One case under way. */
export class Scene {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly authority: Authority;
  /** The name of the host that misbehaves. */
  readonly host: string;
  /** Opened when the client has been left waiting for long enough. */
  readonly over: Gate = new Gate();
  /** Whether the client waits for a host that is silent. */
  reached = false;

  constructor(host: string, parts: { clock: Clock; random: SeededRandom; authority: Authority }) {
    this.host = host;
    this.clock = parts.clock;
    this.random = parts.random;
    this.authority = parts.authority;
  }
}

/** An act of a host. */
export type Act = (scene: Scene) => (session: PeerSession) => Promise<void>;

/** What is no reply. */
const GARBAGE: readonly string[] = [
  "HTTP/1.1 400 Bad Request\r\n\r\n",
  "\x16\x03\x01\0\x05\r\n",
  "2".repeat(5000),
  "250-ok\r\n354 go on\r\n",
  "25\r\n",
];

/** Says nothing, and reads nothing either before the client has hung up. */
export const hang: Act = (scene) => async (session) => {
  scene.reached = true;
  await scene.over.wait();
  await session.hearRest();
};

/** The same, but hangs up itself in the end. */
export const hangAndClose: Act = (scene) => async () => {
  scene.reached = true;
  await scene.over.wait();
};

/** Does something every second while the client waits. */
function everySecond(act: (session: PeerSession) => Promise<unknown>): Act {
  return (scene) => async (session) => {
    let cancel = () => {};
    const once = () => {
      act(session).catch(() => {}); // the client is gone
      cancel = scene.clock.after(1000, once);
    };
    once();
    await hang(scene)(session);
    cancel();
  };
}

/** Says an octet a second of a reply that never ends. */
export const sayByOctet: Act = everySecond((session) => session.say("2"));

/** Reads an octet a second. */
export const readByOctet: Act = everySecond((session) => session.stream.read(new Uint8Array(1)));

/** Hangs up in good order. */
export const close: Act = () => () => Promise.resolve();

/** Resets the connection, which is what closing with octets unread does. */
export const reset: Act = () => async (session) => {
  await session.stream.read(new Uint8Array(1));
};

/** Says that the service is not available and hangs up. */
export const say421: Act = () => (session) => session.say("421 4.3.2 going down\r\n");

/** Says what is no reply, and listens until the client has hung up. */
export const sayGarbage: Act = ({ random }) => async (session) => {
  await session.say(random.pick(GARBAGE));
  await session.hearRest();
};

/** Agrees to TLS, and puts an answer to the next EHLO behind it in plaintext. */
export const inject: Act = () => async (session) => {
  await session.say("220 2.0.0 go on\r\n250-mx.test\r\n250 AUTH PLAIN\r\n");
  await session.hearRest();
};
