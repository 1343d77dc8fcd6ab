/** Brings messages to a server by DATA or BDAT with every octet under a test's control. */
import { assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { Peer } from "../transport/peer.ts";

/** How content is framed. */
export type Framing = "DATA" | "BDAT";

/** A message to bring. */
export interface Handover {
  readonly from?: string;
  readonly to?: string;
  /** Parameters of MAIL, e.g. `SMTPUTF8`. */
  readonly parameters?: string;
  /** Any octets. DATA can only carry them when they end in CRLF or there are none. */
  readonly content: Uint8Array;
}

/** Octets of a BDAT chunk; no multiple of any buffer's size. */
const CHUNK = 100_003;

/** Hands a message to the server on a port of 127.0.0.1; gives its reply to the content. */
export async function handOver(port: number, message: Handover, by: Framing): Promise<string> {
  const { from = "a@here.test", to = "b@there.test", parameters = "", content } = message;
  using peer = await Peer.connect({ hostname: "127.0.0.1", port });
  await peer.hello();
  assertMatch(await peer.ask(`MAIL FROM:<${from}> ${parameters}`.trimEnd()), /^250 /);
  assertMatch(await peer.ask(`RCPT TO:<${to}>`), /^250 /);
  const answer = by === "DATA" ? await data(peer, content) : await bdat(peer, content);
  await peer.ask("QUIT");
  return answer;
}

async function data(peer: Peer, content: Uint8Array): Promise<string> {
  assertMatch(await peer.ask("DATA"), /^354 /);
  await peer.say(stuffed(content));
  return await peer.ask(".");
}

async function bdat(peer: Peer, content: Uint8Array): Promise<string> {
  let at = 0;
  for (; content.length - at > CHUNK; at += CHUNK) {
    await peer.say(`BDAT ${CHUNK}\r\n`);
    await peer.say(content.subarray(at, at + CHUNK));
    assertMatch(await peer.reply(), /^250 /);
  }
  await peer.say(`BDAT ${content.length - at} LAST\r\n`);
  await peer.say(content.subarray(at));
  return await peer.reply();
}

/** Content with its dots doubled at line starts. */
function stuffed(content: Uint8Array): Uint8Array {
  return octetsOf(textOf(content).replace(/^\./, "..").replaceAll("\r\n.", "\r\n.."));
}

/** Octets as characters of the same number. */
export function textOf(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("latin1");
}

/** Characters up to U+00FF as octets. */
export function octetsOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
