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

/** What most senders do not ask for; undefined when nothing of it was. */
function wishesIn(
  transaction: Transaction,
):
  | Pick<Envelope, "dsn" | "release" | "holdRequest" | "priority" | "requireTls" | "deliverBy">
  | undefined {
  const { release, holdRequest, priority, requireTls, deliverBy } = transaction.mail;
  const dsn = dsnRequest(transaction);
  const isNone = dsn === undefined && release === undefined && priority === undefined &&
    requireTls === undefined && deliverBy === undefined;
  return isNone ? undefined : {
    ...(dsn && { dsn }),
    ...(release !== undefined && { release }),
    ...(holdRequest !== undefined && { holdRequest }),
    ...(priority !== undefined && { priority }),
    ...(requireTls && { requireTls }),
    ...(deliverBy && { deliverBy }),
  };
}

/** The envelope of a transaction. */
export function envelopeOf(transaction: Transaction, client: ClientInfo): Envelope {
  const { reversePath, smtputf8, body } = transaction.mail;
  const { recipients } = transaction;
  // RFC 6531 §4.3: the keyword of a message that came with SMTPUTF8.
  const sender = smtputf8 ? { ...client, protocol: keyword("UTF8SMTP", client) } : client;
  const wishes = wishesIn(transaction);
  const envelope = { reversePath, recipients, smtputf8, body, client: sender };
  return wishes === undefined ? envelope : { ...envelope, ...wishes };
}

/** A client that has not said HELO or EHLO; nobody has logged in either. */
export function newClient(
  { address, port }: Pick<ClientInfo, "address" | "port">,
  tls: TlsInfo | undefined,
): ClientInfo {
  return { address, port, helo: "", protocol: "SMTP", tls: tls && recorded(tls) };
}

/** A TLS session with somebody who speaks for the client: the certificate shown in it is not the client's. */
export function withoutFingerprint<T extends TlsInfo>(tls: T): T {
  return { ...tls, fingerprint: undefined };
}

/** What is kept of a TLS session with the messages that come over it. */
export function recorded({ version, cipher, verified, fingerprint }: TlsInfo): TlsInfo {
  const session = { version, cipher, verified };
  return fingerprint === undefined ? session : { ...session, fingerprint };
}

/** The same client once it has. */
export function greetedClient(
  client: ClientInfo,
  greeting: "HELO" | "EHLO",
  helo: string,
): ClientInfo {
  return { ...client, helo, protocol: greeting === "HELO" ? "SMTP" : keyword("ESMTP", client) };
}

/** The same client once it has logged in. */
export function authenticatedClient(client: ClientInfo, user: string): ClientInfo {
  const known = { ...client, user };
  return { ...known, protocol: keyword("ESMTP", known) };
}

/** The `with` keyword: RFC 3848 and RFC 6531 §4.3 have S for TLS and A for AUTH; without EHLO there is neither. */
function keyword(base: "ESMTP" | "UTF8SMTP", { tls, user }: ClientInfo): string {
  return `${base}${tls === undefined ? "" : "S"}${user === undefined ? "" : "A"}`;
}
