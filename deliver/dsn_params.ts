/**
 * The parameters that pass a sender's wishes for notifications on to a next hop that
 * offers DSN (RFC 3461 §5.2.1): as they were given, and none that were not. Pure.
 *
 * @module
 */
import { asciiOrcpt, type DsnRequest, type RecipientRequest } from "../message/dsn_request.ts";
import type { Extensions } from "../protocol/ehlo.ts";

/** What follows MAIL, a space before each parameter. */
export function mailDsnParams({ ret, envid }: DsnRequest): string {
  return (ret === undefined ? "" : ` RET=${ret}`) + (envid === undefined ? "" : ` ENVID=${envid}`);
}

/** What follows RCPT. Without SMTPUTF8 an ORCPT has its form in US-ASCII (RFC 6533 §3). */
export function rcptDsnParams(
  { notify, orcpt }: RecipientRequest = {},
  { smtputf8 }: Extensions,
): string {
  const events = notify?.length === 0 ? "NEVER" : notify?.join(",");
  const original = orcpt !== undefined && !smtputf8 ? asciiOrcpt(orcpt) : orcpt;
  return (events === undefined ? "" : ` NOTIFY=${events}`) +
    (original === undefined ? "" : ` ORCPT=${original}`);
}
