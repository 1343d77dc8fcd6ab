/**
 * Domains and address literals (RFC 5321 §4.1.2, §4.1.3): whether a text is one,
 * and the single form in which the mail system compares it. Nothing here throws;
 * what is no domain is `undefined` or `false`.
 *
 * @module
 */
import { isIPv4, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";
import { isAscii } from "../base/bytes.ts";

/** Octets of a domain (RFC 5321 §4.5.3.1.2). */
const LONGEST_DOMAIN = 255;

// Dots cannot stand inside a label, so each text matches in one way only and in linear time.
const DOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const HOST_NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?$/i;

/** `Standardized-tag ":" 1*dcontent` (RFC 5321 §4.1.3), in lower case. */
const TAGGED_LITERAL = /^[a-z0-9-]*[a-z0-9]:[!-Z^-~]+$/;

/**
 * The form of a domain that is compared, looked up and kept: lower case, A-labels
 * (RFC 5891), no trailing dot; an address literal stays in its brackets, in lower
 * case. `undefined` when the text is neither.
 */
export function canonicalDomain(domain: string): string | undefined {
  if (domain.startsWith("[")) return canonicalLiteral(domain);
  if (domain.length > LONGEST_DOMAIN) return undefined;
  const bare = domain.endsWith(".") ? domain.slice(0, -1) : domain;
  // domainToASCII maps, but does not check: spaces, `a..b` and labels of 64 octets come through.
  const ascii = isAscii(bare) ? bare.toLowerCase() : domainToASCII(bare);
  return ascii.length <= LONGEST_DOMAIN && DOMAIN.test(ascii) ? ascii : undefined;
}

/**
 * The domain of a mailbox in its canonical form, by which mail for one domain is
 * known to belong together; one that is none is only put in lower case. `""` for a
 * bare `postmaster`. The last `@` counts: a quoted local part may hold others.
 */
export function mailDomain(mailbox: string): string {
  const at = mailbox.lastIndexOf("@");
  const domain = at < 0 ? "" : mailbox.slice(at + 1);
  return canonicalDomain(domain) ?? domain.toLowerCase();
}

/** The lower-case form of an address literal, brackets included, or `undefined`. */
function canonicalLiteral(literal: string): string | undefined {
  if (literal.length > LONGEST_DOMAIN || !literal.endsWith("]")) return undefined;
  // Before the lower case: that of the Kelvin sign is a plain "k".
  if (!isAscii(literal)) return undefined;
  const inner = literal.slice(1, -1).toLowerCase();
  if (inner.startsWith("ipv6:")) {
    // A zone (`fe80::1%eth0`) means nothing outside the client's own host.
    return isIPv6(inner.slice(5)) && !inner.includes("%") ? `[${inner}]` : undefined;
  }
  return isIPv4(inner) || TAGGED_LITERAL.test(inner) ? `[${inner}]` : undefined;
}

/**
 * Whether a text will do as the argument of HELO and EHLO: an address literal, or
 * a host name, in which underscores and hyphens are tolerated anywhere because
 * clients that nobody can mend send them.
 */
export function isHeloName(text: string): boolean {
  if (text.startsWith("[")) return canonicalLiteral(text) !== undefined;
  return text.length <= LONGEST_DOMAIN && HOST_NAME.test(text);
}
