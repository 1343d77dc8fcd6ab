/**
 * The SASL mechanisms that send the password itself: PLAIN (RFC 4616), on both
 * sides, and LOGIN (draft-murchison-sasl-login-00), which old clients know. Only
 * for connections whose octets nobody else reads.
 *
 * @module
 */
import { decodeStrict, encode } from "../../base/bytes.ts";
import { failed, letIn, NOTHING, type SaslContext, type SaslExchange, textOf } from "./exchange.ts";

/** What LOGIN asks; the words that its draft gives. */
const ASK_USER = encode("Username:");
const ASK_PASSWORD = encode("Password:");

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

/** `[authzid] NUL authcid NUL passwd`. Nobody acts for another: the authorization identity is empty, or the user's own. */
export async function* plain(
  initial: Uint8Array | undefined,
  { credentials }: SaslContext,
): SaslExchange {
  const message = decodeStrict(initial ?? (yield NOTHING));
  const [actingFor, user = "", password = "", ...more] = message?.split("\0") ?? [];
  if (user === "" || password === "" || more.length > 0) return failed("malformed");
  // Asked all the same, so that the answer takes as long.
  const known = await credentials.password(user, password);
  const forItself = actingFor === "" || actingFor === user;
  return letIn(forItself ? known : undefined, user);
}

/** The name, then the password. */
export async function* login(
  initial: Uint8Array | undefined,
  { credentials }: SaslContext,
): SaslExchange {
  const user = textOf(initial ?? (yield ASK_USER));
  const password = textOf(yield ASK_PASSWORD);
  if (user === undefined || password === undefined) return failed("malformed", user);
  return letIn(await credentials.password(user, password), user);
}
