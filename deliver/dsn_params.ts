/**
 * The parameters that pass a sender's wishes for notifications on to a next hop that
 * offers DSN (RFC 3461 §5.2.1): as they were given, and none that were not, but for
 * mail that has a time which that next hop does not know of (RFC 2852). Pure.
 *
 * @module
 */
import type { DeliverBy } from "../message/deliver_by.ts";
import { asciiOrcpt, type DsnRequest, type RecipientRequest } from "../message/dsn_request.ts";
import type { Extensions } from "../protocol/ehlo.ts";
import { goesWithoutTime } from "./deliver_by.ts";

/** What decides what is asked of a next hop. */
interface Asker {
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** What the sender asked to be told. */
  readonly dsn?: DsnRequest;
  /** What is left of the time that it set. */
  readonly deliverBy?: DeliverBy;
}

/** What is asked of a next hop with these extensions; undefined for nothing. */
export function requestTo(
  { dsn: takesRequests, leastDeliverBy }: Extensions,
  { dsn: request, deliverBy, reversePath, recipients }: Asker,
): DsnRequest | undefined {
  if (!takesRequests) return undefined;
  const isWithoutTime = deliverBy !== undefined &&
    goesWithoutTime(deliverBy, leastDeliverBy !== undefined);
  if (!isWithoutTime || reversePath === "") return request;
  return { ...request, recipients: recipients.map((_, i) => withDelay(request?.recipients?.[i])) };
}

/** RFC 2852 §4.1.4.2: the next hop tells of delays, unless nobody is to hear of anything. */
function withDelay(request: RecipientRequest = {}): RecipientRequest {
  const { notify = ["FAILURE"] } = request;
  const isComplete = notify.length === 0 || notify.includes("DELAY");
  return isComplete ? request : { ...request, notify: [...notify, "DELAY"] };
}

/** What follows MAIL, a space before each parameter. */
export function mailDsnParams({ ret, envid }: DsnRequest): string {
  return (ret === undefined ? "" : ` RET=${ret}`) + (envid === undefined ? "" : ` ENVID=${envid}`);
}

/** What follows RCPT. Without SMTPUTF8 an ORCPT has its form in US-ASCII (RFC 6533 §3). */
export function rcptDsnParams(
  { notify, orcpt }: RecipientRequest = {},
  { smtputf8 }: { readonly smtputf8: boolean },
): string {
  const events = notify?.length === 0 ? "NEVER" : notify?.join(",");
  const original = orcpt !== undefined && !smtputf8 ? asciiOrcpt(orcpt) : orcpt;
  return (events === undefined ? "" : ` NOTIFY=${events}`) +
    (original === undefined ? "" : ` ORCPT=${original}`);
}
