/**
 * Fingerprints of certificates as people write them. What is not one throws a
 * `TypeError` that says what was expected.
 *
 * @module
 */

/** Octet by octet with colons between, as OpenSSL prints it, or without. */
const FINGERPRINT =
  /^(?:sha-?256(?: fingerprint)?[:=])?([0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31})$/i;

/**
 * The SHA-256 fingerprint of a certificate, in lower-case hexadecimal.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseFingerprint(text: string): string {
  const [, digits] = FINGERPRINT.exec(text) ?? [];
  if (digits === undefined) {
    throw new TypeError(
      "expected a SHA-256 fingerprint, as `openssl x509 -noout -fingerprint -sha256` prints it",
    );
  }
  return digits.replaceAll(":", "").toLowerCase();
}
