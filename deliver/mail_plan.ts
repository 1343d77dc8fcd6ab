/**
 * What MAIL and RCPT will say for a message to a host with the extensions it
 * offers, and who of its recipients cannot be given to that host at all. Decides
 * and sends nothing; fails only where the content cannot be read.
 *
 * @module
 */
import { isAscii } from "../base/bytes.ts";
import type { MaybePromise } from "../base/maybe_promise.ts";
import { hasEightBit } from "../base/scan.ts";
import type { DeliverBy } from "../message/deliver_by.ts";
import type { DsnRequest } from "../message/dsn_request.ts";
import { HeaderScanner } from "../message/headers.ts";
import { canonicalDomain } from "../protocol/domain.ts";
import { byValue } from "../protocol/deliver_by.ts";
import { needsUtf8 } from "../protocol/dsn_params.ts";
import type { Extensions } from "../protocol/ehlo.ts";
import { splitMailbox } from "../protocol/mailbox.ts";
import type { Content, DeliveryError } from "../queue/queue.ts";
import { mailDsnParams, rcptDsnParams, requestTo } from "./dsn_params.ts";
import {
  addressFailure,
  binaryFailure,
  deliverByFailure,
  requireTlsFailure,
  sizeFailure,
  smtputf8Failure,
} from "./failure.ts";
import type { Host } from "./route.ts";

/** A message and those of its recipients that go to one host. */
export interface Transaction {
  /** The sender's mailbox; `""` for the null reverse-path. */
  readonly reversePath: string;
  /** The mailboxes to deliver to, at least one. */
  readonly recipients: readonly string[];
  /** What the sender asked to be told, for these recipients. */
  readonly dsn?: DsnRequest;
  /** Whether the message came with SMTPUTF8 (RFC 6531). */
  readonly smtputf8: boolean;
  /** Whether the content holds an octet above 127. */
  readonly eightBit: boolean;
  /** Whether the content may have bare CRs and LFs, NULs and lines of any length (RFC 3030 §3). */
  readonly binary: boolean;
  /** Its priority (RFC 6710), where it was given one. */
  readonly priority?: number;
  /** Whether only a host that sees to TLS as well may have it (RFC 8689). */
  readonly requireTls?: true;
  /** In what time it is to be delivered from now on (RFC 2852). */
  readonly deliverBy?: DeliverBy;
  /** Octets of content. */
  readonly size: number;
  /** The content; read at most once for its header, and once to be sent. */
  readonly content: Content;
}

/** What to say, or why nothing can be said. */
export type MailPlan =
  | { readonly kind: "refused"; readonly error: DeliveryError }
  | {
    readonly kind: "go";
    /** How the content goes: with its dots stuffed, or in chunks (RFC 3030). */
    readonly framing: "data" | "chunks";
    /** The MAIL command without its CRLF. */
    readonly mail: string;
    /** For each recipient the RCPT command without its CRLF, or why it cannot be given. */
    readonly recipients: readonly (string | DeliveryError)[];
  };

/** A reverse-path and recipients as they go to this host, as far as they can. */
interface Addresses {
  readonly reversePath: string | DeliveryError;
  readonly recipients: readonly (string | DeliveryError)[];
  readonly smtputf8: boolean;
}

// What would end a command line, or be read as its end by a lenient server.
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * Plans the commands for a message.
 *
 * @throws {QueueError} when the header section had to be read and could not be.
 */
export function planMail(
  transaction: Transaction,
  extensions: Extensions,
  host: Host,
): MaybePromise<MailPlan> {
  const { reversePath, recipients, size } = transaction;
  const limit = extensions.size;
  if (limit !== undefined && size > limit) {
    return { kind: "refused", error: sizeFailure(size, limit, host) };
  }
  if (transaction.requireTls && !extensions.requireTls) {
    return { kind: "refused", error: requireTlsFailure("not offered", host) };
  }
  const untimely = transaction.deliverBy && untimeliness(transaction.deliverBy, extensions, host);
  if (untimely !== undefined) return { kind: "refused", error: untimely };
  if (transaction.binary && !extensions.binaryMime) {
    return { kind: "refused", error: binaryFailure(host) };
  }
  const smtputf8 = needsSmtputf8(transaction);
  if (smtputf8 && !extensions.smtputf8) return planInAscii(transaction, extensions, host);
  return planFor(transaction, { reversePath, recipients, smtputf8 }, extensions, host);
}

