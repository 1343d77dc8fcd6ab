/**
 * TLS towards clients, for STARTTLS and for listeners with implicit TLS alike.
 * `Deno.startTls` is for clients only, so this is `node:tls` over the accepted
 * connection. A handshake that fails rejects; nothing is left uncaught.
 *
 * @module
 */
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Certificate } from "../config/config.ts";
import type { Upgrade } from "./connection.ts";
import { duplexOver, handshake, tlsInfo, TlsSocketStream } from "./tls_stream.ts";

/** What a server shows its clients. */
export class ServerTls {
  #context: SecureContext;

  /** @throws when the certificate or key is not PEM, or they do not belong together. */
  constructor(certificate: Certificate) {
    this.#context = contextOf(certificate);
  }

  /** Shows another certificate from now on; handshakes under way keep the old one. Throws as the constructor does, keeping the old one. */
  replace(certificate: Certificate): void {
    this.#context = contextOf(certificate);
  }

  /** Waits for the client's handshake on a stream. */
  accept: Upgrade = (stream) => {
    const duplex = duplexOver(stream);
    const socket = new TLSSocket(duplex, {
      isServer: true,
      secureContext: this.#context,
    });
    return {
      stream: new TlsSocketStream(socket),
      handshake: handshake(socket, duplex, "secure").then(() => tlsInfo(socket, false)),
    };
  };
}

function contextOf(certificate: Certificate): SecureContext {
  return createSecureContext({
    cert: certificate.cert,
    key: certificate.key,
    minVersion: "TLSv1.2",
  });
}
