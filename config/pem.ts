/**
 * Certificates and keys from PEM files. A file that cannot be read, holds
 * something else, or a key of another certificate is a
 * {@linkcode ConfigError} that names the file.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Certificate } from "./config.ts";
import { readSettingFile } from "./file.ts";
import { ConfigError } from "./source.ts";

/** A file and what named it, for messages. */
export interface NamedFile {
  /** Where it is. */
  readonly path: string;
  /** The flag, variable or key that named it. */
  readonly where: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificates in a PEM file, at least one, each as PEM.
 *
 * @param where what named the file, for messages.
 * @throws {ConfigError} when it cannot be read or holds none.
 */
export async function readCertificates(path: string, where: string): Promise<string[]> {
  const certificates = (await readSettingFile(path, where)).match(CERTIFICATE) ?? [];
  if (certificates.length === 0 || !certificates.every(isCertificate)) {
    throw new ConfigError([`${where} "${path}": expected certificates in PEM`]);
  }
  return certificates;
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

/**
 * A certificate chain, the server's own certificate first, and its key.
 *
 * @throws {ConfigError} when one of the files cannot be used, or they do not belong together.
 */
export async function readKeyPair(chain: NamedFile, keyFile: NamedFile): Promise<Certificate> {
  const certificates = await readCertificates(chain.path, chain.where);
  const key = await readSettingFile(keyFile.path, keyFile.where);
  if (!belongs(key, certificates[0]!, keyFile)) {
    throw new ConfigError([
      `${keyFile.where} "${keyFile.path}": is not the key of the first certificate in "${chain.path}"`,
    ]);
  }
  return { cert: certificates.join("\n") + "\n", key };
}

function belongs(key: string, certificate: string, { path, where }: NamedFile): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    throw new ConfigError([
      `${where} "${path}": expected a private key in PEM, without a password`,
    ]);
  }
}
