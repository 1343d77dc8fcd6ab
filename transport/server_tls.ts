/**
 * TLS towards clients, for STARTTLS and for listeners with implicit TLS alike.
 * `Deno.startTls` is for clients only, so this is `node:tls` over the accepted
 * connection. A handshake that fails rejects; nothing is left uncaught.
 *
 * @module
 */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Certificate, TlsVersion } from "../config/config.ts";
import type { TlsInfo } from "../message/envelope.ts";
import { readHello } from "./client_hello.ts";
import type { Upgrade, Upgraded } from "./connection.ts";
import { endPointOf } from "./end_point.ts";
import type { ByteStream } from "./stream.ts";
import { DuplexOver, handshake, tlsInfo, TlsSocketStream } from "./tls_stream.ts";

/** What a server demands and asks of its clients. */
export interface ServerTlsOptions {
  /** The least version that is spoken. */
  readonly minVersion: TlsVersion;
  /** Whether clients are asked for a certificate, which they may have none of. */
  readonly askCertificate: boolean;
}

const DEFAULT_OPTIONS: ServerTlsOptions = { minVersion: "TLSv1.2", askCertificate: false };

/** What a server shows its clients. */
export class ServerTls {
  #options: ServerTlsOptions;
  #contexts: Contexts;

  /**
   * Shows each client the certificate for the name that it asks for, or else the first.
   *
   * @param certificates at least one
   * @throws {TypeError} when one or its key is not PEM, or they do not belong together.
   */
  constructor(certificates: readonly Certificate[], options: ServerTlsOptions = DEFAULT_OPTIONS) {
    this.#options = options;
    this.#contexts = contextsOf(certificates, options.minVersion);
  }

  /** Shows other certificates from now on; handshakes under way keep the old ones. Throws as the constructor does, keeping the old ones. */
  replace(certificates: readonly Certificate[]): void {
    this.prepare(certificates, this.#options)();
  }

  /** Gives what shows other certificates by other options from now on. Throws as the constructor does. */
  prepare(certificates: readonly Certificate[], options: ServerTlsOptions): () => void {
    const contexts = contextsOf(certificates, options.minVersion);
    return () => {
      this.#contexts = contexts;
      this.#options = options;
    };
  }

  /** Waits for the client's handshake on a stream. */
  accept: Upgrade = (stream) => {
    const { first, byName } = this.#contexts;
    return byName === undefined ? this.#over(new DuplexOver(stream), first) : this.#choose(stream);
  };

  /**
   * The name is read before the handshake begins: `SNICallback`, which would be asked
   * in the middle of it, leaves some KB on the heap with each handshake that fails.
   */
  async #choose(stream: ByteStream): Promise<Upgraded> {
    const { octets, serverName = "" } = await readHello(stream);
    const { first, byName } = this.#contexts;
    const context = byName?.get(serverName) ?? byName?.get(wildcardOf(serverName)) ?? first;
    return this.#over(new DuplexOver(stream, octets), context);
  }

  #over(duplex: DuplexOver, { secureContext, endPoint }: Shown): Upgraded {
    const { askCertificate } = this.#options;
    const socket = new TLSSocket(duplex, {
      isServer: true,
      secureContext,
      // Whoever shows one has to prove that its key is theirs; who signed it is not asked.
      requestCert: askCertificate,
      rejectUnauthorized: false,
    });
    return {
      stream: new TlsSocketStream(socket, duplex),
      handshake: handshake(socket, duplex, "secure").then(() => ({
        ...tlsInfo(socket, false),
        ...(askCertificate && shownCertificate(socket)),
        endPoint,
      })),
    };
  }
}

/** The certificate that a client has shown, if any; the runtime has seen it prove that it holds the key. */
function shownCertificate(socket: TLSSocket): Pick<TlsInfo, "fingerprint"> {
  const certificate = socket.getPeerCertificate()?.raw;
  if (certificate === undefined) return {};
  return { fingerprint: createHash("sha256").update(certificate).digest("hex") };
}

/** A certificate as it is shown. */
interface Shown {
  readonly secureContext: SecureContext;
  /** Its `tls-server-end-point`. */
  readonly endPoint: Uint8Array;
}

/** The certificates, ready for handshakes. */
interface Contexts {
  /** For clients that ask for no name, or for one that is in no certificate. */
  readonly first: Shown;
  /** By the names in the certificates, lower case, `*.` for any one label; undefined when there is nothing to choose. */
  readonly byName?: ReadonlyMap<string, Shown>;
}

/** Of a name that is in several certificates the first counts. */
function contextsOf(certificates: readonly Certificate[], minVersion: TlsVersion): Contexts {
  const contexts = certificates.map((certificate) => contextOf(certificate, minVersion));
  const first = contexts[0]!;
  if (contexts.length === 1) return { first };
  const byName = new Map<string, Shown>();
  for (const [i, { cert }] of certificates.entries()) {
    for (const name of namesIn(cert)) if (!byName.has(name)) byName.set(name, contexts[i]!);
  }
  return { first, byName };
}

function contextOf(certificate: Certificate, minVersion: TlsVersion): Shown {
  checkCertificate(certificate);
  const { cert, key } = certificate;
  const secureContext = createSecureContext({ cert, key, minVersion });
  return { secureContext, endPoint: endPointOf(new X509Certificate(cert).raw) };
}

/** The DNS names that a certificate is for (RFC 6125 §6.4), in lower case. */
function namesIn(cert: string): string[] {
  const { subjectAltName = "" } = new X509Certificate(cert);
  return subjectAltName.toLowerCase().split(", ").filter((name) => name.startsWith("dns:"))
    .map((name) => name.slice("dns:".length));
}

/** What stands in a certificate for all the names beside this one: `*.example.org` for `mx.example.org`. */
function wildcardOf(name: string): string {
  return "*" + name.slice(name.indexOf("."));
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
