/**
 * The Received header field that this server puts before every message
 * (RFC 5321 §4.4). What a peer chose is reduced to harmless characters; nothing
 * here fails.
 *
 * @module
 */
import { type Bytes, encodeInto, isAscii } from "../base/bytes.ts";
import { isPrintable } from "../base/printable.ts";
import { rfc5322Date } from "./date.ts";
import type { ClientInfo, TlsInfo } from "./envelope.ts";
import { LONGEST_ADDRESS } from "./fold.ts";

/** What a Received header says. */
export interface Trace {
  /** Who brought the message; an empty address for the library's own `send()`. */
  readonly client: ClientInfo;
  /** What this server calls itself. */
  readonly hostname: string;
  /** The queue id. */
  readonly id: string;
  /** The envelope's recipients. */
  readonly recipients: readonly string[];
  /** When it was received, ms since 1970. */
  readonly now: number;
}

/** The longest HELO argument that is repeated, in characters: as long as a domain name may be. */
const LONGEST_HELO = 255;

/** The header field with its CRLF, folded; in `room` if that is given and large enough. */
export function receivedHeader(trace: Trace, room?: Bytes): Bytes {
  return encodeInto(
    `Received: ${fromClause(trace.client)}by ${trace.hostname} (deno-smtp-server)` +
      `${withClause(trace.client)}\r\n\tid ${trace.id}${forClause(trace.recipients)};\r\n\t` +
      `${rfc5322Date(trace.now)}\r\n`,
    room,
  );
}

/** `from HELO ([address])`; nothing for a message that no connection brought. */
function fromClause(client: ClientInfo): string {
  if (client.address === "") return "";
  return `from ${heloName(client.helo)} (${addressLiteral(client.address)})\r\n\t`;
}

/** A HELO argument as it may stand outside a comment: the characters of domains and address literals, others as `?`. */
function heloName(helo: string): string {
  if (helo === "") return "unknown";
  return helo.slice(0, LONGEST_HELO).replace(/[^A-Za-z0-9.:_[\]-]/g, "?");
}

/** An IP address as an address literal (RFC 5321 §4.1.3). */
export function addressLiteral(address: string): string {
  return address.includes(":") ? `[IPv6:${address}]` : `[${address}]`;
}

function withClause(client: ClientInfo): string {
  const protocol = client.protocol === "" ? "" : ` with ${client.protocol}`;
  return client.tls === undefined ? protocol : `${protocol}\r\n\t(${tlsComment(client.tls)})`;
}

function tlsComment({ version, cipher }: TlsInfo): string {
  return (cipher === undefined ? version : `${version} ${cipher}`).replace(/[^\w .+-]/g, "?");
}

/** Names a sole recipient only: several would disclose each other, blind copies among them (RFC 5321 §7.2). */
function forClause(recipients: readonly string[]): string {
  const [address] = recipients;
  if (address === undefined || recipients.length > 1) return "";
  if (address.length > LONGEST_ADDRESS || !isPrintable(address)) return "";
  // A header field beyond US-ASCII would make mail need SMTPUTF8 that does not otherwise (RFC 6531 §3.7.3).
  if (!isAscii(address)) return "";
  return `\r\n\tfor <${address}>`;
}
