/**
 * `tls-server-end-point` (RFC 5929 §4.1): the hash of a server's certificate, by
 * which SCRAM-SHA-256-PLUS ties a login to a TLS connection. Made from the
 * certificate alone; the bindings that TLS itself gives (`tls-exporter`, RFC 9266)
 * the runtime does not export. Octets that are no certificate are hashed all the same.
 *
 * @module
 */
import { createHash } from "node:crypto";

/**
 * The hashes of signature algorithms, by the end of their object identifiers in
 * DER; MD5, SHA-1 and all that are not here count as SHA-256.
 */
const HASHES: ReadonlyMap<string, string> = new Map([
  ["2a864886f70d01010c", "sha384"], // sha384WithRSAEncryption
  ["2a864886f70d01010d", "sha512"], // sha512WithRSAEncryption
  ["2a8648ce3d040303", "sha384"], // ecdsa-with-SHA384
  ["2a8648ce3d040304", "sha512"], // ecdsa-with-SHA512
]);

/** The hash of a certificate in DER, by the hash function of its own signature. */
export function endPointOf(der: Uint8Array): Uint8Array {
  const hash = HASHES.get(signatureAlgorithm(der)) ?? "sha256";
  return new Uint8Array(createHash(hash).update(der).digest());
}

/** `Certificate ::= SEQUENCE { tbsCertificate, SEQUENCE { OBJECT IDENTIFIER, … }, … }`: that identifier, in hexadecimal. */
function signatureAlgorithm(der: Uint8Array): string {
  const tbs = element(der, element(der, 0).start);
  const algorithm = element(der, tbs.end);
  const { start, end } = element(der, algorithm.start);
  return der.slice(start, end).toHex();
}

/** Where the contents of a DER element at `at` begin and end. */
function element(der: Uint8Array, at: number): { start: number; end: number } {
  const first = der[at + 1] ?? 0;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const start = at + 2 + (first & 0x7f);
  const length = der.subarray(at + 2, start).reduce((sum, octet) => sum * 256 + octet, 0);
  return { start, end: start + length };
}
