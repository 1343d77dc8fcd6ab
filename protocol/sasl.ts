/**
 * SASL as a client says it in AUTH (RFC 4954): the PLAIN mechanism (RFC 4616).
 * Only for connections whose server was verified: the password is in the clear.
 *
 * @module
 */
import { encode } from "../base/bytes.ts";

/**
 * The initial response of AUTH PLAIN: base64 of NUL user NUL password in UTF-8.
 *
 * @throws {TypeError} when the user or the password holds a NUL, which would end it.
 */
export function plainResponse(user: string, password: string): string {
  if (user.includes("\0") || password.includes("\0")) {
    throw new TypeError("a user name or password may not hold NUL");
  }
  return encode(`\0${user}\0${password}`).toBase64();
}
