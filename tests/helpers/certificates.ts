/** Certificates for tests: an authority of their own, and what it signs. */
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { isIP } from "node:net";
import type { Certificate } from "../../config/config.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 86_400_000;

/** An authority that next hops' certificates can be verified by. */
export interface Authority {
  /** Its own certificate, PEM. */
  readonly cert: string;
  /** Signs a certificate for some names or IP addresses, valid for a day to each side of now; `expired`: until yesterday. */
  issue(names: readonly string[], validity?: "expired"): Promise<Certificate>;
}

/** Makes an authority. */
export async function makeAuthority(): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const own = await X509CertificateGenerator.createSelfSigned({
    keys,
    name: "CN=Test authority",
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - 10 * DAY),
    notAfter: new Date(Date.now() + 10 * DAY),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });
  return {
    cert: own.toString("pem"),
    async issue(names, validity) {
      const leaf = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
      const end = validity === "expired" ? -DAY : DAY;
      const certificate = await X509CertificateGenerator.create({
        issuer: own.subject,
        subject: "CN=Test host",
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        notBefore: new Date(Date.now() + end - 2 * DAY),
        notAfter: new Date(Date.now() + end),
        extensions: [
          new BasicConstraintsExtension(false),
          new SubjectAlternativeNameExtension(
            names.map((value) => ({ type: isIP(value) ? "ip" as const : "dns" as const, value })),
          ),
        ],
      });
      const key = await crypto.subtle.exportKey("pkcs8", leaf.privateKey);
      return { cert: certificate.toString("pem"), key: PemConverter.encode(key, "PRIVATE KEY") };
    },
  };
}
