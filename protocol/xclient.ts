/**
 * XCLIENT (Postfix's `XCLIENT_README`): a proxy or filter in front of the server says
 * who its client is, and the session starts over as that client's. Values are xtext;
 * what is malformed gives the reply that says so; nothing here throws.
 *
 * @module
 */
import { canonicalAddress } from "../base/ip_address.ts";
import { isPrintable } from "../base/printable.ts";
import type { ClientInfo } from "../message/envelope.ts";
import { decodeXtext } from "../message/xtext.ts";
import { isHeloName } from "./domain.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";
import { newClient, withoutFingerprint } from "./transaction.ts";

/** What is said of a client; what is absent stays as it was. */
export type ClientClaims = Partial<
  Pick<ClientInfo, "address" | "port" | "helo" | "protocol"> & {
    /** Who it has logged in as; null when nobody. */
    readonly login: string | null;
  }
>;

/** The line of EHLO: every attribute that is understood. */
export const XCLIENT_KEYWORD =
  "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME";

/** What stands for a client whose address is not known: nobody has it, and no network that is trusted holds it. */
const NO_ADDRESS = "0.0.0.0";

/** What stands for a value that is not known, or could not be looked up. */
const UNKNOWN: ReadonlySet<string> = new Set(["[UNAVAILABLE]", "[TEMPUNAVAIL]"]);

/** Octets of a value, decoded; a name of the DNS has fewer. */
const LONGEST_VALUE = 255;

/** Reads one value; undefined in it stands for one that is not known. */
type Reader = (value: string | undefined) => ClientClaims | undefined;

/** Checked, and of no use here: no name of a client's is looked at anywhere. */
const ignored: Reader = () => ({});

/** The attributes by name. */
const ATTRIBUTES: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["NAME", ignored],
  ["REVERSE_NAME", ignored],
  ["ADDR", (value) => addressClaim(value)],
  ["PORT", (value) => portClaim(value)],
  ["PROTO", (value) => protocolClaim(value)],
  ["HELO", (value) => heloClaim(value)],
  ["LOGIN", (value) => ({ login: value ?? null })],
  ["DESTADDR", (value) => addressClaim(value) && {}],
  ["DESTPORT", (value) => portClaim(value) && {}],
]);

/** Reads `NAME=value …`, at least one. */
export function parseXclient(argument: string): Parsed<ClientClaims> {
  let claims: ClientClaims = {};
  for (const word of argument.split(" ").filter((word) => word !== "")) {
    const claim = parseAttribute(word);
    if (claim === undefined) return refused(501, "5.5.4", "Bad XCLIENT attribute");
    claims = { ...claims, ...claim };
  }
  return argument === "" ? refused(501, "5.5.4", "XCLIENT attribute expected") : parsed(claims);
}

function parseAttribute(word: string): ClientClaims | undefined {
  const equals = word.indexOf("=");
  const read = ATTRIBUTES.get(word.slice(0, equals).toUpperCase());
  const value = decodeXtext(word.slice(equals + 1));
  if (equals < 0 || read === undefined || value === undefined) return undefined;
  if (UNKNOWN.has(value.toUpperCase())) return read(undefined);
  if (value === "" || value.length > LONGEST_VALUE || !isPrintable(value)) return undefined;
  return read(value);
}

/** An IPv4 address, or an IPv6 address behind `IPV6:`. */
function addressClaim(value: string | undefined): ClientClaims | undefined {
  if (value === undefined) return { address: NO_ADDRESS };
  const [, six] = /^ipv6:(.*)$/i.exec(value) ?? [];
  if ((six ?? value).includes(":") !== (six !== undefined)) return undefined;
  const address = canonicalAddress(six ?? value);
  return address === undefined ? undefined : { address };
}

function portClaim(value: string | undefined): ClientClaims | undefined {
  if (value === undefined) return { port: 0 };
  return /^\d{1,5}$/.test(value) && Number(value) <= 65535 ? { port: Number(value) } : undefined;
}

function protocolClaim(value: string | undefined): ClientClaims | undefined {
  const protocol = value?.toUpperCase();
  return protocol === "SMTP" || protocol === "ESMTP" ? { protocol } : undefined;
}

function heloClaim(value: string | undefined): ClientClaims | undefined {
  if (value === undefined) return { helo: "" };
  return isHeloName(value) ? { helo: value } : undefined;
}

/**
 * The client that is spoken for. The TLS session is the proxy's: that the proxy has
 * shown a certificate says nothing of its client.
 */
export function claimedClient(client: ClientInfo, claims: ClientClaims): ClientInfo {
  const { login = client.user ?? null, ...known } = claims;
  const tls = client.tls && withoutFingerprint(client.tls);
  const { address, port, helo, protocol } = { ...client, ...known };
  const claimed = { ...newClient({ address, port }, tls), helo, protocol };
  return login === null ? claimed : { ...claimed, user: login };
}
