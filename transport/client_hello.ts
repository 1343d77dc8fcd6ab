/**
 * The server name in a TLS ClientHello (RFC 8446 §4.1.2, RFC 6066 §3), read before
 * the handshake so that it can be made with the certificate for that name. What is
 * no ClientHello has no name; refusing it is left to the handshake. Nothing here
 * throws, and no more is read than a ClientHello may be long.
 *
 * @module
 */
import { type Bytes, concat, decode } from "../base/bytes.ts";
import type { ByteStream } from "./stream.ts";

/** What is known of a ClientHello of which some octets are there. */
export type HelloFacts =
  /** More octets are needed. */
  | { readonly kind: "partial" }
  /** It is all there, or it is none. */
  | { readonly kind: "whole"; readonly serverName?: string };

/** A ClientHello is some hundred octets long, with post-quantum keys two thousand; past this it is given up. */
const LONGEST_HELLO = 16 * 1024;

/** Octets asked of the connection at once. */
const READ_SIZE = 4096;

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;

const NO_NAME: HelloFacts = { kind: "whole" };

/** A host name in US-ASCII; what else stands there is no name of ours. */
const NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** Reads a stream up to the end of the ClientHello, and gives what was read with the name in it, in lower case. */
export async function readHello(
  stream: ByteStream,
): Promise<{ readonly octets: Uint8Array; readonly serverName?: string }> {
  let octets: Bytes = new Uint8Array(0);
  while (true) {
    const buffer = new Uint8Array(READ_SIZE);
    const n = await stream.read(buffer);
    if (n === null) return { octets };
    octets = concat([octets, buffer.subarray(0, n)]);
    const facts = helloFacts(octets);
    if (facts.kind === "whole") return { octets, serverName: facts.serverName };
  }
}

/** What the first octets of a connection tell. */
export function helloFacts(octets: Uint8Array): HelloFacts {
  const message = handshakeOctets(octets);
  if (message === undefined || (message[0] ?? CLIENT_HELLO) !== CLIENT_HELLO) return NO_NAME;
  const length = uint(message, 1, 3);
  if (length === undefined || message.length < 4 + length) {
    return octets.length < LONGEST_HELLO ? { kind: "partial" } : NO_NAME;
  }
  const name = nameIn(message.subarray(4, 4 + length));
  return name !== undefined && NAME.test(name) ? { kind: "whole", serverName: name } : NO_NAME;
}

/** The handshake octets in whole and unfinished TLS records (RFC 8446 §5.1); undefined when there are other records. */
function handshakeOctets(octets: Uint8Array): Uint8Array | undefined {
  const fragments: Uint8Array[] = [];
  for (let at = 0; at < octets.length;) {
    if (octets[at] !== HANDSHAKE_RECORD) {
      return fragments.length > 0 ? concat(fragments) : undefined;
    }
    const length = uint(octets, at + 3, 2) ?? 0;
    fragments.push(octets.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return concat(fragments);
}

/** The name in the body of a ClientHello. */
function nameIn(hello: Uint8Array): string | undefined {
  let at = 2 + 32; // Version and random.
  for (const size of [1, 2, 1]) { // Session id, cipher suites, compression methods.
    const length = uint(hello, at, size);
    if (length === undefined) return undefined;
    at += size + length;
  }
  const extensions = vector(hello, at, 2);
  for (let next = 0; extensions !== undefined && next < extensions.length;) {
    const type = uint(extensions, next, 2);
    const extension = vector(extensions, next + 2, 2);
    if (extension === undefined) return undefined;
    if (type === SERVER_NAME) return hostName(extension);
    next += 4 + extension.length;
  }
  return undefined;
}

/** The host name in a server_name extension, which holds one at most (RFC 6066 §3). */
function hostName(extension: Uint8Array): string | undefined {
  const entries = vector(extension, 0, 2);
  if (entries?.[0] !== HOST_NAME) return undefined;
  const name = vector(entries, 1, 2);
  return name === undefined ? undefined : decode(name).toLowerCase();
}

/** The octets of a vector whose length stands before it (RFC 8446 §3.4); undefined when it is cut off. */
function vector(octets: Uint8Array, at: number, size: number): Uint8Array | undefined {
  const length = uint(octets, at, size);
  const start = at + size;
  if (length === undefined || start + length > octets.length) return undefined;
  return octets.subarray(start, start + length);
}

/** A number of some octets; undefined when they are not all there. */
function uint(octets: Uint8Array, at: number, size: number): number | undefined {
  if (at + size > octets.length) return undefined;
  let value = 0;
  for (let i = at; i < at + size; i++) value = value * 256 + octets[i]!;
  return value;
}
