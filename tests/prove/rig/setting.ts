/**
 * What every run of the server in a proof is started with: a certificate made
 * once, and retries that come at once.
 *
 * @module
 */
import { selfSignedCertificate } from "../../../transport/certificate.ts";

/** Deferred mail goes again right away, so that a proof sees all of its states. */
const SETTINGS = `
[retry]
first = "250ms"
factor = 1
longest = "250ms"
jitter = 0
`;

/** The flags of a run. */
export interface Setting {
  /** Those that are the same for every run. */
  readonly flags: readonly string[];
  /** Those that name the certificate. */
  readonly certificate: readonly string[];
}

/** Writes what the flags name into a directory, and gives the flags. */
export async function makeSetting(directory: string): Promise<Setting> {
  const { cert, key } = await selfSignedCertificate("relay.test", Date.now());
  await Deno.writeTextFile(`${directory}/settings.toml`, SETTINGS);
  await Deno.writeTextFile(`${directory}/cert.pem`, cert);
  await Deno.writeTextFile(`${directory}/key.pem`, key);
  return {
    flags: [
      "--listen=127.0.0.1:0",
      "--allow-private",
      "--log-format=json",
      `--config=${directory}/settings.toml`,
    ],
    certificate: [`--tls-cert=${directory}/cert.pem`, `--tls-key=${directory}/key.pem`],
  };
}
