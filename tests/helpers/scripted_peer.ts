/**
 * A mail host that does what a script says, good or bad: each connection is
 * taken through a list of steps. A step that does not see what it expects fails
 * the test when the peer is closed.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { decode, encode } from "../../base/bytes.ts";
import type { Certificate } from "../../config/config.ts";
import type { Host } from "../../deliver/route.ts";
import { ServerTls } from "../../transport/server_tls.ts";
import { type ByteStream, closeQuietly, writeAll } from "../../transport/stream.ts";
import type { TestClock } from "./test_clock.ts";

/** Something a peer does. */
export type Step = (session: PeerSession) => Promise<void> | void;

/** One connection to a scripted peer. */
export class PeerSession {
  /** Every command line it heard, without CRLF. */
  readonly commands: string[] = [];
  /** Every message content it heard, as on the wire, with its end. */
  readonly contents: string[] = [];
  stream: ByteStream;
  #unread = "";

  constructor(stream: ByteStream) {
    this.stream = stream;
  }

  say(text: string): Promise<void> {
    return writeAll(this.stream, encode(text));
  }

  /** Reads until a text is there; gives all up to its end. */
  async hearUntil(end: string): Promise<string> {
    let at = this.#unread.indexOf(end);
    while (at < 0) {
      const more = await this.#read();
      if (more === undefined) {
        throw new Error(`connection ended after ${JSON.stringify(this.#unread)}`);
      }
      this.#unread += more;
      at = this.#unread.indexOf(end);
    }
    const heard = this.#unread.slice(0, at + end.length);
    this.#unread = this.#unread.slice(at + end.length);
    return heard;
  }

  /** What is still to be heard when the client hangs up. */
  async hearRest(): Promise<string> {
    for (let more = await this.#read(); more !== undefined; more = await this.#read()) {
      this.#unread += more;
    }
    const rest = this.#unread;
    this.#unread = "";
    return rest;
  }

  async #read(): Promise<string | undefined> {
    const buffer = new Uint8Array(64 * 1024);
    const n = await this.stream.read(buffer).catch(() => null);
    return n === null ? undefined : latin1(buffer.subarray(0, n));
  }
}

