/**
 * Domain names as an operator writes them, brought into the form in which they
 * are compared: A-labels, lower case. What is not one gives undefined or a
 * `TypeError` that says what was expected.
 *
 * @module
 */
import { domainToASCII } from "node:url";

/** Letters, digits and inner hyphens, at most 63 octets (RFC 1123 §2.1, RFC 5321 §4.1.2). */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** As {@linkcode LABEL}, and underscores: no host name of the Internet has them, many a private network's have. */
const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A last label of digits only: no name of the DNS has one, a mistyped IPv4 address has (RFC 3696 §2). */
const NUMERIC_END = /(?:^|\.)\d+$/;

/** The longest name, in octets without a trailing dot (RFC 1035 §2.3.4). */
const LONGEST_NAME = 253;

/** A name in A-labels and lower case, without a trailing dot; undefined when it is not one. */
function canonicalName(name: string, labelForm: RegExp): string | undefined {
  const ascii = domainToASCII(name.endsWith(".") ? name.slice(0, -1) : name).toLowerCase();
  if (ascii === "" || ascii.length > LONGEST_NAME || NUMERIC_END.test(ascii)) return undefined;
  return ascii.split(".").every((label) => labelForm.test(label)) ? ascii : undefined;
}

/**
 * A mail domain, or the name by which this server introduces itself; in A-labels and lower case.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseDomain(text: string): string {
  const name = canonicalName(text, LABEL);
  if (name === undefined) throw new TypeError("expected a domain name, such as mail.example.org");
  return name;
}

/**
 * The name of a host to look up, in A-labels and lower case; underscores are allowed.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseHostName(text: string): string {
  const name = canonicalName(text, HOST_LABEL);
  if (name === undefined) throw new TypeError(`"${text}" is neither a host name nor an IP address`);
  return name;
}

/** What a machine's own name gives as the server's: `localhost` where it could not stand in a greeting (RFC 5321 §4.1.2). */
export function nameOfMachine(machineName: string): string {
  return canonicalName(machineName, LABEL) ?? "localhost";
}

/**
 * A mailbox with its domain in A-labels, all in lower case.
 *
 * @throws {TypeError} when it is not one.
 */
export function parseMailbox(text: string): string {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  const domain = canonicalName(text.slice(at + 1), LABEL);
  // deno-lint-ignore no-control-regex
  if (domain === undefined || !/^[^\x00-\x20\x7f]{1,64}$/.test(local)) {
    throw new TypeError("expected an address, such as user@example.org");
  }
  return `${local.toLowerCase()}@${domain}`;
}
