/**
 * The certificate a server shows when it was given none: made by itself, kept
 * in the spool, and made anew before it expires. Peers that only want
 * encryption take it (RFC 7435). Fails where the file system does.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import type { Certificate } from "../config/config.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How long a certificate made here is valid, ms. */
export const CERTIFICATE_LIFETIME = 397 * DAY;

/** How long before its end a kept certificate is made anew, ms. */
export const RENEW_BEFORE = 30 * DAY;

/** A peer's clock may be behind ours by this much, ms. */
const CLOCK_SKEW = HOUR;

/** The longest common name (RFC 5280, appendix A: ub-common-name). */
const LONGEST_COMMON_NAME = 64;

/** A key and signature that every TLS 1.2 and 1.3 implementation knows. */
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** The file of the chain, and that of the key, below the spool. */
const CERTIFICATE_FILE = "tls/cert.pem";
const KEY_FILE = "tls/key.pem";

/**
 * Makes a self-signed certificate with a new key.
 *
 * @param hostname the name it is for, in A-labels.
 * @param now ms since 1970.
 */
export async function selfSignedCertificate(hostname: string, now: number): Promise<Certificate> {
  // Loaded only here: it takes 0.3 s, and most servers have a certificate already.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    keys,
    signingAlgorithm: ALGORITHM,
    name: hostname.length > LONGEST_COMMON_NAME ? "" : `CN=${hostname}`,
    notBefore: new Date(now - CLOCK_SKEW),
    notAfter: new Date(now + CERTIFICATE_LIFETIME),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      // Critical where the subject is empty (RFC 5280 §4.2.1.6).
      new x509.SubjectAlternativeNameExtension(
        [{ type: "dns", value: hostname }],
        hostname.length > LONGEST_COMMON_NAME,
      ),
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: certificate.toString("pem") + "\n",
    key: x509.PemConverter.encode(key, "PRIVATE KEY") + "\n",
  };
}

/**
 * When a certificate ends, ms since 1970; of a chain, its first certificate.
 *
 * @throws {Error} when the text is no certificate in PEM.
 */
export function certificateExpiry(pem: string): number {
  return Date.parse(new X509Certificate(pem).validTo);
}

/**
 * Gives the certificate kept in a spool, or makes one and keeps it there: when
 * there is none, when it is for another name or not usable, and when it ends
 * within {@linkcode RENEW_BEFORE}.
 *
 * @throws {Error} of the file system, when it can be neither read nor written.
 */
export async function keptCertificate(
  spool: string,
  hostname: string,
  clock: Clock,
): Promise<Certificate> {
  const kept = await readKept(spool);
  if (kept !== undefined && isUsable(kept, hostname, clock.now())) return kept;
  const made = await selfSignedCertificate(hostname, clock.now());
  await Deno.mkdir(`${spool}/tls`, { recursive: true, mode: 0o700 });
  // Two files cannot be replaced at once; a crash in between leaves a pair that
  // does not belong together, and the next start makes a new one.
  await replaceFile(`${spool}/${KEY_FILE}`, made.key);
  await replaceFile(`${spool}/${CERTIFICATE_FILE}`, made.cert);
  return made;
}

async function readKept(spool: string): Promise<Certificate | undefined> {
  try {
    return {
      cert: await Deno.readTextFile(`${spool}/${CERTIFICATE_FILE}`),
      key: await Deno.readTextFile(`${spool}/${KEY_FILE}`),
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function isUsable({ cert, key }: Certificate, hostname: string, now: number): boolean {
  try {
    const certificate = new X509Certificate(cert);
    return certificateExpiry(cert) - now >= RENEW_BEFORE &&
      Date.parse(certificate.validFrom) <= now &&
      certificate.checkHost(hostname) !== undefined &&
      certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    // Not PEM any more: as good as none.
    return false;
  }
}

/** Writes a file that only its owner may read, whole or not at all. */
async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.tmp`;
  await Deno.writeTextFile(draft, text, { mode: 0o600 });
  await Deno.rename(draft, path);
}