/** Octets as characters of the same number, so that nothing is lost. */
function latin1(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

/** A listening peer. */
export class ScriptedPeer {
  /** Where it is. */
  readonly host: Host;
  /** Its connections, in their order. */
  readonly sessions: PeerSession[] = [];
  readonly #listener: Deno.Listener;
  readonly #scripts: readonly (readonly Step[])[];
  readonly #running: Promise<void>;

  /** Listens. A connection plays the script at its position, later ones the last. */
  constructor(scripts: readonly (readonly Step[])[], name = "mx.test") {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = this.#listener.addr as Deno.NetAddr;
    this.host = { name, address: "127.0.0.1", port };
    this.#scripts = scripts;
    this.#running = this.#serve();
  }

  /** Waits for the scripts, and stops. @throws what a step threw. */
  async close(): Promise<void> {
    closeQuietly(this.#listener);
    await this.#running;
  }

  async #serve(): Promise<void> {
    const plays: Promise<void>[] = [];
    try {
      for await (const conn of this.#listener) {
        const script = this.#scripts[plays.length] ?? this.#scripts.at(-1)!;
        plays.push(this.#play(conn, script));
      }
    } finally {
      await Promise.all(plays);
    }
  }

  async #play(conn: Deno.Conn, script: readonly Step[]): Promise<void> {
    const session = new PeerSession(conn);
    this.sessions.push(session);
    try {
      for (const step of script) await step(session);
    } finally {
      closeQuietly(session.stream);
      closeQuietly(conn);
    }
  }
}

/** Runs a test against a peer, which is closed in the end. */
export async function withPeer(
  scripts: readonly (readonly Step[])[],
  check: (peer: ScriptedPeer) => Promise<void>,
  name?: string,
): Promise<void> {
  const peer = new ScriptedPeer(scripts, name);
  try {
    await check(peer);
  } finally {
    await peer.close();
  }
}

/** Says some lines, in one write; CRLF is added to each. */
export function say(...lines: string[]): Step {
  return (session) => session.say(lines.map((line) => line + "\r\n").join(""));
}

/** Says lines one octet a write. */
export function sayByOctet(...lines: string[]): Step {
  return async (session) => {
    for (const octet of lines.map((line) => line + "\r\n").join("")) await session.say(octet);
  };
}

/** Says octets as they are. */
export function sayRaw(text: string): Step {
  return (session) => session.say(text);
}

/** Hears a command line. */
export function hear(expected: string | RegExp): Step {
  return async (session) => {
    const line = (await session.hearUntil("\r\n")).slice(0, -2);
    session.commands.push(line);
    if (typeof expected === "string") assertEquals(line, expected);
    else assertMatch(line, expected);
  };
}

/** Hears message content to its end. */
export function hearContent(): Step {
  return async (session) => {
    const content = await session.hearUntil("\r\n.\r\n");
    session.contents.push(content);
  };
}

/** Hears a text, whatever stands before it. */
export function hearUpTo(text: string): Step {
  return async (session) => {
    await session.hearUntil(text);
  };
}

/** Hears nothing more: the client hangs up. */
export function hearTheEnd(): Step {
  return async (session) => assertEquals(await session.hearRest(), "");
}

/** Says nothing while time passes, until the client hangs up. */
export function hang(clock: TestClock): Step {
  return async (session) => {
    let over = false;
    session.hearRest().finally(() => over = true);
    while (!over) await passSecond(clock);
  };
}

/** Says a reply that never ends, an octet a second, until the client hangs up. */
export function dribble(clock: TestClock): Step {
  return async (session) => {
    let over = false;
    session.hearRest().finally(() => over = true);
    await session.say("250 ");
    while (!over) {
      await session.say("x").catch(() => {});
      await passSecond(clock);
    }
  };
}

/** Closes the connection in good order. */
export function hangUp(): Step {
  return (session) => session.stream.close();
}

/** Waits for the client to say something and resets the connection, which is what closing with octets unread does. */
export function reset(): Step {
  return async (session) => {
    await session.stream.read(new Uint8Array(1));
    session.stream.close();
  };
}

/** Puts TLS over the connection. A handshake that the client breaks off ends the script's use of it. */
export function startTls(certificate: Certificate): Step {
  return async (session) => {
    const { stream, handshake } = await new ServerTls([certificate]).accept(session.stream);
    session.stream = stream;
    await handshake.catch(() => {});
  };
}

/** The greeting and EHLO of a host with these extensions. */
export function greet(...keywords: string[]): Step[] {
  return [say("220 mx.test ESMTP"), ...answerEhlo(...keywords)];
}

/** EHLO of a host with these extensions. */
export function answerEhlo(...keywords: string[]): Step[] {
  const lines = ["mx.test", ...keywords];
  const last = lines.length - 1;
  return [
    hear("EHLO me.test"),
    say(...lines.map((line, i) => `250${i < last ? "-" : " "}${line}`)),
  ];
}

/** The dialogue of a host that does STARTTLS well. */
export function secured(certificate: Certificate, ...keywords: string[]): Step[] {
  return [
    ...greet("STARTTLS"),
    hear("STARTTLS"),
    say("220 go ahead"),
    startTls(certificate),
    ...answerEhlo(...keywords),
  ];
}

/** The dialogue up to where a client begins the handshake. */
export const asksForTls: Step[] = [...greet("STARTTLS"), hear("STARTTLS"), say("220 go ahead")];

/** The same, with a certificate that the client breaks the handshake off for. */
export function rejected(certificate: Certificate): Step[] {
  return [...asksForTls, startTls(certificate)];
}

/** Takes one message for one recipient, step by step. */
export function takeMail(reply = "250 2.0.0 taken"): Step[] {
  return [
    hear(/^MAIL FROM:<.*>/),
    say("250 2.1.0 sender ok"),
    hear(/^RCPT TO:<.*>/),
    say("250 2.1.5 recipient ok"),
    hear("DATA"),
    say("354 go on"),
    hearContent(),
    say(reply),
  ];
}

/** Lets everything that is ready run, then a second pass. */
export async function passSecond(clock: TestClock): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  clock.advance(1000);
}

/** Lets time pass until a promise is settled. */
export async function passUntil<T>(clock: TestClock, promise: Promise<T>): Promise<T> {
  let over = false;
  const settle = () => over = true;
  promise.then(settle, settle);
  while (!over) await passSecond(clock);
  return await promise;
}

/** Text of what a peer heard: its octets as UTF-8. */
export function heardText(heard: string): string {
  return decode(Uint8Array.from(heard, (char) => char.charCodeAt(0)));
}
