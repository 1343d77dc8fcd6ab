/**
 * The URL of a smarthost. What is not one throws a `TypeError` that says what
 * was expected, without the password in it.
 *
 * @module
 */
import type { Smarthost } from "./config.ts";
import { parseHostPort } from "./host_port.ts";

const EXPECTED = "expected smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://…";

/** The ports of SMTP (RFC 5321 §4.5.4.2) and of submission over implicit TLS (RFC 8314 §3.3). */
const DEFAULT_PORT = { smtp: 25, smtps: 465 };

/**
 * A smarthost: `smtp://[user:password@]host[:port]`, or `smtps://…` for
 * implicit TLS; port 25 or 465. User and password are percent-encoded where
 * they hold `%`, `/`, `:` or `@`.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseSmarthost(text: string): Smarthost {
  const [, scheme, userinfo, address] = /^(smtps?):\/\/(?:(.*)@)?([^@/]+)\/?$/s.exec(text) ?? [];
  if (address === undefined) throw new TypeError(EXPECTED);
  const { host, port } = parseHostPort(address);
  if (host === "") throw new TypeError(EXPECTED);
  const target = {
    host,
    port: port ?? DEFAULT_PORT[scheme as "smtp" | "smtps"],
    implicitTls: scheme === "smtps",
  };
  return userinfo === undefined ? target : { ...target, ...parseUserinfo(userinfo) };
}

/** `user:password`, percent-decoded. Neither may hold NUL, which separates them in AUTH PLAIN (RFC 4616 §2). */
function parseUserinfo(userinfo: string): { user: string; password: string } {
  const colon = userinfo.indexOf(":");
  const user = percentDecode(userinfo.slice(0, Math.max(colon, 0)));
  const password = percentDecode(userinfo.slice(colon + 1));
  if (user === "" || password === "" || (user + password).includes("\0")) {
    throw new TypeError("expected USER:PASSWORD before the @, neither of them empty");
  }
  return { user, password };
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError("expected %XX only as the percent-encoding of UTF-8 in user and password");
  }
}

/** A smarthost's URL fit to be shown: whatever stands before its last `@` is left out. */
export function withoutUserinfo(text: string): string {
  return text.replace(/^((?:[a-z]+:\/\/)?).*@/s, "$1***@");
}
