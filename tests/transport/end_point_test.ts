import { assert, assertEquals } from "@std/assert";
import { createHash, X509Certificate } from "node:crypto";
import { endPointOf } from "../../transport/end_point.ts";
import { tool } from "../helpers/tools.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { CERTIFICATE } from "./running.ts";

/** A certificate that openssl makes, in DER. */
async function issued(openssl: string, newkey: string[], digest: string): Promise<Uint8Array> {
  return await withTempDir(async (directory) => {
    const out = `${directory}/cert.pem`;
    const { success } = await new Deno.Command(openssl, {
      args: [
        ...[
          "req",
          "-x509",
          ...newkey,
          "-nodes",
          `-${digest}`,
          "-days",
          "1",
          "-subj",
          "/CN=mx.test",
        ],
        ...["-keyout", `${directory}/key.pem`, "-out", out],
      ],
      stderr: "null",
    }).output();
    assert(success, "openssl failed");
    return new X509Certificate(await Deno.readTextFile(out)).raw;
  });
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
const RSA = ["-newkey", "rsa:2048"];
const SIGNATURES: readonly (readonly [string[], string, string])[] = [
  [EC, "sha256", "sha256"],
  [EC, "sha384", "sha384"],
  [EC, "sha512", "sha512"],
  [RSA, "sha256", "sha256"],
  [RSA, "sha384", "sha384"],
  [RSA, "sha512", "sha512"],
  [RSA, "sha1", "sha256"],
];

const openssl = tool("openssl");
for (const [newkey, digest, expected] of SIGNATURES) {
  const kind = newkey === EC ? "ECDSA" : "RSA";
  Deno.test({
    name: `a certificate signed by ${kind} with ${digest} is hashed by ${expected} (RFC 5929 §4.1)`,
    ignore: openssl === undefined,
    fn: async () => {
      const der = await issued(openssl!, newkey, digest);
      assertEquals(endPointOf(der).toHex(), createHash(expected).update(der).digest("hex"));
    },
  });
}

Deno.test("octets that are no certificate are hashed without a fault", () => {
  const { raw } = new X509Certificate(CERTIFICATE.cert);
  for (let length = 0; length < 40; length++) {
    assertEquals(endPointOf(raw.subarray(0, length)).length, 32);
  }
});
