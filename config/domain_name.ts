/**
 * Domains, host names and mailboxes as an operator writes them, brought into
 * the form in which they are compared. What is not one throws a `TypeError`
 * that says what was expected.
 *
 * @module
 */
import { canonicalDomain } from "../protocol/domain.ts";
import { splitMailbox } from "../protocol/mailbox.ts";

/** A last label of digits only: no name of the DNS has one, a mistyped IPv4 address has (RFC 3696 §2). */
const NUMERIC_END = /(?:^|\.)\d+$/;

/** No host name of the Internet has underscores; the names of containers and private networks do. */
const NAME_WITH_UNDERSCORES = /^\w[\w-]{0,62}(?:\.\w[\w-]{0,62})*$/;

/** A domain in A-labels and lower case, address literals excluded; undefined when it is not one. */
function canonicalName(text: string): string | undefined {
  const name = canonicalDomain(text);
  return name === undefined || name.startsWith("[") || NUMERIC_END.test(name) ? undefined : name;
}

/**
 * A mail domain, or the name by which this server introduces itself; in A-labels and lower case.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseDomain(text: string): string {
  const name = canonicalName(text);
  if (name === undefined) throw new TypeError("expected a domain name, such as mail.example.org");
  return name;
}

/** What a machine's own name gives as the server's: `localhost` where it could not stand in a greeting (RFC 5321 §4.1.2). */
export function nameOfMachine(machineName: string): string {
  return canonicalName(machineName) ?? "localhost";
}

/**
 * The name of a host to look up, in A-labels and lower case; underscores are allowed.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseHostName(text: string): string {
  const name = canonicalName(text);
  if (name !== undefined) return name;
  if (text.includes("_") && text.length <= 253 && NAME_WITH_UNDERSCORES.test(text)) {
    return text.toLowerCase();
  }
  throw new TypeError(`"${text}" is neither a host name nor an IP address`);
}

/**
 * A mailbox with its domain in A-labels, all in lower case.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseMailbox(text: string): string {
  const { localPart, domain } = splitMailbox(text);
  const name = canonicalName(domain);
  if (name === undefined) throw new TypeError("expected an address, such as user@example.org");
  return `${localPart.toLowerCase()}@${name}`;
}