/** Why a message cannot go to this host that is to come back unless it is in time; undefined when it can. */
function untimeliness(
  { seconds, mode }: DeliverBy,
  { leastDeliverBy }: Extensions,
  host: Host,
): DeliveryError | undefined {
  if (mode === "notify") return undefined;
  if (seconds < 1) return deliverByFailure("over", host);
  if (leastDeliverBy === undefined) return deliverByFailure("not offered", host);
  return seconds < leastDeliverBy ? deliverByFailure("too short", host) : undefined;
}

/** Whether SMTPUTF8 is to be asked for: not of a message that came with it and holds nothing beyond US-ASCII (RFC 6531 §3.4). */
function needsSmtputf8(
  { reversePath, recipients, smtputf8, eightBit, dsn }: Transaction,
): boolean {
  if (!isAscii(reversePath) || !recipients.every(isAscii)) return true;
  return smtputf8 && (eightBit || dsn?.recipients?.some(needsUtf8) === true);
}

/**
 * The message came with SMTPUTF8, and the host does not offer it. It goes
 * without where nothing in it needs the extension: no header field beyond
 * US-ASCII, and only addresses that have a form in US-ASCII.
 */
async function planInAscii(
  transaction: Transaction,
  extensions: Extensions,
  host: Host,
): Promise<MailPlan> {
  const { smtputf8, eightBit, content } = transaction;
  if (smtputf8 && eightBit && await hasEightBitHeader(content)) {
    return { kind: "refused", error: smtputf8Failure("header", host) };
  }
  const addresses = {
    reversePath: asciiForm(transaction.reversePath) ?? smtputf8Failure("sender", host),
    recipients: transaction.recipients.map((address) =>
      asciiForm(address) ?? smtputf8Failure("recipient", host)
    ),
    smtputf8: false,
  };
  return planFor(transaction, addresses, extensions, host);
}

function planFor(
  transaction: Transaction,
  addresses: Addresses,
  extensions: Extensions,
  host: Host,
): MailPlan {
  const { reversePath, recipients, smtputf8 } = addresses;
  if (typeof reversePath !== "string") return { kind: "refused", error: reversePath };
  if (CONTROL.test(reversePath)) return { kind: "refused", error: addressFailure("sender", host) };
  let mail = `MAIL FROM:<${reversePath}>`;
  if (extensions.sizeDeclared) mail += ` SIZE=${transaction.size}`;
  // Where 8BITMIME is not offered, 8-bit content goes as it is: nearly all of those
  // servers pass it on, and converting it would break its signatures (RFC 6376 §5.3).
  if (transaction.binary) mail += " BODY=BINARYMIME";
  else if (transaction.eightBit && extensions.eightBitMime) mail += " BODY=8BITMIME";
  if (smtputf8) mail += " SMTPUTF8";
  // RFC 4954 §5: who submitted it is not vouched for, and a host that knows us is told so.
  if (extensions.authenticated) mail += " AUTH=<>";
  const { priority } = transaction;
  if (priority !== undefined && extensions.mtPriority) mail += ` MT-PRIORITY=${priority}`;
  if (transaction.requireTls) mail += " REQUIRETLS";
  const { deliverBy } = transaction;
  if (deliverBy && extensions.leastDeliverBy !== undefined) mail += ` BY=${byValue(deliverBy)}`;
  const plain = recipients.map((one) => rcptFor(one, host));
  const framing = transaction.binary ? "chunks" : "data";
  const dsn = requestTo(extensions, transaction);
  if (dsn === undefined) return { kind: "go", framing, mail, recipients: plain };
  const rcpts = plain.map((rcpt, i) =>
    typeof rcpt === "string" ? rcpt + rcptDsnParams(dsn.recipients?.[i], addresses) : rcpt
  );
  return { kind: "go", framing, mail: mail + mailDsnParams(dsn), recipients: rcpts };
}

function rcptFor(address: string | DeliveryError, host: Host): string | DeliveryError {
  if (typeof address !== "string") return address;
  return CONTROL.test(address) ? addressFailure("recipient", host) : `RCPT TO:<${address}>`;
}

/** A mailbox with its domain in A-labels; undefined when its local part or domain has no form in US-ASCII. */
function asciiForm(address: string): string | undefined {
  if (isAscii(address)) return address;
  const { localPart, domain } = splitMailbox(address);
  const ascii = canonicalDomain(domain);
  return ascii !== undefined && isAscii(localPart) ? `${localPart}@${ascii}` : undefined;
}

async function hasEightBitHeader(content: Content): Promise<boolean> {
  const scanner = new HeaderScanner();
  for await (const chunk of content.stream()) {
    const before = scanner.facts.octets;
    scanner.write(chunk);
    const inHeader = Math.max(scanner.facts.octets - before, 0);
    if (hasEightBit(chunk.subarray(0, inHeader))) return true;
    if (scanner.facts.complete) return false;
  }
  return false;
}
