/**
 * TLS towards clients, for STARTTLS and for listeners with implicit TLS alike.
 * `Deno.startTls` is for clients only, so this is `node:tls` over the accepted
 * connection. A handshake that fails rejects; nothing is left uncaught.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Certificate } from "../config/config.ts";
import type { Upgrade } from "./connection.ts";
import { DuplexOver, handshake, tlsInfo, TlsSocketStream } from "./tls_stream.ts";

/** What a server shows its clients. */
export class ServerTls {
  #context: SecureContext;

  /**
   * Shows this certificate.
   *
   * @throws {TypeError} when it or its key is not PEM, or they do not belong together.
   */
  constructor(certificate: Certificate) {
    this.#context = contextOf(certificate);
  }

  /** Shows another certificate from now on; handshakes under way keep the old one. Throws as the constructor does, keeping the old one. */
  replace(certificate: Certificate): void {
    this.#context = contextOf(certificate);
  }

  /** Waits for the client's handshake on a stream. */
  accept: Upgrade = (stream) => {
    const duplex = new DuplexOver(stream);
    const socket = new TLSSocket(duplex, {
      isServer: true,
      secureContext: this.#context,
    });
    return {
      stream: new TlsSocketStream(socket, duplex),
      handshake: handshake(socket, duplex, "secure").then(() => tlsInfo(socket, false)),
    };
  };
}

function contextOf(certificate: Certificate): SecureContext {
  checkCertificate(certificate);
  return createSecureContext({
    cert: certificate.cert,
    key: certificate.key,
    minVersion: "TLSv1.2",
  });
}

/**
 * The runtime takes any text for a certificate and fails at every handshake
 * with it; this finds out before.
 *
 * @throws {TypeError} when the certificate or key is not PEM, or they do not belong together.
 */
export function checkCertificate({ cert, key }: Certificate): void {
  const first = read("certificate", () => new X509Certificate(cert));
  const privateKey = read("private key without a password", () => createPrivateKey(key));
  if (!first.checkPrivateKey(privateKey)) {
    throw new TypeError("the key is not that of the first certificate");
  }
}

function read<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new TypeError(`expected a ${what} in PEM`, { cause });
  }
}
