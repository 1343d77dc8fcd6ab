/**
 * What TLS is demanded of a connection before any mail goes, and by what. Pure.
 *
 * @module
 */
import type { DeliverySettings } from "../config/config.ts";
import type { Credentials } from "./log_in.ts";

/**
 * What the settings, or the mail, demand.
 * - `opportunistic`: the best that the host can do, down to plaintext (RFC 7435)
 * - `verified`: STARTTLS with a certificate that verifies
 * - `implicit`: the same from the first octet, without STARTTLS (RFC 8314)
 *
 * A password is only ever given to a host that was verified.
 */
export type Demand =
  | { readonly kind: "opportunistic" }
  | { readonly kind: "verified"; readonly credentials?: Credentials }
  | { readonly kind: "implicit"; readonly credentials?: Credentials };

/** What is demanded of a next hop by these settings, for mail that requires TLS (RFC 8689) or does not. */
export function demandOf(
  { smarthost }: Pick<DeliverySettings, "smarthost">,
  requireTls: boolean,
): Demand {
  if (smarthost === undefined) return { kind: requireTls ? "verified" : "opportunistic" };
  const { user, password, implicitTls } = smarthost;
  const credentials = user !== undefined && password !== undefined ? { user, password } : undefined;
  if (implicitTls) return { kind: "implicit", credentials };
  return credentials || requireTls ? { kind: "verified", credentials } : { kind: "opportunistic" };
}

/** A demand in words, with what makes it. */
export function policyText(demand: Demand, requireTls: boolean): string {
  switch (demand.kind) {
    case "opportunistic":
      return "opportunistic";
    case "implicit":
      return requireTls ? "verified: implicit TLS, REQUIRETLS" : "verified: implicit TLS";
    case "verified":
      return requireTls ? "verified: REQUIRETLS" : "verified: smarthost with a password";
    default:
      return demand satisfies never;
  }
}
