/**
 * TLS towards next hops. Verified TLS is `Deno.startTls`; where a certificate
 * does not verify and nothing demands that it does, `node:tls` encrypts without
 * believing who is at the other end (opportunistic security, RFC 7435).
 * @module
 */
import { isIP } from "node:net";
import { connect } from "node:tls";
import type { Upgrade } from "./connection.ts";
import type { ByteStream } from "./stream.ts";
import { DuplexOver, handshake, tlsInfo, TlsSocketStream } from "./tls_stream.ts";

/** What the runtime can verify: labels of letters, digits, inner hyphens and underscores. */
const SERVER_NAME =
  /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Whether a certificate can be verified for this name: a host name, or an IP address without brackets and zone. */
export function canVerify(name: string): boolean {
  if (isIP(name) !== 0) return !name.includes("%");
  return name.length <= 253 && SERVER_NAME.test(name) && !/(?:^|\.)\d+$/.test(name);
}

/**
 * TLS whose certificate must verify for `name`, by the runtime's authorities or
 * by one of `caCerts` (PEM). The stream must be a TCP connection of Deno's, and
 * the name one of which {@linkcode canVerify} is true.
 */
export function verifiedTls(name: string, caCerts: readonly string[]): Upgrade {
  return async (stream) => {
    const conn = await Deno.startTls(tcpConnection(stream), {
      hostname: name,
      caCerts: [...caCerts],
    });
    return {
      stream: conn,
      // The runtime speaks 1.2 and 1.3 and does not tell which it was.
      handshake: conn.handshake().then(() => ({ version: "TLSv1.2+", verified: true })),
    };
  };
}

/** TLS with whatever certificate the peer shows for `name`. */
export function unverifiedTls(name: string): Upgrade {
  return (stream) => {
    const duplex = new DuplexOver(stream);
    const socket = connect({
      socket: duplex,
      rejectUnauthorized: false,
      // RFC 6066 §3: a server name is never an address.
      servername: isIP(name) ? "" : name,
    });
    return {
      stream: new TlsSocketStream(socket, duplex),
      handshake: handshake(socket, duplex, "secureConnect").then(() => tlsInfo(socket, false)),
    };
  };
}

/** Outgoing streams are TCP connections until TLS is put over them, which is done once. */
function tcpConnection(stream: ByteStream): Deno.TcpConn {
  if (!("setNoDelay" in stream)) throw new TypeError("not a plaintext TCP connection");
  return stream as Deno.TcpConn;
}
