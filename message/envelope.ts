/**
 * The envelope (RFC 5321 §2.3.1): who a message is from and for, apart from its
 * content, and what the client that brought it was.
 *
 * @module
 */
import type { DeliverBy } from "./deliver_by.ts";
import type { DsnRequest } from "./dsn_request.ts";

/** The TLS session of a connection. */
export interface TlsInfo {
  /** E.g. `TLSv1.3`; `TLSv1.2+` where the runtime does not tell which of the two. */
  readonly version: string;
  /** The cipher suite's name, where the runtime tells it. */
  readonly cipher?: string;
  /** Whether the peer's certificate was verified against its name. Of a client's connection to us: false. */
  readonly verified: boolean;
  /** SHA-256 of the certificate that a client has shown and proven to hold the key of, in lower-case hexadecimal. */
  readonly fingerprint?: string;
}

/** The TLS session of a connection that is there now. */
export interface TlsChannel extends TlsInfo {
  /** Of a client's connection to us: `tls-server-end-point`, the hash of the certificate we showed (RFC 5929 §4.1). */
  readonly endPoint?: Uint8Array;
}

/** What is known of the client that brought a message. */
export interface ClientInfo {
  /** Its IP address, IPv4-mapped IPv6 addresses written as IPv4. `""` for the library's own `send()`. */
  readonly address: string;
  /** Its port. */
  readonly port: number;
  /** What it called itself in HELO or EHLO; checked for syntax only. */
  readonly helo: string;
  /** The `with` keyword of its Received header: SMTP, ESMTP, ESMTPSA, UTF8SMTP, … (RFC 3848, RFC 6531). */
  readonly protocol: string;
  /** Its TLS session, when there is one. */
  readonly tls?: TlsInfo;
  /** Who it logged in as (RFC 4954), if it did. */
  readonly user?: string;
}

/** An envelope as accepted. */
export interface Envelope {
  /** The sender's mailbox; `""` is the null reverse-path `<>`. */
  readonly reversePath: string;
  /** The recipients' mailboxes, in the order of RCPT, at least one. */
  readonly recipients: readonly string[];
  /** Whether MAIL carried SMTPUTF8 (RFC 6531). */
  readonly smtputf8: boolean;
  /** The BODY parameter of MAIL (RFC 6152, RFC 3030). */
  readonly body: "7BIT" | "8BITMIME" | "BINARYMIME";
  /** Who brought it. */
  readonly client: ClientInfo;
  /** When it is to be released, ms since 1970 (FUTURERELEASE, RFC 4865): not delivered before; absent for at once. */
  readonly release?: number;
  /** How its sender asked for that: `for;…` or `until;…` (RFC 4865 §5.1.2); for notifications. */
  readonly holdRequest?: string;
  /** Its priority, -9 to 9 (MT-PRIORITY, RFC 6710); absent for 0. */
  readonly priority?: number;
  /** What its sender asked to be told (RFC 3461); absent when nothing. */
  readonly dsn?: DsnRequest;
  /** Whether it may go over verified TLS only, to hosts that see to the same (REQUIRETLS, RFC 8689). */
  readonly requireTls?: true;
  /** When it is to be delivered (RFC 2852); absent where that is left to us. */
  readonly deliverBy?: DeliverBy;
}
