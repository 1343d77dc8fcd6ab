/**
 * What a sender asked for beyond delivery, in words. Nothing here fails.
 *
 * @module
 */
import type { DeliverBy } from "../message/deliver_by.ts";
import type { DsnRequest } from "../message/dsn_request.ts";
import type { Envelope } from "../message/envelope.ts";

/** The wishes in an envelope, as they are written in MAIL and RCPT; undefined when there are none. */
export function wishesText(envelope: Envelope): readonly string[] | undefined {
  const { holdRequest, priority, requireTls, deliverBy, dsn } = envelope;
  const isNone = holdRequest === undefined && priority === undefined && requireTls === undefined &&
    deliverBy === undefined && dsn === undefined;
  if (isNone) return undefined;
  return [
    ...(requireTls ? ["REQUIRETLS"] : []),
    ...(priority === undefined ? [] : [`MT-PRIORITY=${priority}`]),
    ...(holdRequest === undefined ? [] : [`HOLD${holdRequest.replace(";", "=").toUpperCase()}`]),
    ...(deliverBy === undefined ? [] : [byText(deliverBy)]),
    ...(dsn === undefined ? [] : dsnTexts(dsn)),
  ];
}

/** RFC 2852 §4. */
function byText({ seconds, mode, trace }: DeliverBy): string {
  return `BY=${seconds};${mode === "return" ? "R" : "N"}${trace ? "T" : ""}`;
}

/** RFC 3461 §4. What was asked of several recipients alike is there once. */
function dsnTexts({ ret, envid, recipients = [] }: DsnRequest): string[] {
  const notify = new Set<string>();
  for (const { notify: events } of recipients) {
    if (events !== undefined) notify.add(`NOTIFY=${events.join(",") || "NEVER"}`);
  }
  return [
    ...(ret === undefined ? [] : [`RET=${ret}`]),
    ...(envid === undefined ? [] : [`ENVID=${envid}`]),
    ...notify,
  ];
}
