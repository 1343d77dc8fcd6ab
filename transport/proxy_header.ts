/**
 * The header of the PROXY protocol, versions 1 and 2, by which a load balancer says
 * for whom it connects (haproxy's `proxy-protocol.txt`). It is read strictly: what
 * is not exactly a header is none. Nothing here throws.
 *
 * @module
 */
import { canonicalAddress } from "../base/ip_address.ts";
import type { Endpoint } from "./connection.ts";

/** What is known of a header of which some octets are there. */
export type ProxyFacts =
  /** More octets are needed. */
  | { readonly kind: "partial" }
  /** It is all there. Without a client the proxy speaks for itself, e.g. to see whether the server is well. */
  | { readonly kind: "header"; readonly length: number; readonly client?: Endpoint }
  /** It is none. */
  | { readonly kind: "none"; readonly why: string };

const PARTIAL: ProxyFacts = { kind: "partial" };

/** What version 2 begins with. */
const SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);
/** Signature, version and command, family and protocol, length of the rest. */
const FIXED_LENGTH = 16;
/** Octets of addresses and extensions; what proxies tell of a client's certificate fits. */
const LONGEST_REST = 4096;
/** The addresses of version 2 by family and protocol: octets of one, TCP only. */
const FAMILIES: ReadonlyMap<number, number> = new Map([[0x11, 4], [0x21, 16]]);
const UNSPECIFIED = 0x00;
const LOCAL = 0x20;
const PROXY = 0x21;

/** Octets of a line of version 1, CRLF included. */
const LONGEST_LINE = 107;
const FOR_CLIENT = /^PROXY (TCP4|TCP6) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (\d{1,5}) (\d{1,5})$/;
const FOR_ITSELF = /^PROXY UNKNOWN(?: [!-~ ]*)?$/;
const PREFIX = "PROXY ";

/** What the first octets of a connection say. */
export function proxyFacts(octets: Uint8Array): ProxyFacts {
  const beginning = octets.subarray(0, SIGNATURE.length);
  if (beginning.every((octet, i) => octet === SIGNATURE[i])) return binaryFacts(octets);
  return lineFacts(octets);
}

/** Version 1: a line of text. */
function lineFacts(octets: Uint8Array): ProxyFacts {
  const text = String.fromCharCode(...octets.subarray(0, LONGEST_LINE));
  const end = text.indexOf("\r\n");
  if (end >= 0) return lineMeaning(text.slice(0, end), end + 2);
  const length = Math.min(text.length, PREFIX.length);
  const possible = text.slice(0, length) === PREFIX.slice(0, length) && text.length < LONGEST_LINE;
  return possible ? PARTIAL : none("it does not begin with a PROXY header");
}

function lineMeaning(line: string, length: number): ProxyFacts {
  if (FOR_ITSELF.test(line)) return { kind: "header", length };
  const [, family, source, destination, ...ports] = FOR_CLIENT.exec(line) ?? [];
  const [port, ownPort] = ports.map(portNumber);
  if (
    !isOfFamily(family, source) || !isOfFamily(family, destination) ||
    port === undefined || ownPort === undefined
  ) {
    return none("its PROXY line is malformed");
  }
  return { kind: "header", length, client: { address: canonicalAddress(source!)!, port } };
}

function isOfFamily(family: string | undefined, address: string | undefined): boolean {
  if (address === undefined || canonicalAddress(address) === undefined) return false;
  return address.includes(":") === (family === "TCP6");
}

/** A port without leading zeros. */
function portNumber(text: string): number | undefined {
  const port = Number(text);
  return port <= 65535 && String(port) === text ? port : undefined;
}

/** Version 2: a block of octets. */
function binaryFacts(octets: Uint8Array): ProxyFacts {
  if (octets.length < FIXED_LENGTH) return PARTIAL;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const [command, family, rest] = [view.getUint8(12), view.getUint8(13), view.getUint16(14)];
  if (command !== LOCAL && command !== PROXY) {
    return none("its PROXY version or command is unknown");
  }
  if (rest > LONGEST_REST) return none("its PROXY header is too long");
  const length = FIXED_LENGTH + rest;
  if (octets.length < length) return PARTIAL;
  if (command === LOCAL || family === UNSPECIFIED) return { kind: "header", length };
  const size = FAMILIES.get(family);
  if (size === undefined) return none("its PROXY header is not for TCP over IP");
  if (rest < 2 * size + 4) return none("its PROXY header is too short");
  const address = addressOf(octets.subarray(FIXED_LENGTH, FIXED_LENGTH + size));
  const port = view.getUint16(FIXED_LENGTH + 2 * size);
  return { kind: "header", length, client: { address, port } };
}

/** An address of four or sixteen octets. */
function addressOf(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => octets[2 * i]! << 8 | octets[2 * i + 1]!);
  return canonicalAddress(groups.map((group) => group.toString(16)).join(":"))!;
}

function none(why: string): ProxyFacts {
  return { kind: "none", why };
}
