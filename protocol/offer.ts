/**
 * What a server has for a client at some moment, which EHLO announces and HELP
 * explains. Nothing here fails.
 *
 * @module
 */
import type { ClientInfo } from "../message/envelope.ts";
import type { Offer } from "./command_table.ts";
import type { SessionHandler, SessionOptions } from "./handler.ts";

/** What the conversation knows beside its options and its handler. */
export interface OfferedTo {
  /** The client as it is known now. */
  readonly client: ClientInfo;
  /** The SASL mechanisms that it can use now. */
  readonly mechanisms: readonly string[];
  /** Whether it may say by XCLIENT for whom it speaks. */
  readonly xclient: boolean;
}

/** What is there for this client now. */
export function offerOf(
  { limits, startTls, binaryMime = false }: SessionOptions,
  handler: SessionHandler,
  { client, mechanisms, xclient }: OfferedTo,
): Offer {
  const tls = client.tls !== undefined;
  return {
    messageSize: limits.messageSize,
    binaryMime,
    submission: handler.submission?.(),
    limits: { mails: handler.mailMax, recipients: limits.recipients },
    tls,
    startTls: startTls && !tls,
    mechanisms,
    xclient,
    etrn: handler.inquiries?.mayStart(client) ?? false,
    vrfy: handler.inquiries?.verifies ?? true,
  };
}
