/**
 * A mail transaction between MAIL and its content (RFC 5321 §3.3), the client that
 * makes it, and the envelope that it becomes. Nothing here fails.
 *
 * @module
 */
import type { DsnRequest, RecipientRequest } from "../message/dsn_request.ts";
import type { ClientInfo, Envelope, TlsInfo } from "../message/envelope.ts";
import type { MailCommand, RcptCommand } from "./handler.ts";

/** What MAIL and RCPT have said so far. */
export interface Transaction {
  /** The sender and its parameters. */
  readonly mail: MailCommand;
  /** The recipients that were accepted. */
  readonly recipients: string[];
  /** What was asked about each of them; absent while nothing was asked of any. */
  requests?: RecipientRequest[];
  /** How many RCPT commands were refused, for whatever reason. */
  refused: number;
}

/** Adds a recipient that was accepted. */
export function addRecipient(transaction: Transaction, rcpt: RcptCommand): void {
  const { notify, orcpt } = rcpt;
  const { recipients } = transaction;
  if (notify !== undefined || orcpt !== undefined) {
    transaction.requests ??= recipients.map(() => ({}));
  }
  transaction.requests?.push({ notify, orcpt });
  recipients.push(rcpt.address);
}

/** What the sender asked to be told; undefined when nothing. */
function dsnRequest({ mail, requests }: Transaction): DsnRequest | undefined {
  const { ret, envid } = mail;
  const isNone = ret === undefined && envid === undefined && requests === undefined;
  return isNone ? undefined : { ret, envid, recipients: requests };
}

/** The envelope of a transaction. */
export function envelopeOf(transaction: Transaction, client: ClientInfo): Envelope {
  const { reversePath, smtputf8, body } = transaction.mail;
  const { recipients } = transaction;
  // RFC 6531 §4.3: the keyword of a message that came with SMTPUTF8.
  const protocol = client.tls === undefined ? "UTF8SMTP" : "UTF8SMTPS";
  const sender = smtputf8 ? { ...client, protocol } : client;
  const dsn = dsnRequest(transaction);
  const envelope = { reversePath, recipients, smtputf8, body, client: sender };
  return dsn === undefined ? envelope : { ...envelope, dsn };
}

/** A client that has not said HELO or EHLO. */
export function newClient(
  { address, port }: Pick<ClientInfo, "address" | "port">,
  tls: TlsInfo | undefined,
): ClientInfo {
  return { address, port, helo: "", protocol: "SMTP", tls };
}

/** The same client once it has; its `with` keyword is RFC 3848's, which knows no TLS without EHLO. */
export function greetedClient(
  { address, port, tls }: ClientInfo,
  greeting: "HELO" | "EHLO",
  helo: string,
): ClientInfo {
  const extended = tls === undefined ? "ESMTP" : "ESMTPS";
  return { address, port, helo, protocol: greeting === "HELO" ? "SMTP" : extended, tls };
}
